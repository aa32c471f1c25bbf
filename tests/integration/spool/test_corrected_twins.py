"""Corrections of what has the same bytes, and of what an archive has not yet proven."""

from collections.abc import Sequence
from hashlib import sha256

from gateway.domain.acquisition import Hint, HintKind
from gateway.domain.corrections import Corrected
from gateway.domain.identifiers import AcquisitionId
from gateway.domain.instance import StoreOutcome
from gateway.spool.captures import StoredPart
from gateway.spool.commitments import CommitmentLedger
from gateway.spool.corrections import correct
from gateway.spool.duplicates import Twin
from gateway.spool.proof_outcomes import ProofPace
from tests.support.ledger import TestSpool, finding, step


def put_right(spool: TestSpool, numbers: Sequence[int]) -> Corrected:
    now = int(spool.clock.now().timestamp() * 1_000_000)
    with spool.database.write() as connection:
        return correct(connection, now, numbers, step(2), spool=spool.root, actor="Nurse A", reason="wrong patient")


def twin_of(spool: TestSpool, content: bytes) -> AcquisitionId:
    offered = finding(content, name=b"b.jpg", mtime_ns=5, hints=(Hint(HintKind.PATIENT_ID, "P9", "file name"),))
    digest = sha256(content).hexdigest()
    twin = spool.captures.same_bytes("fundus", offered, digest)
    assert isinstance(twin, Twin)
    path = spool.place(content, "acquisitions/fundus", "twin")
    stored = [StoredPart(offered.parts[0], digest, len(content), path)]
    number = spool.captures.record("fundus", offered, stored, twin=twin)
    spool.match(number)
    spool.assemble(number, content=b"DICM, once more")
    return number


def test_a_picture_and_its_twin_are_corrected_together(spool: TestSpool) -> None:
    first = spool.deliverable(content=b"same")
    second = twin_of(spool, b"same")
    other = spool.deliverable(content=b"another")
    outcome = put_right(spool, [first, second, other])
    assert [old for old, _ in outcome.successors] == [first, second, other]
    keys = [spool.row("acquisition", new)["exam_key"] for _, new in outcome.successors]
    assert keys[0] == keys[2]  # still one exam
    assert keys[1] == f"{keys[0]}, picture {second}"


def test_a_rejected_object_is_not_counted_as_unproven(spool: TestSpool) -> None:
    number = spool.deliverable(content=b"picture")
    (delivery,) = spool.deliveries.claim_due("main", spool.run("forward"), 1)
    spool.deliveries.stored(delivery, StoreOutcome(0), spool.clock.now())
    proofs = CommitmentLedger(spool.database, spool.clock, {"main": ProofPace(idle_s=1, report_s=100)})
    spool.clock.advance(400)
    request = proofs.begin("main", 10)
    assert request is not None
    proofs.accepted(request.transaction_uid)
    put_right(spool, [number])
    spool.clock.advance(200)
    assert proofs.expire("main") == 1
    assert proofs.unproven("main", 1) == (0, "", "")
    assert proofs.begin("main", 10) is None
