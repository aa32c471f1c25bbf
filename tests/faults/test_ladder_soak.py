"""Power cuts at random moments, over a link that breaks in every way, to Orthanc that commits: every object arrives."""

import random
import time
from pathlib import Path

from tests.support.backlog import FrozenObject, owe, write_objects
from tests.support.fault_proxy import FaultProxy, Hurt
from tests.support.forwarding import ForwardRole, Target
from tests.support.peers import Orthanc
from tests.support.pki import make_pki
from tests.support.ports import free_port

OBJECTS = 400
LIVES = 10
SEED = 20261121
_KINDS = ("rst", "fin", "flip", "", "stall")
_PROOF = """\
proof = "commitment"
commitment = { idle_s = 0.2, early_s = 0.0, again_s = 0.2, wait_s = 0.0, report_h = 0.001, batch = 40 }
"""


def check(role: ForwardRole, pacs: Orthanc, objects: list[FrozenObject]) -> None:
    """After a life: nothing is lost, nothing is there twice, and what the ledger says Orthanc confirms."""
    rows = role.rows(
        "SELECT instance.sop_instance_uid AS uid, delivery.state FROM delivery"
        " JOIN instance ON instance.id = delivery.instance"
    )
    assert sorted(row["uid"] for row in rows) == sorted(one.sop_instance_uid for one in objects)
    assert {row["state"] for row in rows} <= {"pending", "sending", "stored", "committed"}
    held = [uid for uid, _ in pacs.held()]
    assert len(held) == len(set(held))
    assert {row["uid"] for row in rows if row["state"] in {"stored", "committed"}} <= set(held)


def test_random_power_cuts_and_a_breaking_link_end_with_everything_committed(tmp_path: Path) -> None:
    draw = random.Random(SEED)
    pki = make_pki(tmp_path / "pki")
    port = free_port()
    files = f'ca = "{pki.certificate("ca")}", certificate = "{pki.certificate("box")}", key = "file:{pki.key("box")}"'
    known = {"box": {"AET": "BOX", "Host": "localhost", "Port": port, "UseDicomTls": True}}

    def plan(number: int) -> Hurt:
        return Hurt(_KINDS[number % len(_KINDS)], draw.randrange(50_000, 900_000), 2_000_000)  # type: ignore[arg-type] # one of its own kinds

    with (
        Orthanc(tmp_path / "pacs", pki, ae_title="PACS", settings={"DicomModalities": known}) as pacs,
        FaultProxy(pacs.port, plan) as proxy,
    ):
        target = Target("main", f"127.0.0.1:{proxy.port}", extra=f"{_PROOF}tls = {{ {files} }}\n")
        role = ForwardRole(tmp_path / "gateway", [target], more=f"[listener]\nport = {port}\ntls = {{ {files} }}\n")
        objects = write_objects(role.spool, OBJECTS, 10_000)
        owe(role.spool, objects, ["main"])
        for _ in range(LIVES):
            with role:
                time.sleep(draw.uniform(0.8, 3.0))  # the moment is what is random here
                role.kill()
            check(role, pacs, objects)
        with role:
            role.await_that(lambda: role.states() == {"committed": OBJECTS}, 120, "not all are committed")
        check(role, pacs, objects)
        assert pacs.rest("/statistics")["CountInstances"] == OBJECTS
    told = [row["subject"] for row in role.rows("SELECT subject FROM journal WHERE event = 'committed'")]
    assert len(told) == len(set(told)) == OBJECTS
    assert proxy.hurt > 0
