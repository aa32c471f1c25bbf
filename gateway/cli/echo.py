"""Tests a peer; needs no ledger, so that a box can be tried before it has run."""

import json
import sys

import click

from gateway.bootstrap import people
from gateway.cli.context import EXIT_FAULT, ask, configuration, speaks_of_faults
from gateway.domain.requests import RequestKind


@click.command()
@click.argument("destination", metavar="NAME")
@click.pass_context
@speaks_of_faults
def echo(context: click.Context, destination: str) -> None:
    """Test NAME, a destination, worklist or mpps peer, layer by layer: name, connection, TLS, association, C-ECHO."""
    settings = configuration(context)
    if people.has_ledger(settings):  # then a role may run, which has the keys
        _print_layers(ask(context, RequestKind.ECHO, {"destination": destination}, show=_print_layers))
        return
    passed, sentence, detail = people.test_destination(settings, destination)
    click.echo(sentence, err=not passed)
    _print_layers(detail)
    if not passed:
        sys.exit(EXIT_FAULT)


def _print_layers(detail: str) -> None:
    for layer in json.loads(detail or "[]"):
        mark = "-" if layer["ok"] is None else "ok" if layer["ok"] else "FAILED"
        spent = f"  {layer['ms']} ms" if "ms" in layer else ""
        click.echo(f"  {layer['layer']:12} {mark:7} {layer['detail']}{spent}")
