"""Settings for patients without an order: what is taken, and what is refused in words that help."""

from pathlib import Path

import pytest

from gateway.config.faults import InvalidConfiguration
from gateway.config.load import load
from gateway.config.model import Configuration

STATION = '[station]\nname = "Room"\nae_title = "BOX"\ntime_zone = "UTC"\n'
DESTINATION = '[[destination]]\nname = "main"\naddress = "pacs.example:104"\nae_title = "MAIN"\n'


def loaded(folder: Path, text: str) -> Configuration:
    (folder / "gateway.toml").write_text(STATION + text, encoding="utf-8")
    return load(folder / "gateway.toml")


def test_without_the_table_ids_are_random_and_archives_are_only_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, DESTINATION)
    assert found.unscheduled.patient_id_pattern == "LOCAL-{random:10}"
    assert found.destination[0].reconciliation == "notice"


def test_a_pattern_with_a_check_digit(tmp_path: Path) -> None:
    text = '[unscheduled]\npatient_id_pattern = "E{station}{number:04}{check}"\ncheck_digit = "luhn"\nstation = "7"\n'
    assert loaded(tmp_path, text).unscheduled.check_digit == "luhn"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            'patient_id_pattern = "E{number:04}"\n',
            "unscheduled.patient_id_pattern: two boxes would give the same id to two patients (given",
        ),
        (
            'patient_id_pattern = "{station}{number}{check}"\n',
            "{check} needs check_digit (given: '{station}{number}{check}'); for example luhn",
        ),
        (
            'patient_id_pattern = "{station}{number}{check}"\ncheck_digit = "iso7064-mod11-10"\n',
            "iso7064-mod11-10 is for digits, and this pattern gives letters too (given",
        ),
        ('check_digit = "crc"\n', "must be one of luhn, iso7064-mod11-2,"),
        ('station = "a|b"\n', "unscheduled.station: is printable ASCII without"),
        ('unknown_name = "^"\n', "unscheduled.unknown_name: is a name such as Unknown^Patient"),
        ("first_number = 0\n", "unscheduled.first_number: must be from 1"),
        ('pattern = "x"\n', "unscheduled.pattern: unknown key pattern"),
    ],
)
def test_faults_are_named(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        loaded(tmp_path, f"[unscheduled]\n{text}")
    assert fault in "\n".join(map(str, caught.value.faults))
