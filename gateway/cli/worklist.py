"""Commands about the worklist: who is expected, asking for one patient, what peers sent, and the list kept here."""

import base64
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from gateway.bootstrap.people import clock_of, heard_messages, open_sent, open_status
from gateway.cli.context import ask, configuration, speaks_of_faults
from gateway.cli.tables import clock_text, print_table
from gateway.domain.identifiers import display_name
from gateway.domain.orders import LOCAL_LIST
from gateway.domain.procedure import StepKey
from gateway.domain.requests import RequestKind
from gateway.domain.sent import ImportView, SentAnswer, SentRound
from gateway.domain.views import StepView
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
    _print_steps(reader.steps(search=search), now)


def _print_steps(steps: Iterable[StepView], now: datetime) -> None:
    head = ["step", "start", "patient", "id", "accession", "modality", "description", "seen", "remarks"]
    print_table(head, [_step_row(step, now) for step in steps])


def _step_row(step: StepView, now: datetime) -> list[str]:
    remarks = [*step.faults, *(["vanished from the provider"] if step.vanished else [])]
    remarks += ["in doubt: worklist accept, once compared"] if step.doubtful and step.usable else []
    remarks += ["looked up"] if step.looked_up else []
    remarks += [f"open on {name}" for name in step.open_on]
    return [
        str(step.number),
        f"{step.start:%Y-%m-%d %H:%M}" if step.start else "-",
        step.patient_name,
        step.patient_id,
        step.accession_number,
        step.modality,
        step.description,
        clock_text(step.seen_at, now),
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
@click.option("--patient-id", default="", help="Exact patient id.")
@click.option("--accession-number", default="", help="Exact accession number.")
@click.option("--procedure-id", default="", help="Exact requested procedure id.")
@click.option("--name", default="", help="Name, with * for any letters, such as Rao*.")
@click.option("--provider", default="", help="Only this provider; all of them if left out.")
@click.pass_context
@speaks_of_faults
def find(context: click.Context, /, **asked: str) -> None:
    """Ask the providers for one patient or order, whatever the daily query covers, and list what they answer."""
    payload = {
        "provider": asked["provider"],
        "patient_id": asked["patient_id"],
        "accession_number": asked["accession_number"],
        "requested_procedure_id": asked["procedure_id"],
        "patient_name": asked["name"],
    }
    keys = [StepKey(*key) for key in json.loads(ask(context, RequestKind.LOOK_UP, payload) or "[]")]
    settings = configuration(context)
    if keys:
        _print_steps(open_status(settings).step_of(keys), clock_of(settings).now())


@worklist.command()
@click.argument("number", type=int)
@click.pass_context
@speaks_of_faults
def accept(context: click.Context, number: int) -> None:
    """Say that step NUMBER is right although its patient changed or its accession number is used twice."""
    ask(context, RequestKind.ACCEPT_STEP, {"step": str(number)})


@worklist.command()
@click.argument("provider")
@click.option("--all", "everything", is_flag=True, help="Every attribute of every answer, not only those with faults.")
@click.pass_context
@speaks_of_faults
def sent(context: click.Context, provider: str, everything: bool) -> None:
    """Show what PROVIDER answered (or the lists of `local`) as it came, each fault at its place: patient data.

    Its last answers to the broad question come first, then those to the last look-ups.
    """
    kept = open_sent(configuration(context))
    for one in kept.imports() if provider == LOCAL_LIST else []:
        _print_list(one)
    if provider == LOCAL_LIST:
        return
    heard = kept.round(provider)
    rounds = [*([heard] if heard else []), *kept.look_ups(provider)]
    if not rounds:
        click.echo(f"Nothing is kept of {provider}: it has not answered, or it is a feed (see worklist messages).")
    for answers in rounds:
        _print_round(answers, everything=everything)


def _print_round(heard: SentRound, *, everything: bool) -> None:
    whole = "all of them" if heard.complete else f"maybe not all: {heard.note}"
    click.echo(f"{heard.came} answer(s) at {heard.at:%Y-%m-%d %H:%M:%S}, asked for {heard.asked}; {whole}.")
    for row in heard.preview:
        unreadable = f"  ({row.unreadable} not readable)" if row.unreadable else ""
        click.echo(f"names as {row.character_set:18} {' | '.join(row.names)}{unreadable}")
    for answer in heard.answers:
        _print_answer(answer, everything=everything)


def _print_list(one: ImportView) -> None:
    click.secho(f"{one.at:%Y-%m-%d %H:%M:%S} from {one.by}: {one.outcome}", bold=True)
    for fault in one.faults:
        click.echo(f"  ! {fault}")
    for number, line in enumerate(one.body.splitlines(), start=1):
        click.echo(f"  {number:4} | {display_name(line)}")


def _print_answer(answer: SentAnswer, *, everything: bool) -> None:
    usable = "" if answer.usable else ": no picture goes there by itself"
    click.secho(f"answer {answer.position} ({answer.size} bytes){usable}", bold=True)
    for fault in answer.faults:
        click.echo(f"  ! {fault}")
    for line in answer.lines:
        if everything or line.fault:
            indent = "  " * (line.depth + 1)
            click.echo(f"{indent}{line.tag} {line.name} [{line.vr}] {display_name(line.text.encode())}")
        if line.fault:
            click.echo(f"{'  ' * (line.depth + 1)}! {line.fault}")


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
@click.option("--time", default="", help="Scheduled time, such as 10:30; without it no rule by time finds the order.")
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
