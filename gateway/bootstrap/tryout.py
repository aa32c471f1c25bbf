"""What the gateway would make of one file, without making anything of it: the real source, matching and builder.

The file is copied to a scratch folder and offered by the device's own source, so that its hints are found exactly as
they would be; the ledger, if there is one, is only read.
"""

import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import attrs

from gateway.bootstrap.capture_settings import source_settings
from gateway.bootstrap.identities import local_identities
from gateway.bootstrap.object_settings import device_rules
from gateway.bootstrap.parts import no_beat
from gateway.bootstrap.people import clock_of
from gateway.bootstrap.settings import station_of
from gateway.capture.image_files import open_picture
from gateway.capture.registry import open_source
from gateway.config.device import Device
from gateway.config.model import Configuration
from gateway.domain.acquisition import Finding, FindingPart, Hint
from gateway.domain.errors import ConfigurationError, Phase, UnreadableInput
from gateway.domain.frames import Picture
from gateway.domain.identifiers import InstanceId, Uid, mint_uid
from gateway.domain.instance import InstanceIdentity
from gateway.domain.objects import LocalStudy
from gateway.domain.ports import Clock
from gateway.domain.procedure import Hold, Patient, Step
from gateway.objects.describe import describe
from gateway.spool.database import Database, is_ready
from gateway.spool.steps import StepLedger
from gateway.stages.build import ObjectBuilder, Plan, Subject
from gateway.stages.decide import decide

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class TryResult:
    """What was found and what would be made; `lines` are the object's attributes (tag, name, value)."""

    hints: tuple[Hint, ...]
    verdict: str
    matched: bool
    plan: Plan
    file_bytes: int
    native_bytes: int
    object_bytes: int
    notes: tuple[str, ...]
    lines: tuple[tuple[str, str, str], ...]


class _NothingKnown:
    """The memory of a source that has never seen anything."""

    def is_known(self, part: FindingPart) -> bool:
        """Nothing is known."""
        del part
        return False

    def latest_exam(self) -> tuple[str, datetime] | None:
        """There was no exam."""
        return None


def try_file(settings: Configuration, file: Path, device_name: str, out: Path | None) -> TryResult:
    """Show what `file` would become on a device; write the object to `out` if given.

    Raises
    ------
    ConfigurationError
        There is no such device.
    GatewayError
        The file would be set aside, with the reason it would be set aside for.
    """
    names = [device.name for device in settings.devices]
    if device_name not in names:
        raise ConfigurationError(f"There is no device {device_name}.", remedy=f"Known are: {', '.join(names)}.")
    if not file.is_file():
        raise UnreadableInput(f"There is no file {file}.", remedy="Name a file that exists.")
    device = settings.device(device_name)
    with tempfile.TemporaryDirectory(prefix="gateway-try-") as scratch:
        finding = _offered(device, file, Path(scratch) / "drop", clock_of(settings))
        if finding.fault is not None:
            raise finding.fault
        return _make(settings, device, file, finding, out or Path(scratch) / "object.dcm")


def _offered(device: Device, file: Path, folder: Path, clock: Clock) -> Finding:
    """The finding that the device's source makes of `file`, with what lies beside it, in its own place."""
    watched = device.settings.source.path
    below = file.parent.relative_to(watched) if file.parent.is_relative_to(watched) else Path()
    (folder / below).mkdir(parents=True)
    for beside in file.parent.glob(f"{file.stem}*"):
        if beside.is_file():
            shutil.copy(beside, folder / below / beside.name)
    watching = attrs.evolve(device.settings.source, path=folder, settle_s=0.0, poll_s=0.1, after="keep", move_to=None)
    scratch = attrs.evolve(device, settings=attrs.evolve(device.settings, source=watching))
    source = open_source(watching.kind, source_settings(scratch), memory=_NothingKnown(), clock=clock)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            for finding in source.poll():
                if finding.parts[0].name.endswith(file.name.encode()):
                    return finding
            source.wait(0.1)
    finally:
        source.close()
    patterns = ", ".join(watching.patterns)
    raise UnreadableInput(
        f"The device {device.name} would not take {file.name}.",
        remedy=f"It takes {patterns}; a file must be complete, and its sidecar there if the profile asks for one.",
        phase=Phase.CAPTURE,
    )


def _make(settings: Configuration, device: Device, file: Path, finding: Finding, out: Path) -> TryResult:
    rules, clock = device_rules(settings, device), clock_of(settings)
    picture = open_picture(file, max_pixels=rules.max_pixels)
    subject, verdict = _subject(settings, device, finding)
    builder = ObjectBuilder(station_of(settings), clock, no_beat)
    plan = builder.plan(picture, rules.profile, rules.encoding, None, lossy=rules.lossy)
    about = Subject(subject, finding.captured_at, finding.captured_at, finding.hints)
    with out.open("w+b") as stream:
        notes = builder.write(
            plan, picture, profile=rules.profile, identity=_identity(subject), about=about, target=stream
        )
    return TryResult(
        hints=finding.hints,
        verdict=verdict,
        matched=isinstance(subject, Step),
        plan=plan,
        file_bytes=file.stat().st_size,
        native_bytes=_native_bytes(picture),
        object_bytes=out.stat().st_size,
        notes=notes,
        lines=tuple(describe(out)),
    )


def _native_bytes(picture: Picture) -> int:
    return picture.frames.format.frame_bytes * picture.frames.frame_count


def _subject(settings: Configuration, device: Device, finding: Finding) -> tuple[Step | LocalStudy, str]:
    """Whom the file would belong to, and why; a held one is built without an order, to show its shape."""
    steps: list[Step] = []
    active: Step | None = None
    if is_ready(settings.spool.path):
        database = Database(settings.spool.path, read_only=True)
        try:
            ledger = StepLedger(database, clock_of(settings))
            steps, active = ledger.candidates(device.name), ledger.active(device.name)
        finally:
            database.close()
    verdict = decide(
        device_rules(settings, device),
        hints=finding.hints,
        known=steps,
        active=active,
        captured_at=finding.captured_at,
        exact_only=False,
    )
    if isinstance(verdict, Hold):
        given = local_identities(settings)
        patient = Patient(given.example(), given.issuer, given.unknown_name)
        return LocalStudy(patient), f"held: {verdict.reason} Sent without an order it would look like this."
    match, step = verdict
    return step, f"{match.rule.value}: {match.reason}"


def _identity(subject: Step | LocalStudy) -> InstanceIdentity:
    study = subject.key.study_instance_uid if isinstance(subject, Step) else mint_uid()
    return InstanceIdentity(InstanceId(0), Uid(study), mint_uid(), mint_uid(), series_number=1, instance_number=1)
