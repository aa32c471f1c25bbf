"""Instances: identity minted once, numbers in series, one start of study, frozen when built."""

import sqlite3
from datetime import timedelta

import pytest

from gateway.domain.identifiers import AcquisitionId, is_valid_uid
from gateway.domain.instance import InstanceIdentity
from gateway.domain.lifecycle import IllegalTransition
from tests.support.ledger import NOON, RLE, SC, TestSpool

STUDY = "1.2.3.1"
OTHER_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.4"


def reserve(spool: TestSpool, number: AcquisitionId, *, study: str = STUDY, sop_class: str = SC) -> InstanceIdentity:
    identity, _ = spool.instances.reserve(
        number, sop_class_uid=sop_class, study_instance_uid=study, started_at=spool.clock.now()
    )
    return identity


def several(spool: TestSpool, count: int, exam_key: str = "exam-1") -> list[AcquisitionId]:
    return [spool.record(b"%s %d" % (exam_key.encode(), n), exam_key=exam_key) for n in range(count)]


def test_an_identity_is_minted_once(spool: TestSpool) -> None:
    (number,) = several(spool, 1)
    first = reserve(spool, number)
    spool.clock.advance(500)
    assert reserve(spool, number) == first
    assert is_valid_uid(first.sop_instance_uid)
    assert is_valid_uid(first.series_instance_uid)
    assert first.study_instance_uid == STUDY


def test_instances_of_an_exam_count_up_in_one_series(spool: TestSpool) -> None:
    made = [reserve(spool, number) for number in several(spool, 3)]
    assert [identity.instance_number for identity in made] == [1, 2, 3]
    assert len({identity.series_instance_uid for identity in made}) == 1
    assert len({identity.sop_instance_uid for identity in made}) == 3
    assert {identity.series_number for identity in made} == {1}


def test_another_exam_or_class_of_the_study_is_the_next_series(spool: TestSpool) -> None:
    (first,), (second, third) = several(spool, 1), several(spool, 2, "exam-2")
    made = [reserve(spool, first), reserve(spool, second), reserve(spool, third, sop_class=OTHER_CLASS)]
    assert [identity.series_number for identity in made] == [1, 2, 3]
    assert len({identity.series_instance_uid for identity in made}) == 3
    assert {identity.instance_number for identity in made} == {1}


def test_a_class_or_study_that_changes_before_the_build_gets_its_own_identity(spool: TestSpool) -> None:
    first, second = several(spool, 2)
    before = reserve(spool, first)
    otherwise = reserve(spool, first, sop_class=OTHER_CLASS)
    elsewhere = reserve(spool, first, study="1.2.3.2")
    assert len({before.sop_instance_uid, otherwise.sop_instance_uid, elsewhere.sop_instance_uid}) == 3
    assert elsewhere.study_instance_uid == "1.2.3.2"
    assert len(spool.rows("SELECT * FROM instance")) == 1
    assert reserve(spool, second).instance_number == 2  # a number once given is never given again


def test_what_is_built_never_gets_another_identity(spool: TestSpool) -> None:
    number = spool.deliverable()
    before = spool.rows("SELECT * FROM instance")
    with pytest.raises(sqlite3.IntegrityError):
        reserve(spool, number, study="1.2.3.9")
    assert spool.rows("SELECT * FROM instance") == before


def test_all_objects_of_a_study_share_its_start(spool: TestSpool) -> None:
    first, second = several(spool, 2)
    _, begun = spool.instances.reserve(first, sop_class_uid=SC, study_instance_uid=STUDY, started_at=NOON)
    spool.clock.advance(3600)
    _, again = spool.instances.reserve(
        second, sop_class_uid=SC, study_instance_uid=STUDY, started_at=NOON + timedelta(hours=1)
    )
    assert begun == again == NOON


def test_complete_freezes_and_owes(spool: TestSpool) -> None:
    number = spool.deliverable(("main", "backup"), content=b"abc")
    instance = spool.row("instance", 1)
    assert (instance["transfer_syntax_uid"], instance["size"]) == (RLE, 7)
    assert [(r["destination"], r["state"]) for r in spool.rows("SELECT * FROM delivery ORDER BY id")] == [
        ("main", "pending"),
        ("backup", "pending"),
    ]
    assert spool.row("acquisition", number)["state"] == "assembled"
    assert ("note", f"acquisition {number}") in spool.journal()


def test_complete_happens_once_or_not_at_all(spool: TestSpool) -> None:
    number = spool.record()
    with pytest.raises(IllegalTransition):  # not matched yet
        spool.assemble(number)
    assert spool.rows("SELECT * FROM delivery") == []
    assert spool.row("instance", 1)["built_us"] is None
    spool.match(number)
    spool.assemble(number)
    before = spool.rows("SELECT * FROM instance")
    with pytest.raises((sqlite3.IntegrityError, IllegalTransition)):
        spool.assemble(number, content=b"other bytes")
    assert spool.rows("SELECT * FROM instance") == before
    assert len(spool.rows("SELECT * FROM delivery")) == 1
