"""What every command shares: the configuration, loaded once, and the way out when a fault ends a command."""

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from gateway.bootstrap import people
from gateway.bootstrap.settings import read_configuration
from gateway.config.faults import did_you_mean
from gateway.config.model import Configuration
from gateway.domain.errors import ConfigurationError, GatewayError
from gateway.domain.requests import RequestKind

EXIT_CONFIGURATION = 78
EXIT_FAULT = 1
_OPENING = frozenset({RequestKind.OPEN_STEP, RequestKind.OPEN_UNSCHEDULED, RequestKind.SCAN})

P = ParamSpec("P")
R = TypeVar("R")


def speaks_of_faults(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command end with one clear sentence instead of a traceback."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ConfigurationError as fault:
            click.echo(str(fault), err=True)
            sys.exit(EXIT_CONFIGURATION)
        except GatewayError as fault:
            click.echo(f"{fault} [{fault.phase.value}]", err=True)
            sys.exit(EXIT_FAULT)

    return wrapped


def configuration(context: click.Context) -> Configuration:
    """The configuration that ``--config`` names; what only building and sending understand is not checked."""
    return read_configuration(config_path(context))


def config_path(context: click.Context) -> Path:
    """The file that ``--config`` names."""
    path: Path = context.find_root().params["config"]
    return path


def ask(
    context: click.Context,
    kind: RequestKind,
    payload: Mapping[str, str],
    *,
    show: Callable[[str], object] = click.echo,
) -> str:
    """File a request, wait for its outcome and print it; returns its detail.

    If it was refused, `show` prints the detail and the command ends with 1.
    """
    settings = configuration(context)
    if kind in _OPENING:
        _refuse_unknown_device(settings, payload["device"])
    view = people.ask(settings, kind, payload, by=f"console {people.user_name()}")
    click.echo(view.outcome, err=not view.ok)
    if not view.ok:
        if view.detail:
            show(view.detail)
        sys.exit(EXIT_FAULT)
    return view.detail


def _refuse_unknown_device(settings: Configuration, device: str) -> None:
    """A patient who is opened on a device with a typing error is open nowhere, and who was open before stays it."""
    known = [one.name for one in settings.devices]
    if device not in known:
        suggestion = did_you_mean(device, known) or f"known are {', '.join(known) or 'none'}"
        raise click.UsageError(f"There is no device {device}, so nobody was opened: {suggestion}")
