"""Commands that show the state of the box."""

from collections.abc import Mapping

import click

from gateway.bootstrap.local_studies import open_local_studies
from gateway.bootstrap.people import clock_of, open_status
from gateway.cli.context import configuration, speaks_of_faults
from gateway.cli.tables import clock_text, print_table
from gateway.domain.counting import counted
from gateway.domain.views import AcquisitionView, DeliveryView, DeviceView


@click.command()
@click.pass_context
@speaks_of_faults
def status(context: click.Context) -> None:
    """Say in a few lines whether everything is safe."""
    settings = configuration(context)
    reader, now = open_status(settings), clock_of(settings).now()
    counts = reader.counts()
    click.echo(
        f"{counts.captured_today} captured today; {counts.delivered_today} deliveries made today, "
        f"{counts.undelivered} still to make."
    )
    for state, number in sorted(counts.by_state.items()):
        click.echo(f"  {state}: {number}")
    for issue in reader.issues():
        click.echo(f"{issue.severity}: {issue.text} {issue.suggestion} (since {clock_text(issue.since, now)})")
    for destination in reader.destinations():
        trouble = f" - {destination.phase}: {destination.error} {destination.remedy}" if destination.error else ""
        click.echo(f"destination {destination.name}: {destination.pending} waiting{trouble}")
    for provider in reader.providers():
        trouble = f" - {provider.error} {provider.remedy}" if provider.error else ""
        age = clock_text(provider.answered_at, now)
        click.echo(f"worklist {provider.name}: {provider.items} steps, answered {age}{trouble}")


@click.group(invoke_without_command=True)
@click.option("--state", default="undelivered", show_default=True, help="An acquisition state, undelivered, or all.")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@click.pass_context
@speaks_of_faults
def queue(context: click.Context, state: str, limit: int) -> None:
    """List what is still here, and why."""
    if context.invoked_subcommand is not None:
        return
    settings = configuration(context)
    now = clock_of(settings).now()
    rows = open_status(settings).acquisitions(state="" if state == "all" else state, limit=limit)
    print_table(
        ["id", "captured", "device", "file", "state", "deliveries", "why"],
        [
            [
                str(row.id),
                clock_text(row.captured_at, now),
                row.device,
                row.display_name,
                row.state,
                _deliveries(row),
                _why(row),
            ]
            for row in rows
        ],
    )
    if state == "undelivered":
        _say_what_else_is_here(open_status(settings).counts().by_state, nothing_listed=not rows)


def _say_what_else_is_here(by_state: Mapping[str, int], *, nothing_listed: bool) -> None:
    """What is here and owed to nobody yet, with the command that shows it."""
    waits = {
        "captured": ("acquisition is", "acquisitions are", "being matched: gateway queue --state captured"),
        "matched": ("acquisition is", "acquisitions are", "being made an object: gateway queue --state matched"),
        "held": ("acquisition waits", "acquisitions wait", "for a person: gateway hold list"),
        "quarantined": ("acquisition is", "acquisitions are", "set aside: gateway quarantine list"),
    }
    said = [f"{counted(by_state[name], *words[:2])} {words[2]}" for name, words in waits.items() if by_state.get(name)]
    for sentence in said:
        click.echo(sentence)
    if nothing_listed and not said:
        click.echo("Nothing is waiting.")


def _deliveries(row: AcquisitionView) -> str:
    return ", ".join(f"{d.destination} {_kind(d)}{d.state} (#{d.id})" for d in row.deliveries) or "-"


def _kind(delivery: DeliveryView) -> str:
    return "rejection note " if delivery.is_note else ""


def _why(row: AcquisitionView) -> str:
    faults = [f"{d.phase}: {d.error} {d.remedy}" for d in row.deliveries if d.error]
    if row.rejected_at is not None:
        return "; ".join([f"rejected: {row.corrected_by or 'nothing'} took its place", *faults])
    why = "; ".join(faults) or f"{row.reason} {row.remedy}".strip()
    return f"in the place of {row.correction_of}: {why}" if row.correction_of else why


def _who_is_open(device: DeviceView, without_order: Mapping[str, str]) -> str:
    if device.active_step is not None:
        return f"{device.active_step.patient_name} ({device.active_step.patient_id})"
    return f"{without_order[device.name]}, without an order" if device.name in without_order else "-"


@click.command()
@click.pass_context
@speaks_of_faults
def devices(context: click.Context) -> None:
    """List the devices, what they delivered today and who is open on them."""
    settings = configuration(context)
    now = clock_of(settings).now()
    opened = open_local_studies(settings).opened()
    without_order = {name: f"{study.patient_name} ({study.patient_id})" for name, (study, _) in opened.items()}
    print_table(
        ["device", "today", "last", "open step"],
        [
            [
                device.name,
                str(device.captured_today),
                clock_text(device.last_captured_at, now),
                _who_is_open(device, without_order),
            ]
            for device in open_status(settings).devices()
        ],
    )
