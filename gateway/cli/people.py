"""Commands by which a person decides: holds, quarantine, active step."""

import click

from gateway.bootstrap.people import clock_of, open_status, user_name
from gateway.bootstrap.scanning import code_reader
from gateway.cli.context import ask, configuration, speaks_of_faults
from gateway.cli.tables import clock_text, print_table
from gateway.cli.unscheduled import identity_options
from gateway.domain.acquisition import HintKind
from gateway.domain.ports import StatusReader
from gateway.domain.requests import RequestKind
from gateway.domain.views import AcquisitionView
from gateway.web.words.candidates import candidate_words, said_against, said_otherwise

_COMPARED = click.option(
    "--confirmed", is_flag=True, help="Whose they are was compared, although the device said something else."
)
_IDENTIFYING = (HintKind.PATIENT_ID, HintKind.ACCESSION_NUMBER, HintKind.BIRTH_DATE)


@click.group()
def hold() -> None:
    """Acquisitions that wait for a person."""


@hold.command("list")
@click.pass_context
@speaks_of_faults
def hold_list(context: click.Context) -> None:
    """List the holds with their hints and the steps that came into question."""
    settings = configuration(context)
    reader, now = open_status(settings), clock_of(settings).now()
    for row in reader.acquisitions(state="held", limit=500):
        click.secho(f"{row.id}  {clock_text(row.captured_at, now)}  {row.device}  {row.display_name}", bold=True)
        click.echo(f"    {row.reason} {row.remedy}")
        for kind, value, origin in row.hints:
            click.echo(f"    {kind} {value} (from {origin})")
        for step in reader.step_of(row.candidates):
            why = candidate_words(row, step)
            click.echo(f"    step {step.number}: {step.patient_name} {step.patient_id} {step.accession_number}  {why}")


@hold.command()
@click.argument("step", type=int)
@click.argument("acquisitions", type=int, nargs=-1, required=True)
@_COMPARED
@click.pass_context
@speaks_of_faults
def assign(context: click.Context, step: int, acquisitions: tuple[int, ...], *, confirmed: bool) -> None:
    """Assign ACQUISITIONS (ids of `hold list`) to STEP (a number of `worklist`)."""
    reader = open_status(configuration(context))
    chosen = reader.step(step)
    if chosen is not None and not confirmed:
        _refuse_unasked(said_against(_pictures(reader, acquisitions), chosen))
    numbers = ",".join(str(number) for number in acquisitions)
    ask(context, RequestKind.ASSIGN, {"step": str(step), "acquisitions": numbers})


@hold.command()
@click.argument("acquisitions", type=int, nargs=-1, required=True)
@identity_options
@_COMPARED
@click.pass_context
@speaks_of_faults
def unscheduled(context: click.Context, /, acquisitions: tuple[int, ...], *, confirmed: bool, **identity: str) -> None:
    """Send ACQUISITIONS without an order, as one study of the patient that the options name."""
    if not confirmed:
        known = {kind: identity[kind.value] for kind in _IDENTIFYING}
        _refuse_unasked(said_otherwise(_pictures(open_status(configuration(context)), acquisitions), known))
    numbers = ",".join(str(number) for number in acquisitions)
    ask(context, RequestKind.UNSCHEDULED, {"acquisitions": numbers, **identity})


def _pictures(reader: StatusReader, acquisitions: tuple[int, ...]) -> list[AcquisitionView]:
    return [view for number in acquisitions if (view := reader.acquisition(number)) is not None]


def _refuse_unasked(others: list[str]) -> None:
    """Let nobody put pictures under a patient whom the device contradicts, unless it is said to be meant."""
    if others:
        raise click.ClickException(
            f"The device says that they belong to {', '.join(others)}; nothing was done. Compare whose they are,"
            " and say --confirmed if it is right all the same."
        )


@hold.command()
@click.argument("acquisitions", type=int, nargs=-1, required=True)
@click.option("--and-later", is_flag=True, help="Also all held pictures of the exam that were captured after it.")
@click.pass_context
@speaks_of_faults
def split(context: click.Context, acquisitions: tuple[int, ...], *, and_later: bool) -> None:
    """Make ACQUISITIONS, held pictures of one exam, an exam of their own; they are matched again."""
    numbers = ",".join(str(number) for number in acquisitions)
    ask(context, RequestKind.SPLIT, {"acquisitions": numbers, "and_later": "yes" if and_later else "no"})


@hold.command()
@click.argument("acquisitions", type=int, nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; it is shown beside what is set aside.")
@click.option("--operator", default="", help="Who decides; you if left out.")
@click.pass_context
@speaks_of_faults
def discard(context: click.Context, acquisitions: tuple[int, ...], *, reason: str, operator: str) -> None:
    """Set ACQUISITIONS aside. Their files are kept; `quarantine release` takes one back."""
    numbers = ",".join(str(number) for number in acquisitions)
    words = {"reason": reason, "operator": operator or user_name()}
    ask(context, RequestKind.DISCARD, {"acquisitions": numbers, **words})


@click.group()
def quarantine() -> None:
    """Acquisitions that are set aside."""


@quarantine.command("list")
@click.pass_context
@speaks_of_faults
def quarantine_list(context: click.Context) -> None:
    """List what is set aside, and why."""
    settings = configuration(context)
    now = clock_of(settings).now()
    print_table(
        ["id", "captured", "device", "file", "why"],
        [
            [
                str(row.id),
                clock_text(row.captured_at, now),
                row.device,
                row.display_name,
                f"{row.reason} {row.remedy}".strip(),
            ]
            for row in open_status(settings).acquisitions(state="quarantined", limit=500)
        ],
    )


@quarantine.command()
@click.argument("acquisition", type=int)
@click.pass_context
@speaks_of_faults
def release(context: click.Context, acquisition: int) -> None:
    """Give ACQUISITION another try."""
    ask(context, RequestKind.RELEASE, {"acquisition": str(acquisition)})


@click.group()
def step() -> None:
    """The step that is open on a device."""


@step.command("open")
@click.argument("device")
@click.argument("number", type=int)
@click.option("--confirmed", is_flag=True, help="The patient before is done; a patient who was changed was compared.")
@click.pass_context
@speaks_of_faults
def step_open(context: click.Context, device: str, number: int, *, confirmed: bool) -> None:
    """Open step NUMBER (of `worklist`) on DEVICE: what it captures from now on belongs to that step."""
    payload = {"device": device, "step": str(number)}
    ask(context, RequestKind.OPEN_STEP, payload | ({"confirmed": "yes"} if confirmed else {}))


@step.command("scan")
@click.argument("device")
@click.argument("code")
@click.pass_context
@speaks_of_faults
def step_scan(context: click.Context, device: str, code: str) -> None:
    """Open on DEVICE the one step that CODE fits, as if it had been scanned there; scan again to confirm if asked."""
    kind, value = code_reader(configuration(context))(device, code)
    ask(context, RequestKind.SCAN, {"device": device, "code": value, "kind": kind})
