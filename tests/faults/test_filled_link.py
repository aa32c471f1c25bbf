"""The real forward role on links where one association is not enough, or where a peer bears no more than one."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.domain.lanes import Lane
from gateway.spool.database import Database
from tests.support.backlog import owe, write_objects
from tests.support.dcmtk import storescp
from tests.support.forwarding import ForwardRole, Target
from tests.support.link_emulator import PACS, EmulatedLink, LinkShape
from tests.support.ports import free_port

_PORT = 11112
_OVERLAPS = (
    "SELECT count(*) AS n FROM attempt AS one JOIN attempt AS other"
    " ON other.id > one.id AND other.started_us < one.ended_us AND other.ended_us > one.started_us"
)


@contextmanager
def archive(link: EmulatedLink, folder: Path) -> Iterator[None]:
    """DCMTK's storescp behind the link, which takes any number of associations."""
    folder.mkdir()
    command = link.inside_pacs("storescp", "--fork", "-aet", "PACS", "-od", str(folder), "+xa", "-B", str(_PORT))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def to_archive(extra: str) -> Target:
    return Target(
        "main", f"{PACS}:{_PORT}", connect_s=10, association_s=10, response_s=60, stall_s=30, cap_s=2, extra=extra
    )


def test_a_long_round_trip_is_filled_by_several_associations(tmp_path: Path) -> None:
    with EmulatedLink(LinkShape(rate_kbit_s=2000, rtt_ms=200), "fill") as link, archive(link, tmp_path / "pacs"):
        role = ForwardRole(tmp_path / "box", [to_archive("")], wrap=link.inside_box)
        owe(role.spool, write_objects(role.spool, 40, 10_000), ["main"])
        with role:
            role.await_all_stored(40, 120)
        assert role.rows(_OVERLAPS)[0]["n"] > 20
    assert len(list((tmp_path / "pacs").iterdir())) == 40


def test_only_one_association_when_only_one_is_allowed(tmp_path: Path) -> None:
    with EmulatedLink(LinkShape(rate_kbit_s=2000, rtt_ms=200), "one") as link, archive(link, tmp_path / "pacs"):
        only_one = "sending = { max_associations = 1 }"
        role = ForwardRole(tmp_path / "box", [to_archive(only_one)], wrap=link.inside_box)
        owe(role.spool, write_objects(role.spool, 10, 10_000), ["main"])
        with role:
            role.await_all_stored(10, 120)
        assert role.rows(_OVERLAPS)[0]["n"] == 0


def test_a_peer_that_serves_one_association_at_a_time_gets_clips_and_images(tmp_path: Path) -> None:
    port = free_port()
    target = Target("main", f"127.0.0.1:{port}", extra="sending = { clip_mib = 0.5 }")
    role = ForwardRole(tmp_path / "box", [target])
    small, clips = write_objects(role.spool, 20, 10_000), write_objects(role.spool, 3, 2_000_000, first=100)
    owe(role.spool, [*small, *clips], ["main"])
    _put_clips_into_their_lane(role)
    with storescp(tmp_path / "pacs", port), role:
        role.await_all_stored(23, 90)
    assert len(list((tmp_path / "pacs").iterdir())) == 23


def test_a_cap_and_closed_hours_hold_for_one_destination_only(tmp_path: Path) -> None:
    slow, open_port = free_port(), free_port()
    closed = Target("closed", f"127.0.0.1:{slow}", extra=f'sending = {{ hours = ["{_hours_not_now()}"] }}')
    capped = Target("capped", f"127.0.0.1:{open_port}", extra='sending = { rate_limits = ["00:00-24:00 200000"] }')
    role = ForwardRole(tmp_path / "box", [closed, capped])
    owe(role.spool, write_objects(role.spool, 10, 50_000), ["closed", "capped"])
    with storescp(tmp_path / "a", slow), storescp(tmp_path / "b", open_port), role:
        role.await_all_stored(10, 60, "capped")
    assert role.states("closed") == {"pending": 10}
    spent = role.rows("SELECT max(ended_us) - min(started_us) AS us FROM attempt")[0]["us"]
    assert spent >= 1_900_000  # 500 kB at 200 kB/s cannot take less; how much more it takes is not asked


def test_a_cap_leaves_the_box_as_a_stream_and_not_in_bursts() -> None:
    """The same bytes under the same cap, once with the kernel's help and once without."""
    trains = {}
    for spread in ("kernel", "bucket alone"):
        with EmulatedLink(LinkShape(rate_kbit_s=100_000, rtt_ms=2), "pace") as link:
            sink = subprocess.Popen(link.inside_pacs(sys.executable, "-c", _SINK), stdout=subprocess.PIPE)
            assert sink.stdout is not None
            sink.stdout.readline()
            subprocess.run(link.inside_box(sys.executable, "-c", _CAPPED, spread), check=True, timeout=60)
            trains[spread] = link.traffic()["to_pacs"]["typical_train_bytes"]
            sink.terminate()
            sink.wait(10)
    assert trains["bucket alone"] >= 30_000, trains  # a tenth of a second at 400 kB/s
    assert trains["kernel"] * 3 <= trains["bucket alone"], trains


_SINK = f"""
import socket
with socket.create_server(("{PACS}", {_PORT})) as server:
    print("ready", flush=True)
    caller, _ = server.accept()
    while caller.recv(65536):
        pass
"""
_CAPPED = f"""
import sys, time
from gateway.dimse.link import open_link
from gateway.dimse.peer import Peer
from gateway.domain.errors import Phase
from gateway.stages.pacing import Bucket
bucket = Bucket(lambda: 400_000.0, monotonic=time.monotonic, wait=time.sleep)
if sys.argv[1] != "kernel":
    bucket.share = lambda: None
link = open_link(Peer("main", "{PACS}", {_PORT}, "PACS", "BOX"))
link.pace_by(bucket)
for _ in range(12):
    link.send(bytes(100_000), Phase.TRANSFER)
link.close()
"""


def _put_clips_into_their_lane(role: ForwardRole) -> None:
    """What the assembling role does when it freezes an object."""
    database = Database(role.spool)
    with database.write() as connection:
        connection.execute(
            "UPDATE delivery SET lane = ? WHERE instance IN (SELECT id FROM instance WHERE size > 500000)", (Lane.CLIP,)
        )
    database.close()


def _hours_not_now() -> str:
    """An hour of the day that is twelve hours away, in UTC, the zone of the role's station."""
    far = datetime.now(UTC) + timedelta(hours=12)
    return f"{far:%H}:00-{far:%H}:30"
