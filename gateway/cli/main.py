"""The command group and the commands that run the gateway or show its settings."""

import sys
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from types import MappingProxyType

import click

from gateway.bootstrap.correction import wait_for_correction
from gateway.bootstrap.identities import local_identities
from gateway.bootstrap.roles import run_role
from gateway.bootstrap.settings import checked_configuration, load_configuration, shown_configuration
from gateway.bootstrap.supervise import supervise
from gateway.cli.context import EXIT_CONFIGURATION, config_path, speaks_of_faults
from gateway.cli.lazy import LazyGroup
from gateway.domain.errors import ConfigurationError

_DEFAULT_CONFIG = Path("/etc/gateway/gateway.toml")
_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "correct": "gateway.cli.corrections:correct",
        "destinations": "gateway.cli.destinations:destinations",
        "devices": "gateway.cli.showing:devices",
        "echo": "gateway.cli.echo:echo",
        "export": "gateway.cli.media:export",
        "hold": "gateway.cli.people:hold",
        "import-receipt": "gateway.cli.media:import_receipt",
        "quarantine": "gateway.cli.people:quarantine",
        "queue": "gateway.cli.queue:queue_with_verbs",
        "reconcile": "gateway.cli.unscheduled:reconcile",
        "status": "gateway.cli.showing:status",
        "step": "gateway.cli.performed:step_with_performed",
        "try": "gateway.cli.tryout:try_file",
        "unscheduled": "gateway.cli.unscheduled:unscheduled",
        "worklist": "gateway.cli.worklist:worklist",
    }
)
"""Commands of other modules; a role that runs for years does not load them."""


@click.group(cls=LazyGroup, elsewhere=_ELSEWHERE, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_DEFAULT_CONFIG,
    show_default=True,
    envvar="GATEWAY_CONFIG",
    help="The configuration file; the folder devices/ stands beside it.",
)
@click.version_option(package_name="imaging-gateway")
def main(config: Path) -> None:
    """Give imaging devices without DICOM a safe way into the PACS."""
    del config  # read by `config_path`, where a command needs it
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a name must not stop the command
            stream.reconfigure(errors="backslashreplace")


@main.command()
@click.argument("role", required=False, type=click.Choice(["capture", "assemble", "forward", "web"]))
@click.option("--device", help="Only this device (role capture).")
@click.pass_context
@speaks_of_faults
def run(context: click.Context, role: str | None, device: str | None) -> None:
    """Run the gateway: all roles under a supervisor, or only ROLE."""
    path = config_path(context)
    if role is None:
        sys.exit(supervise(path))
    try:
        sys.exit(run_role(path, role, device))
    except ConfigurationError as fault:
        click.echo(str(fault), err=True)
        wait_for_correction(path, fault.message)
        sys.exit(EXIT_CONFIGURATION)


@main.command("check-config")
@click.pass_context
@speaks_of_faults
def check_config(context: click.Context) -> None:
    """Check the configuration and name every fault at once (exit code 78)."""
    found = checked_configuration(config_path(context))
    click.echo(
        f"{config_path(context)}: good. {len(found.devices)} device(s), {len(found.worklist)} worklist provider(s), "
        f"{len(found.destination)} destination(s)."
    )
    given = local_identities(found)
    click.echo(f"A patient without an id gets one such as {given.example()} (issuer {given.issuer}).")


@main.group()
def config() -> None:
    """Look at the configuration."""


@config.command("show")
@click.pass_context
@speaks_of_faults
def config_show(context: click.Context) -> None:
    """Print every setting in force, defaults included, secrets masked."""
    click.echo(shown_configuration(load_configuration(config_path(context))))


@main.command()
@click.option("--once", is_flag=True, help="End when every acquisition has been delivered and verified.")
@click.option("--count", default=8, show_default=True, help="How many acquisitions are dropped.")
@click.option("--port", default=8080, show_default=True, help="First port to try for the page.")
@click.option("--keep", is_flag=True, help="Keep the temporary home afterwards.")
@speaks_of_faults
def demo(once: bool, count: int, port: int, keep: bool) -> None:
    """Run the main task here: a demo device, worklist and PACS around the real gateway."""
    from gateway.demo.run import run_demo  # noqa: PLC0415 - demo peers are not loaded by an appliance

    sys.exit(run_demo(once=once, count=count, first_port=port, keep=keep))
