"""The command by which a person corrects what was built for the wrong patient."""

import click

from gateway.bootstrap.people import user_name
from gateway.cli.context import ask, speaks_of_faults
from gateway.cli.unscheduled import identity_options
from gateway.domain.requests import RequestKind


@click.command()
@click.argument("acquisitions", type=int, nargs=-1, required=True)
@click.option("--step", type=int, help="Number of the right step (of `worklist`).")
@click.option("--unscheduled", is_flag=True, help="No order names the right patient; the identity options do.")
@click.option("--note-only", is_flag=True, help="Build nothing: only tell the destinations that the objects are wrong.")
@click.option("--reason", required=True, help="Why; it stands in the journal.")
@click.option("--operator", default="", help="Who decides; you if left out.")
@identity_options
@click.pass_context
@speaks_of_faults
def correct(
    context: click.Context,
    /,
    acquisitions: tuple[int, ...],
    step: int | None,
    *,
    unscheduled: bool,
    note_only: bool,
    reason: str,
    operator: str,
    **identity: str,
) -> None:
    """Correct ACQUISITIONS (ids of `queue --state assembled`), whose objects name the wrong patient.

    Each gets a successor of the same bytes under the right patient, with new UIDs. What was not sent yet is dropped;
    destinations that may hold the wrong objects get a rejection note ("Incorrect Modality Worklist Entry").
    """
    if (step is not None) + unscheduled + note_only != 1:
        raise click.UsageError("Say whose they are: --step NUMBER, --unscheduled or --note-only.")
    payload = {
        "acquisitions": ",".join(str(number) for number in acquisitions),
        "reason": reason,
        "operator": operator or user_name(),
    }
    if step is not None:
        payload["step"] = str(step)
    elif note_only:
        payload["note_only"] = "yes"
    else:
        payload |= {"unscheduled": "yes", **identity}
    ask(context, RequestKind.CORRECT, payload)
