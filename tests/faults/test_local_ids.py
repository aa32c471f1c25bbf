"""The power fails while ids are given: each is given to one patient, and each request makes one local study."""

import os
import random
import signal
import time
from pathlib import Path

from gateway.domain.local_identity import LocalIdentities
from gateway.domain.requests import RequestKind
from gateway.spool.database import Database, migrate
from gateway.spool.requests import RequestLedger, SpoolRequestDesk
from gateway.spool.unscheduled_verbs import UnscheduledRules
from tests.support.fork_server import FORK_SERVER
from tests.support.ledger import SetClock

_LIVES = 12
_REQUESTS = 150


def _carry_out_all(root: str) -> None:
    database = Database(Path(root))
    rules = UnscheduledRules(LocalIdentities("E{station}{number}{check}", "luhn", "7"))
    ledger = RequestLedger(database, Path(root), SetClock(), unscheduled=rules)
    for request in ledger.waiting("assemble"):
        ledger.carry_out(request)
    database.close()


def test_no_id_is_given_twice_and_none_is_lost_however_often_power_fails(tmp_path: Path) -> None:
    migrate(tmp_path)
    desk = SpoolRequestDesk(tmp_path, SetClock())
    for _ in range(_REQUESTS):
        desk.file(RequestKind.OPEN_UNSCHEDULED, {"device": "fundus"}, by="nurse")
    chance, killed = random.Random(7), 0
    for _ in range(_LIVES):
        process = FORK_SERVER.Process(target=_carry_out_all, args=(str(tmp_path),))
        process.start()
        time.sleep(chance.uniform(0.05, 0.4))
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
    _carry_out_all(str(tmp_path))
    database = Database(tmp_path, read_only=True)
    with database.read() as connection:
        ids = [row[0] for row in connection.execute("SELECT snapshot ->> '$.patient[0]' FROM local_study ORDER BY id")]
        (last,) = connection.execute("SELECT last FROM local_number").fetchone()
    database.close()
    assert killed > 0
    assert len(ids) == len(set(ids)) == _REQUESTS
    assert last == _REQUESTS, "a number is taken in the transaction that uses it"
