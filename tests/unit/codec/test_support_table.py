from pathlib import Path

from gateway.codec.registry import all_rows
from gateway.codec.support import support_table

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_contains_the_table_that_the_registry_makes() -> None:
    text = README.read_text(encoding="utf-8")
    _, behind = text.split("<!-- support-table:begin -->", 1)
    table, _ = behind.split("<!-- support-table:end -->", 1)
    assert table.strip() == support_table()


def test_every_row_stands_in_the_table_once() -> None:
    lines = support_table().splitlines()
    assert len(lines) == 2 + len(all_rows())
    assert len({line.count("|") for line in lines}) == 1
    for row, line in zip(all_rows(), lines[2:], strict=True):
        assert f"| {row.uid} |" in line


def test_rows_are_consistent() -> None:
    uids = [row.uid for row in all_rows()]
    assert len(set(uids)) == len(uids)
    for row in all_rows():
        assert row.encapsulated == (row.encoder is not None) == bool(row.decoders)
        assert row.bits_stored[1] <= max(row.bits_allocated)
