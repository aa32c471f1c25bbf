"""The rows of the link and ledger benchmarks have the form that their readers were promised; no figure is judged."""

import json
from pathlib import Path

from tests.benchmarks import ledger, link, link_stow
from tests.benchmarks.link_table import table


def test_a_link_row_names_link_mix_figures_and_peers() -> None:
    (case,) = link.cases(longest_s=0.1, quick=True, only="10 Mbit/s, 40 ms / 200 x 20 kB")
    (row,) = json.loads(json.dumps(link.run([case], 1)))
    assert (row["link"], row["mix"]) == ("10 Mbit/s, 40 ms", "200 x 20 kB")
    assert set(row["peers"]) == {"dcmsend", "storescu"}
    for facts in (row, *row["peers"].values()):
        assert {"seconds", "share_of_capacity", "share_on_wire", "possible_share", "wire_bytes"} <= set(facts)
        assert "undelivered" not in facts
        assert facts["wire_bytes"] > row["objects"] * row["object_bytes"]
    assert "dcmsend" in table([row])


def test_every_link_has_every_mix() -> None:
    full = link.cases(longest_s=0, quick=False, only="")
    stow = [case for case in full if case.mix == link_stow.MIX]
    assert {case.link for case in stow} == link_stow.LINKS, "STOW is measured on these alone"
    dimse = [case for case in full if case not in stow]
    assert len(dimse) == len(link.LINKS) * (len(link.MIXES) - 1) == 20
    assert [(case.count, case.size) for case in dimse[:4]] == [
        size for mix, size in link.MIXES.items() if mix != link_stow.MIX
    ]
    assert all(
        case.count * case.size <= 9 * case.shape.bytes_per_s
        for case in link.cases(longest_s=link.QUICK_LONGEST_S, quick=True, only="")
    )


def test_a_ledger_row_has_its_figures(tmp_path: Path) -> None:
    rows = json.loads(json.dumps(ledger.measure(tmp_path, (70, 90), 3_000_000)))
    assert [row["rows"] for row in rows] == [70, 90]
    for row in rows:
        assert {"enqueue_us", "claim_us", "finish_us", "page_ms", "start_s", "rss_mb"} <= set(row)
        assert min(row.values()) > 0
    assert "enqueue_us" in ledger.table(rows)


def test_what_is_possible_follows_from_the_link_alone() -> None:
    (case,) = link.cases(longest_s=0, quick=False, only="384 kbit/s, 715 ms / 2 x 60 MB")
    seconds = case.possible_seconds(48_000 * 1448)
    assert abs(seconds - (1500 + 3 * 0.715)) < 0.01
    (dying,) = link.cases(longest_s=0, quick=False, only="30 s down / 2 x 60 MB")
    assert abs(dying.possible_seconds(250_000 * 50) - (50 * 1500 / 1448 + 0.45 + 30)) < 0.01
