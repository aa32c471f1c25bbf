"""The table of scanners: what it needs, and what is said when it cannot work."""

from pathlib import Path

import pytest

from gateway.bootstrap.scanning import code_reader
from gateway.config.faults import InvalidConfiguration
from gateway.config.load import load

_STATION = """\
[station]
name = "room"
ae_title = "BOX"
time_zone = "UTC"
"""
_DEVICE = """\
[source]
path = "/data/drop"
[object]
sop_class = "ophthalmic-photography-8-bit"
"""


def written(tmp_path: Path, *tables: str) -> Path:
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "fundus.toml").write_text(_DEVICE)
    path = tmp_path / "gateway.toml"
    path.write_text(_STATION + "".join(f"[[scanner]]\n{table}\n" for table in tables))
    return path


GOOD = 'name = "one"\ndevice = "fundus"\nport = "/dev/serial/by-id/usb-1"'


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ('device = "fundas"', "scanner[0].device: no device of that name"),
        ('port = "COM1"', "scanner[0].port: must be a file under /dev"),
        ("pattern = '[0-9]+'", "exactly one named group"),
        ("pattern = '(?P<accession_number>.)(?P<patient_id>.)'", "exactly one named group"),
        ("pattern = '(?P<patient_name>.+)'", "exactly one named group"),
        ("pattern = '('", "not a regular expression"),
        ('terminator = "enter"', "scanner[0].terminator"),
        ("baud = 1", "scanner[0].baud: must be from 300"),
        ('parity = "mark"', "scanner[0].parity"),
        ("data_bits = 9", "scanner[0].data_bits: must be from 7 to 8"),
    ],
)
def test_each_fault_is_named(tmp_path: Path, change: str, fault: str) -> None:
    key = change.partition(" ")[0]
    lines = [line for line in GOOD.splitlines() if not line.startswith(key)]
    with pytest.raises(InvalidConfiguration) as caught:
        load(written(tmp_path, "\n".join([*lines, change])))
    assert fault in str(caught.value)


def test_two_scanners_need_two_ports(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        load(written(tmp_path, GOOD, GOOD.replace('"one"', '"two"')))
    assert "scanner[1].port: another scanner has the same port" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("A1234567", ("accession_number", "A1234567")),
        ("PID-77", ("patient_id", "77")),
        ("A12345678", ("unread", "A12345678")),
        ("PID-", ("unread", "PID-")),
        (" A1234567", ("unread", " A1234567")),
    ],
)
def test_what_a_code_stands_for(tmp_path: Path, code: str, read: tuple[str, str]) -> None:
    second = GOOD.replace('"one"', '"two"').replace("usb-1", "usb-2")
    reader = code_reader(
        load(
            written(
                tmp_path,
                GOOD + "\npattern = '(?P<accession_number>A[0-9]{7})'",
                second + "\npattern = 'PID-(?P<patient_id>[0-9]+)'",
            )
        )
    )
    assert reader("fundus", code) == read


def test_without_a_pattern_a_code_may_be_any_number(tmp_path: Path) -> None:
    settings = load(written(tmp_path, GOOD))
    assert code_reader(settings)("fundus", "A1") == ("", "A1")
    assert code_reader(settings)("other", "A1") == ("", "A1")
    (scanner,) = settings.scanner
    assert (scanner.baud, scanner.terminator) == (9600, "cr")
