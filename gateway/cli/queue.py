"""Commands about deliveries: list, show, retry, hold, release, re-target, drop, take back, rebuild."""

import re
from datetime import timedelta

import click

from gateway.bootstrap.people import clock_of, open_queue, open_status, user_name
from gateway.cli.context import ask, configuration, speaks_of_faults
from gateway.cli.showing import queue
from gateway.cli.tables import clock_text, print_table
from gateway.domain.errors import ConfigurationError
from gateway.domain.lifecycle import DeliveryState
from gateway.domain.requests import RequestKind
from gateway.domain.views import DestinationView, QueueRow
from gateway.spool.queue_view import QueueFilter

_STATES = ["unsent", "all", *(state.value for state in DeliveryState)]
queue_with_verbs = queue
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Age(click.ParamType[timedelta]):
    """A length of time such as 90m, 36h or 7d."""

    name = "age"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read it, or say how it is written."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([0-9]{1,6})([smhd])", str(value))
        if found is None:
            self.fail("write a number with s, m, h or d, for example 36h", param, ctx)
        return timedelta(seconds=int(found[1]) * _UNITS_S[found[2]])


@queue.command("list")
@click.option("--state", type=click.Choice(_STATES), default="unsent", show_default=True)
@click.option("--device", default="", help="Only what this device captured.")
@click.option("--destination", default="", help="Only what is owed to this destination.")
@click.option("--older-than", type=Age(), help="Only what was captured longer ago than this, for example 36h or 7d.")
@click.option("--limit", default=100, show_default=True, help="How many, oldest first.")
@click.pass_context
@speaks_of_faults
def list_deliveries(
    context: click.Context, *, state: str, device: str, destination: str, older_than: timedelta | None, limit: int
) -> None:
    """List deliveries: what is owed to whom, and why it is still here."""
    settings = configuration(context)
    now = clock_of(settings).now()
    rows = open_queue(settings).rows(QueueFilter(state, device, destination, older_than, limit))
    peers = {row.name: row for row in open_status(settings).destinations()}
    print_table(
        ["#", "destination", "state", "since", "device", "file", "bytes", "tries", "why"],
        [
            [
                str(row.delivery.id),
                row.delivery.destination,
                row.delivery.state,
                clock_text(row.delivery.since, now),
                row.device,
                row.display_name,
                str(row.delivery.bytes),
                str(row.delivery.attempts),
                _why(row, peers.get(row.delivery.destination)),
            ]
            for row in rows
        ],
    )


def _why(row: QueueRow, peer: DestinationView | None) -> str:
    """Why a delivery is still here: what stands with it, or else what is wrong with its destination."""
    one = row.delivery
    fault = f"{one.phase}: {one.error} {one.remedy}".strip() if one.error else ""
    if not fault and peer is not None and peer.error and one.state == DeliveryState.PENDING.value:
        fault = f"{peer.phase}: {peer.error} {peer.remedy}".strip()
    receipt = "by receipt" if one.status == "receipt" else ""
    return "; ".join(text for text in (one.decision, "exported" if row.exported else "", receipt, fault) if text)


@queue.command()
@click.argument("delivery", type=int)
@click.pass_context
@speaks_of_faults
def show(context: click.Context, delivery: int) -> None:
    """Show all that is known of DELIVERY: identifiers, digests, every try, every line of its journal."""
    settings = configuration(context)
    found = open_queue(settings).dossier(delivery)
    if found is None:
        raise ConfigurationError(f"There is no delivery {delivery}.", remedy="List them with: gateway queue list")
    print_table(["fact", "value"], found.facts)
    click.echo()
    print_table(
        ["try begun", "took", "phase", "disposition", "code", "text"],
        [
            [
                one.started_at.isoformat(timespec="seconds"),
                f"{(one.ended_at - one.started_at).total_seconds():.1f} s",
                one.phase,
                one.disposition,
                one.code,
                one.text,
            ]
            for one in found.attempts
        ],
    )
    click.echo()
    print_table(
        ["at", "by", "event", "subject", "detail"],
        [
            [line.at.isoformat(timespec="seconds"), line.actor, line.event, line.subject, line.detail]
            for line in found.journal
        ],
    )


def _ask(context: click.Context, kind: RequestKind, deliveries: tuple[int, ...], **more: str) -> None:
    ask(context, kind, {"deliveries": ",".join(str(number) for number in deliveries), **more})


@queue.command()
@click.argument("deliveries", type=int, nargs=-1, required=True)
@click.pass_context
@speaks_of_faults
def retry(context: click.Context, deliveries: tuple[int, ...]) -> None:
    """Make waiting or parked DELIVERIES (their # in the list) due now."""
    _ask(context, RequestKind.RETRY, deliveries)


@queue.command()
@click.argument("deliveries", type=int, nargs=-1, required=True)
@click.pass_context
@speaks_of_faults
def hold(context: click.Context, deliveries: tuple[int, ...]) -> None:
    """Keep DELIVERIES here until they are released."""
    _ask(context, RequestKind.HOLD_BACK, deliveries)


@queue.command()
@click.argument("deliveries", type=int, nargs=-1, required=True)
@click.pass_context
@speaks_of_faults
def release(context: click.Context, deliveries: tuple[int, ...]) -> None:
    """Let held DELIVERIES go."""
    _ask(context, RequestKind.LET_GO, deliveries)


@queue.command()
@click.argument("destination")
@click.argument("deliveries", type=int, nargs=-1)
@click.option("--all-of", "source", default="", help="Instead of DELIVERIES: all that waits for this destination.")
@click.pass_context
@speaks_of_faults
def retarget(context: click.Context, destination: str, deliveries: tuple[int, ...], source: str) -> None:
    """Owe DELIVERIES to DESTINATION instead: all of them, or none when it already has one of them."""
    if bool(deliveries) == bool(source):
        raise click.UsageError("Name DELIVERIES, or a destination with --all-of.")
    if source:
        ask(context, RequestKind.RETARGET, {"source": source, "destination": destination})
    else:
        _ask(context, RequestKind.RETARGET, deliveries, destination=destination)


@queue.command()
@click.argument("deliveries", type=int, nargs=-1, required=True)
@click.option("--reason", required=True, help="Why; it stays in the journal. No names of patients.")
@click.option("--operator", default=user_name, help="Who decides; by default who sits at the console.")
@click.pass_context
@speaks_of_faults
def drop(context: click.Context, deliveries: tuple[int, ...], reason: str, operator: str) -> None:
    """Give DELIVERIES up for good. Their bytes stay, and `take-back` undoes it."""
    _ask(context, RequestKind.DROP, deliveries, reason=reason, operator=operator)


@queue.command("take-back")
@click.argument("deliveries", type=int, nargs=-1, required=True)
@click.pass_context
@speaks_of_faults
def take_back(context: click.Context, deliveries: tuple[int, ...]) -> None:
    """Take back the drop of DELIVERIES: they are owed again."""
    _ask(context, RequestKind.TAKE_BACK, deliveries)


@queue.command()
@click.argument("deliveries", type=int, nargs=-1, required=True)
@click.pass_context
@speaks_of_faults
def rebuild(context: click.Context, deliveries: tuple[int, ...]) -> None:
    """Make the damaged objects of parked DELIVERIES again from the captured files."""
    _ask(context, RequestKind.REBUILD, deliveries)
