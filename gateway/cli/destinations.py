"""What each destination accepts, as it said itself."""

import click

from gateway.bootstrap.accepting import accepted_by_destinations
from gateway.bootstrap.people import clock_of
from gateway.cli.context import ask, configuration, speaks_of_faults
from gateway.cli.tables import clock_text, print_table
from gateway.domain.requests import RequestKind


@click.command()
@click.option("--ask-anew", metavar="NAME", default="", help="Ask the destination NAME first what it accepts.")
@click.pass_context
@speaks_of_faults
def destinations(context: click.Context, *, ask_anew: str) -> None:
    """Show what each destination accepts, since when, and what its refusals have cost."""
    settings = configuration(context)
    if ask_anew:
        ask(context, RequestKind.LEARN_ANEW, {"destination": ask_anew})
    now = clock_of(settings).now()
    known = accepted_by_destinations(settings)
    print_table(
        ["destination", "class", "transfer syntax", "answer", "since", "asked"],
        [
            [
                row.destination,
                row.sop_class,
                row.transfer_syntax,
                "accepts" if row.accepted else "refuses",
                clock_text(row.changed_at, now),
                clock_text(row.learnt_at, now),
            ]
            for row in known.answers
        ],
    )
    for name, max_pdu_bytes in {row.destination: row.max_pdu_bytes for row in known.answers}.items():
        limit = f"PDUs up to {max_pdu_bytes} bytes" if max_pdu_bytes else "PDUs of any length"
        limit = "requests (STOW-RS)" if max_pdu_bytes is None else limit
        copies, extra = known.copies.get(name, (0, 0))
        more = f"{abs(extra)} bytes {'more' if extra >= 0 else 'less'} than stored"
        cost = f"; {copies} object(s) went as copies, {more}" if copies else ""
        click.echo(f"{name}: takes {limit}{cost}")
