"""A whole gateway in a folder: configuration as an engineer writes it, and its roles lived one life at a time.

A life runs in a process of its own, forked from a server that has the program loaded already, so that hundreds of them
take minutes and any of them may be killed.
"""

import os
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from gateway.bootstrap.assemble_role import (
    assemble_stage,
    close_steps_stage,
    housekeep_stage,
    reject_stage,
    request_stage,
)
from gateway.bootstrap.capture_role import capture_stage
from gateway.bootstrap.deliveries import deliver_stage
from gateway.bootstrap.fallback import fallback_stage
from gateway.bootstrap.parts import no_beat
from gateway.bootstrap.people import open_status
from gateway.bootstrap.rebuild import rebuild_stage
from gateway.bootstrap.ris import report_stage
from gateway.bootstrap.roles import prepare
from gateway.bootstrap.settings import load_configuration
from gateway.codec.options import DEFAULT_STRIP_SAMPLES
from gateway.domain.checkpoints import Checkpoint
from gateway.domain.procedure import Patient, Step, StepKey
from gateway.spool.database import Database, migrate
from gateway.spool.runs import RoleLock
from gateway.spool.status import LedgerStatus
from gateway.spool.steps import StepLedger
from tests.support.fork_server import FORK_SERVER

_CONFIG = """\
[station]
name = "Test room"
ae_title = "BOX"
institution = "Test hospital"
time_zone = "UTC"

[spool]
path = "{spool}"
floor_mib = {floor_mib}
retention_days = {retention_days}

[web]
port = {web_port}

[[worklist]]
name = "HIS"
address = "127.0.0.1:9"
ae_title = "HIS"

[[destination]]
name = "main"
address = "127.0.0.1:{port}"
ae_title = "PACS"
compression = "fastest"
timeouts = {{ connect_s = 2, association_s = 2, response_s = {response_s}, stall_s = 5 }}
retry = {{ base_s = 0.1, cap_s = 1 }}
"""

_DEVICE = """\
[source]
path = "drop/camera"
settle_s = 0.0
poll_s = 0.1
incomplete_limit_s = {incomplete_limit_s}
after = "{after}"

[exam]
grouping = "folder"

[hints]
file_name = '(?P<accession_number>ACC[0-9]+)_.*'

[object]
sop_class = "vl-photographic"
laterality = "U"

[match]
rules = ["accession_number"]
"""

_LIFE_S = 60.0


@dataclass
class KillAt:
    """Ends the process as a power cut would, at the `nth` passage of one checkpoint."""

    point: Checkpoint | None
    nth: int = 1

    def __call__(self, point: Checkpoint) -> None:
        if point is self.point:
            self.nth -= 1
            if not self.nth:
                os.kill(os.getpid(), signal.SIGKILL)


class House:
    """One gateway with one device (``camera``), one destination (``main``) and a worklist of `orders` steps."""

    def __init__(
        self,
        root: Path,
        port: int,
        *,
        orders: int = 5,
        after: str = "delete",
        spool: str = "spool",
        floor_mib: int = 0,
        retention_days: float = 30,
        response_s: float = 5,
        incomplete_limit_s: float = 600,
        web_port: int = 8080,
        more_settings: str = "",
        more_of_device: str = "",
    ) -> None:
        self.root = root
        self.drop_folder = root / "drop" / "camera"
        self.drop_folder.mkdir(parents=True)
        (root / "devices").mkdir()
        self.config = root / "gateway.toml"
        self.config.write_text(
            _CONFIG.format(
                spool=spool,
                floor_mib=floor_mib,
                retention_days=retention_days,
                port=port,
                response_s=response_s,
                web_port=web_port,
            )
            + more_settings
        )
        device = _DEVICE.format(after=after, incomplete_limit_s=incomplete_limit_s)
        (root / "devices" / "camera.toml").write_text(device + more_of_device)
        self.settings = load_configuration(self.config)
        migrate(self.settings.spool.path)
        self._fill_worklist(orders)

    def _fill_worklist(self, orders: int) -> None:
        database = Database(self.settings.spool.path)
        ledger = StepLedger(database, open_status(self.settings)._clock)
        ledger.configure(["HIS"])
        ledger.answered("HIS", [order(number) for number in range(orders)])
        database.close()

    @property
    def spool(self) -> Path:
        return self.settings.spool.path

    def take_patients(self) -> None:
        """From now on the device's pictures also go to whoever a person has open on it."""
        device = self.root / "devices" / "camera.toml"
        device.write_text(device.read_text().replace('["accession_number"]', '["accession_number", "active_step"]'))
        self.settings = load_configuration(self.config)

    def status(self) -> LedgerStatus:
        return open_status(self.settings)

    def drop(self, number: int, of_order: int = 0, *, edge: int = 24) -> tuple[str, np.ndarray]:
        """Put one picture like no other into the device's folder, the way a careful device does."""
        pixels = np.random.default_rng(number).integers(0, 256, (edge, edge, 3), dtype=np.uint8)
        name = f"ACC{of_order:04d}_{number:05d}.png"
        hidden = self.drop_folder / f".{name}"
        Image.fromarray(pixels).save(hidden, format="PNG")
        hidden.rename(self.drop_folder / name)
        return name, pixels

    def live(self, role: str, kill: KillAt | None = None) -> int:
        """Let `role` live until it has nothing to do; its exit code (-9 when it was killed)."""
        process = FORK_SERVER.Process(target=_life, args=(str(self.config), role, kill or KillAt(None)))
        process.start()
        process.join(_LIFE_S)
        assert process.exitcode is not None, f"{role} did not come to an end"
        return process.exitcode

    def live_through(self) -> None:
        """One whole, undisturbed life of each role in order."""
        for role in ("capture/camera", "assemble", "forward"):
            assert self.live(role) == 0, role


def order(number: int) -> Step:
    """The worklist step with accession number ``ACC<number>``."""
    return Step(
        key=StepKey("HIS", f"1.2.826.0.1.3680043.8.498.{number + 1}", f"S{number}"),
        patient=Patient(f"P{number}", "", f"Patient^Number{number}", "19700101", "F"),
        accession_number=f"ACC{number:04d}",
        requested_procedure_id=f"R{number}",
        requested_procedure_description="photographs",
        description="photographs",
        modality="XC",
        station_ae_title="BOX",
        start=datetime.now(UTC),
        identifier="{}",
    )


def _life(config: str, role: str, kill: KillAt) -> None:
    # Tuning the codec to the machine is longer than all the rest of a life, and a matter of tests of its own.
    with mock.patch("gateway.bootstrap.assemble_role.tuned_strip_samples", return_value=DEFAULT_STRIP_SAMPLES):
        _live(config, role, kill)


def _live(config: str, role: str, kill: KillAt) -> None:
    settings = load_configuration(Path(config))
    lock = RoleLock(settings.spool.path, role)
    parts = prepare(settings, role, kill)
    database = parts.open_database()
    if role.startswith("capture/"):
        _capture_all(
            capture_stage(parts, settings.devices[0], database, no_beat), settings.devices[0].settings.source.path
        )
    elif role == "assemble":
        request_stage(parts, database, no_beat).round()
        reject = reject_stage(parts, database, no_beat)
        while reject.round() == 0.0:
            pass
        assemble = assemble_stage(parts, database, no_beat)
        while assemble.round() == 0.0:
            pass
        for stage in (fallback_stage(parts, database, no_beat), rebuild_stage(parts, database, no_beat)):
            while stage.round() == 0.0:
                pass
        housekeep_stage(parts, database, no_beat).round()
        close_steps_stage(parts, database, no_beat).round()
    else:
        deliver = deliver_stage(parts, settings.destination[0], database, no_beat)
        while deliver.round() == 0.0:
            pass
        deliver.close()
        for peer in settings.mpps:
            report = report_stage(parts, peer, database, no_beat)
            while report.round() == 0.0:
                pass
            report.close()
    database.close()
    lock.release()


def _capture_all(stage: object, folder: Path) -> None:
    """Capture until the folder is empty, or for two seconds when the source keeps its files."""
    end = time.monotonic() + 2.0
    while any(not path.name.startswith(".") for path in folder.iterdir()) and time.monotonic() < end:
        stage.round()  # type: ignore[attr-defined] # any capture stage
    stage.close()  # type: ignore[attr-defined] # as above
