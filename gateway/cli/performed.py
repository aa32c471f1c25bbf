"""Commands about performed steps: list them with their reports, close one with its reason, try a report again."""

import click

from gateway.bootstrap.people import clock_of, open_performed
from gateway.cli.context import ask, configuration, speaks_of_faults
from gateway.cli.people import step
from gateway.cli.tables import clock_text, print_table
from gateway.domain.performed_step import DISCONTINUATION_REASONS
from gateway.domain.requests import RequestKind

step_with_performed = step
_REASONS = "\n".join(f"  {code}  {meaning}" for code, meaning in DISCONTINUATION_REASONS.items())


@step.command("close", epilog=f"\b\nReasons:\n{_REASONS}")
@click.argument("device")
@click.option(
    "--discontinue",
    metavar="CODE",
    type=click.Choice(list(DISCONTINUATION_REASONS)),
    help="Report it as discontinued for this reason.",
)
@click.option("--performed", type=int, help="The performed step to end (a number of `step list`).")
@click.pass_context
@speaks_of_faults
def close(context: click.Context, device: str, discontinue: str | None, performed: int | None) -> None:
    """Close the step that is open on DEVICE; where none is open, end the performed steps in progress there."""
    payload = {"device": device}
    if discontinue:
        payload["discontinue"] = discontinue
    if performed is not None:
        payload["performed"] = str(performed)
    ask(context, RequestKind.CLOSE_STEP, payload)


@step.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that are over and reported.")
@click.pass_context
@speaks_of_faults
def list_steps(context: click.Context, *, everything: bool) -> None:
    """List performed steps and what became of the reports about them."""
    settings = configuration(context)
    now = clock_of(settings).now()
    print_table(
        [
            "step",
            "device",
            "started",
            "id",
            "accession",
            "state",
            "images",
            "report",
            "to",
            "what",
            "is",
            "since",
            "answer",
            "why",
        ],
        [
            [
                str(line.number),
                line.device,
                clock_text(line.started_at, now),
                line.patient_id,
                line.accession_number,
                f"{line.outcome or 'in progress'} {line.reason}".strip(),
                str(line.instances),
                str(report.number),
                report.peer,
                report.kind,
                report.state,
                clock_text(report.since, now),
                report.status,
                f"{report.error} {report.remedy}".strip(),
            ]
            for line in open_performed(settings).steps(unfinished=not everything)
            for report in line.reports
        ],
    )


@step.command("retry")
@click.argument("report", type=int)
@click.pass_context
@speaks_of_faults
def retry(context: click.Context, report: int) -> None:
    """Try REPORT (a number of `step list`) now."""
    ask(context, RequestKind.RETRY_REPORT, {"report": str(report)})
