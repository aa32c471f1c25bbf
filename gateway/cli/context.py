"""What every command shares: the configuration, loaded once, and the way out when a fault ends a command."""

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from gateway.bootstrap import people
from gateway.bootstrap.settings import read_configuration
from gateway.config.model import Configuration
from gateway.domain.errors import ConfigurationError, GatewayError
from gateway.domain.requests import RequestKind

EXIT_CONFIGURATION = 78
EXIT_FAULT = 1

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
    view = people.ask(configuration(context), kind, payload, by=f"console {people.user_name()}")
    click.echo(view.outcome, err=not view.ok)
    if not view.ok:
        if view.detail:
            show(view.detail)
        sys.exit(EXIT_FAULT)
    return view.detail
