"""A step that a person opened although the device's filter leaves it out is watched like any other."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.bootstrap.object_settings import device_rules
from gateway.domain.procedure import Hold, Match, Patient, Step
from gateway.stages.decide import StepFilter, decide
from tests.support.house import House, order

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def decided(house: House, known: list[Step], active: Step) -> tuple[Match, Step] | Hold:
    rules = replace(
        device_rules(house.settings, house.settings.devices[0]), steps=StepFilter(modalities=frozenset({"OP"}))
    )
    return decide(rules, hints=(), known=known, active=active, captured_at=NOW, exact_only=False)


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path / "box", 104, orders=0)
    made.take_patients()
    return made


def test_it_gets_the_pictures_as_long_as_the_worklist_stands_by_it(house: House) -> None:
    opened = order(1)
    assert not isinstance(decided(house, [opened, order(2)], opened), Hold)


@pytest.mark.parametrize(
    "changed",
    [
        replace(order(1), patient=Patient("P9", "", "Other^Person", "19800101", "M")),
        replace(order(1), doubtful=True, faults=("Its patient has changed.",)),
        replace(order(1), usable=False, faults=("Its patient ID was merged.",)),
    ],
)
def test_it_gets_nothing_once_the_worklist_has_changed_it(house: House, changed: Step) -> None:
    verdict = decided(house, [changed], order(1))
    assert isinstance(verdict, Hold)
