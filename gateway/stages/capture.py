"""Takes what a source offers: bytes made safe, row committed, and only then the source acknowledged (promise 1)."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import PurePosixPath

from gateway.domain.acquisition import CaptureSource, Finding, FindingPart
from gateway.domain.checkpoints import Checkpoint, Passage
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.identifiers import DeviceName
from gateway.domain.ports import Clock
from gateway.spool.captures import CaptureLedger, StoredPart
from gateway.spool.duplicates import Twin
from gateway.spool.files import ReceivedFile, SpoolFiles
from gateway.spool.health import HealthLedger, StandingIssue
from gateway.stages.beat import Beat

_log = logging.getLogger(__name__)
_SAFE_SUFFIX_LENGTH = 6


class CaptureStage:
    """The work of one device's capture loop."""

    def __init__(
        self,
        *,
        device: DeviceName,
        source: CaptureSource,
        captures: CaptureLedger,
        files: SpoolFiles,
        health: HealthLedger,
        clock: Clock,
        passage: Passage,
        beat: Beat,
        wait_s: float = 1.0,
    ) -> None:
        self._device = device
        self._source = source
        self._captures = captures
        self._files = files
        self._health = health
        self._clock = clock
        self._passage = passage
        self._beat = beat
        self._wait_s = wait_s

    def round(self) -> float:
        """Take everything that is ready, then wait on the source itself."""
        taken, faults = 0, list[GatewayError]()
        for finding in self._source.poll():
            try:
                self._take(finding)
                taken += 1
            except GatewayError as fault:
                if fault.disposition is not Disposition.RETRY:
                    raise
                faults.append(fault)
            self._beat()
        self._show([*self._source.troubles(), *faults])
        if not taken:
            self._source.wait(self._wait_s)
        return 0.0

    def close(self) -> None:
        """Release the device."""
        self._source.close()

    def _take(self, finding: Finding) -> None:
        self._passage(Checkpoint.CAPTURE_FOUND)
        self._files.ensure_room(sum(part.size for part in finding.parts))
        received: list[ReceivedFile] = []
        try:
            for part in finding.parts:
                received.append(self._receive(part))  # noqa: PERF401 - what came before a failure must be in the list
            same = self._captures.same_bytes(self._device, finding, received[0].digest)
            if same is None or isinstance(same, Twin):
                self._record(finding, received, same)
            else:
                self._captures.record_duplicate(self._device, finding, received[0].digest, same)
                _log.info("device=%s acquisition=%d seen_again=yes", self._device, same)
        finally:
            for file in received:
                self._files.discard(file)
        self._source.acknowledge(finding)
        self._passage(Checkpoint.CAPTURE_ACKNOWLEDGED)

    def _receive(self, part: FindingPart) -> ReceivedFile:
        """A safe copy of a part; one that is not whole as the source described it is asked for again."""
        try:
            with self._source.open(part) as stream:
                received = self._files.receive(stream)
        except OSError as error:  # the spool's own faults have become GatewayErrors: this is the source
            raise _unreadable(f"A source file cannot be read: {error.strerror or type(error).__name__}.") from error
        if received.size != part.size:
            self._files.discard(received)
            raise _unreadable("A source file changed while it was read.")
        return received

    def _record(self, finding: Finding, received: list[ReceivedFile], twin: Twin | None) -> None:
        exam = twin.exam_key if twin else finding.exam_key
        folder = f"acquisitions/{self._device}/{self._clock.now():%Y-%m-%d}"
        stored = []
        for position, (part, file) in enumerate(zip(finding.parts, received, strict=True)):
            name = _spool_name(exam, position, received[0].digest, file.digest)
            path = self._files.place(file.temporary, folder, f"{name}{_safe_suffix(part.name)}")
            stored.append(StoredPart(part, file.digest, file.size, path))
        self._passage(Checkpoint.CAPTURE_RENAMED)
        number = self._captures.record(self._device, finding, stored, twin=twin)
        self._passage(Checkpoint.CAPTURE_COMMITTED)
        _log.info(
            "device=%s acquisition=%d bytes=%d digest=%s fault=%s",
            self._device,
            number,
            stored[0].size,
            stored[0].digest[:16],
            "no" if finding.fault is None else "yes",
        )

    def _show(self, troubles: list[GatewayError]) -> None:
        prefix = f"capture.{self._device}."
        standing: Mapping[str, StandingIssue] = {
            f"{prefix}{hashlib.sha256(str(trouble).encode(errors='replace')).hexdigest()[:12]}": StandingIssue(
                "attention", trouble.message, trouble.remedy
            )
            for trouble in troubles
        }
        self._health.settle(prefix, standing)


def _unreadable(message: str) -> GatewayError:
    return GatewayError(
        message,
        disposition=Disposition.RETRY,
        phase=Phase.CAPTURE,
        remedy="It is tried again. If this stays, look at the device's disk or share.",
    )


def _spool_name(exam_key: str, position: int, digest: str, part_digest: str) -> str:
    """The name of a part in the spool: the same each time, so that a commit that fails for hours leaves one file."""
    text = "\0".join((exam_key, str(position), digest, part_digest))
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _safe_suffix(name: bytes) -> str:
    """The file's own suffix when it is a plain one; decoders go by content, people by suffix."""
    suffix = PurePosixPath(name.decode("ascii", errors="replace")).suffix.lower()
    plain = suffix[1:].isascii() and suffix[1:].isalnum() and len(suffix) <= _SAFE_SUFFIX_LENGTH
    return suffix if plain else ""
