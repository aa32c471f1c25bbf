"""Commands by which a person decides: worklist, holds, quarantine, active step."""

import base64
from pathlib import Path

import click

from gateway.bootstrap.people import clock_of, heard_messages, open_status, user_name
from gateway.cli.context import ask, configuration, speaks_of_faults
from gateway.cli.tables import clock_text, print_table
from gateway.cli.unscheduled import identity_options
from gateway.domain.identifiers import display_name
from gateway.domain.requests import RequestKind
from gateway.domain.views import StepView
from gateway.web.words.candidates import candidate_words
from gateway.worklist.csv_table import LARGEST_BYTES


@click.group(invoke_without_command=True)
@click.option("--search", default="", help="Part of a name, patient id or accession number.")
@click.pass_context
@speaks_of_faults
def worklist(context: click.Context, search: str) -> None:
    """List who is expected, with the age of the answer."""
    if context.invoked_subcommand is not None:
        return
    settings = configuration(context)
    reader, now = open_status(settings), clock_of(settings).now()
    for provider in reader.providers():
        click.echo(f"{provider.name}: answered {clock_text(provider.answered_at, now)} {provider.error}".rstrip())
    print_table(
        ["step", "start", "patient", "id", "accession", "modality", "description", "remarks"],
        [_step_row(step) for step in reader.steps(search=search)],
    )


def _step_row(step: StepView) -> list[str]:
    remarks = [*step.faults, *(["vanished from the provider"] if step.vanished else [])]
    remarks += [f"open on {name}" for name in step.open_on]
    return [
        str(step.number),
        f"{step.start:%Y-%m-%d %H:%M}" if step.start else "-",
        step.patient_name,
        step.patient_id,
        step.accession_number,
        step.modality,
        step.description,
        "; ".join(remarks),
    ]


@worklist.command()
@click.argument("provider", required=False, default="")
@click.pass_context
@speaks_of_faults
def refresh(context: click.Context, provider: str) -> None:
    """Ask the provider (or all of them) now."""
    ask(context, RequestKind.REFRESH, {"provider": provider})


@worklist.command()
@click.argument("feed", required=False, default="")
@click.option("--limit", default=10, show_default=True, help="How many of the newest.")
@click.pass_context
@speaks_of_faults
def messages(context: click.Context, feed: str, limit: int) -> None:
    """Show the last HL7 messages as they came, with the answer and the fault of each. They hold patient data."""
    for view in heard_messages(configuration(context), feed, limit):
        click.secho(f"{view.at:%Y-%m-%d %H:%M:%S} {view.provider} from {view.sender}: {view.kind or '?'}", bold=True)
        click.echo(f"  answered {view.answer} {view.fault}".rstrip())
        for line in view.body.splitlines():
            click.echo(f"  | {display_name(line)}")


@worklist.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--whole", is_flag=True, help="FILE is the whole list: take off what it does not name.")
@click.pass_context
@speaks_of_faults
def import_orders(context: click.Context, file: Path, whole: bool) -> None:
    """Import the orders of FILE, a list in CSV.

    Its first line names the columns, in any order: patient_id and name (or family and given) are needed; issuer,
    birth_date, sex, accession_number, procedure_id, procedure, description, modality, station_ae_title, date, time,
    priority, referring_physician, study_instance_uid and step_id are used too. Dates are written like 1971-04-02.
    """
    content = base64.b64encode(file.read_bytes()[: LARGEST_BYTES + 1]).decode("ascii")
    detail = ask(context, RequestKind.IMPORT_ORDERS, {"content": content, "whole": "yes" if whole else "no"})
    click.echo(detail, nl=bool(detail))


@worklist.command("add")
@click.option("--patient-id", required=True, help="Patient ID.")
@click.option("--name", required=True, help="Name, as Family^Given.")
@click.option("--issuer", default="", help="Who gave the patient ID.")
@click.option("--birth-date", default="", help="Date of birth, such as 1980-01-31.")
@click.option("--sex", type=click.Choice(["", "F", "M", "O"]), default="", help="Sex.")
@click.option("--accession-number", default="", help="Accession number of the order.")
@click.option("--description", default="", help="What is to be done.")
@click.option("--modality", default="", help="Modality, such as OP.")
@click.option("--date", "day", default="", help="Scheduled date; today if left out.")
@click.option("--time", default="", help="Scheduled time, such as 10:30.")
@click.pass_context
@speaks_of_faults
def add_order(context: click.Context, /, **columns: str) -> None:
    """Put one order on the list that is kept here."""
    day = columns.pop("day")
    ask(context, RequestKind.ADD_ORDER, {**columns, "date": day} if day else columns)


@worklist.command("remove")
@click.argument("number", type=int)
@click.pass_context
@speaks_of_faults
def remove_order(context: click.Context, number: int) -> None:
    """Take step NUMBER off the list that is kept here."""
    ask(context, RequestKind.REMOVE_ORDER, {"step": str(number)})


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
@click.pass_context
@speaks_of_faults
def assign(context: click.Context, step: int, acquisitions: tuple[int, ...]) -> None:
    """Assign ACQUISITIONS (ids of `hold list`) to STEP (a number of `worklist`)."""
    numbers = ",".join(str(number) for number in acquisitions)
    ask(context, RequestKind.ASSIGN, {"step": str(step), "acquisitions": numbers})


@hold.command()
@click.argument("acquisitions", type=int, nargs=-1, required=True)
@identity_options
@click.pass_context
@speaks_of_faults
def unscheduled(context: click.Context, /, acquisitions: tuple[int, ...], **identity: str) -> None:
    """Send ACQUISITIONS without an order, as one study of the patient that the options name."""
    numbers = ",".join(str(number) for number in acquisitions)
    ask(context, RequestKind.UNSCHEDULED, {"acquisitions": numbers, **identity})


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
