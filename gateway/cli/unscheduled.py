"""Commands for patients whom no order names: open one on a device, and reconcile with the order that turns up."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from gateway.bootstrap.local_studies import open_local_studies
from gateway.bootstrap.people import user_name
from gateway.cli.context import ask, configuration, speaks_of_faults
from gateway.cli.tables import print_table
from gateway.domain.local_views import LocalStudyView, ToReconcile
from gateway.domain.requests import RequestKind

P = ParamSpec("P")
R = TypeVar("R")
_OPERATOR = "Who decides; by default who sits at the console."


def identity_options(command: Callable[P, R]) -> Callable[P, R]:
    """The options by which a patient without an order is described."""
    for option in (
        click.option("--local-study", default="", help="Number of a local study that is known (`reconcile list`)."),
        click.option("--description", default="", help="Study Description."),
        click.option("--accession-number", default="", help="If somebody read one: it helps to find the order later."),
        click.option("--age", default="", help="Estimated age in years, or such as 6M."),
        click.option("--sex", type=click.Choice(["", "F", "M", "O"]), default=""),
        click.option("--birth-date", default="", help="YYYYMMDD"),
        click.option("--patient-name", default="", help="Family^Given; empty: the name for unknown patients."),
        click.option("--patient-id", default="", help="Empty: an id of this box is given."),
    ):
        command = option(command)
    return command


@click.group()
def unscheduled() -> None:
    """Patients whom no order names, emergencies among them."""


@unscheduled.command("open")
@click.argument("device")
@click.option("--confirmed", is_flag=True, help="The patient who is open is done.")
@identity_options
@click.pass_context
@speaks_of_faults
def open_unscheduled(context: click.Context, /, device: str, *, confirmed: bool, **identity: str) -> None:
    """Open a patient without an order on DEVICE: what it captures from now on belongs to that patient.

    Without options it is an unknown patient, with an id that this box gives. `step close DEVICE` closes it.
    """
    payload = {"device": device, **identity} | ({"confirmed": "yes"} if confirmed else {})
    ask(context, RequestKind.OPEN_UNSCHEDULED, payload)


@unscheduled.command("list")
@click.pass_context
@speaks_of_faults
def unscheduled_list(context: click.Context) -> None:
    """List who is open without an order, and the patient id that is given next."""
    view = open_local_studies(configuration(context))
    for device, (study, since) in view.opened().items():
        click.echo(f"{device}: {_who(study)}, open since {since:%H:%M}")
    click.echo(f"the next id: {view.next_id()}")


@click.group()
def reconcile() -> None:
    """Orders that turn up for what was sent without one."""


@reconcile.command("list")
@click.pass_context
@speaks_of_faults
def reconcile_list(context: click.Context) -> None:
    """List what was sent without an order, with the steps that may be the order and why."""
    for one in open_local_studies(configuration(context)).to_reconcile():
        _print(one)


def _print(one: ToReconcile) -> None:
    study = one.study
    numbers = ", ".join(str(number) for number in study.acquisitions)
    click.secho(f"local study {study.number}  {study.created_at:%Y-%m-%d %H:%M}  {_who(study)}", bold=True)
    click.echo(f"    {', '.join(study.devices)}: acquisition {numbers}")
    for found in one.suggestions:
        step = found.step
        born = f" born {step.birth_date}" if step.birth_date else ""
        click.echo(
            f"    suggestion {found.number}: step {step.number}: {step.patient_name} {step.patient_id} {step.sex}{born}"
            f" {step.accession_number}"
        )
        click.echo(f"        {found.reason}")
    if not one.suggestions:
        click.echo(f"    no order is suggested: {one.why_none or 'the worklist has not been compared yet.'}")


def _who(study: LocalStudyView) -> str:
    facts = (study.patient_name, study.patient_id, study.issuer, study.sex, study.birth_date, study.age)
    return " ".join(fact for fact in facts if fact)


@reconcile.command()
@click.argument("local_study", type=int)
@click.argument("step", type=int)
@click.option("--operator", default=user_name, help=_OPERATOR)
@click.option("--although", is_flag=True, help="Although nothing suggests that order.")
@click.option("--notice-only", is_flag=True, help="Send nothing to any archive, whatever its policy.")
@click.pass_context
@speaks_of_faults
def confirm(
    context: click.Context, local_study: int, step: int, *, operator: str, although: bool, notice_only: bool
) -> None:
    """Confirm that STEP (a number of `worklist`) is the order of LOCAL_STUDY.

    Destinations with reconciliation = "replace" get new objects with the order's identity and a rejection note for the
    old ones; for the others a notice stands that says what is to be changed there.
    """
    payload = {"local_study": str(local_study), "step": str(step), "operator": operator}
    payload |= {"although": "yes"} if although else {}
    payload |= {"way": "notice"} if notice_only else {}
    ask(context, RequestKind.RECONCILE, payload)


@reconcile.command()
@click.argument("suggestion", type=int)
@click.option("--operator", default=user_name, help=_OPERATOR)
@click.pass_context
@speaks_of_faults
def refuse(context: click.Context, suggestion: int, *, operator: str) -> None:
    """Say that SUGGESTION is another patient or order; it is not suggested again."""
    ask(context, RequestKind.NOT_THE_SAME, {"suggestion": str(suggestion), "operator": operator})


@reconcile.command()
@click.argument("local_study", type=int)
@click.option("--operator", default=user_name, help=_OPERATOR)
@click.pass_context
@speaks_of_faults
def keep(context: click.Context, local_study: int, *, operator: str) -> None:
    """Let LOCAL_STUDY stay as it is: no order is looked for any more."""
    ask(context, RequestKind.STAY_UNSCHEDULED, {"local_study": str(local_study), "operator": operator})


@reconcile.command()
@click.argument("number", type=int, required=False)
@click.option("--done", is_flag=True, help="Those that were done as well.")
@click.pass_context
@speaks_of_faults
def notices(context: click.Context, number: int | None, *, done: bool) -> None:
    """List the notices for PACS administrators, or print notice NUMBER as text to pass on. It holds patient data."""
    found = open_local_studies(configuration(context)).notices(done=done or number is not None)
    if number is not None:
        chosen = [one for one in found if one.number == number]
        if not chosen:
            raise click.ClickException(f"There is no notice {number}.")
        click.echo(chosen[0].text)
        return
    print_table(
        ["notice", "for", "confirmed", "by", "objects", "done"],
        [
            [
                str(one.number),
                one.destination,
                f"{one.at:%Y-%m-%d %H:%M}",
                one.decided_by,
                str(one.instances),
                f"{one.done_at:%Y-%m-%d %H:%M} by {one.done_by}" if one.done_at else "-",
            ]
            for one in found
        ],
    )


@reconcile.command("notice-done")
@click.argument("notice", type=int)
@click.option("--operator", default=user_name, help=_OPERATOR)
@click.pass_context
@speaks_of_faults
def notice_done(context: click.Context, notice: int, *, operator: str) -> None:
    """Say that the archive's administrator has changed what NOTICE says."""
    ask(context, RequestKind.NOTICE_DONE, {"notice": str(notice), "operator": operator})
