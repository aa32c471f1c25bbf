"""A small PACS and a small worklist on loopback, for trying the gateway without a hospital; never for real data."""

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from ssl import SSLContext
from types import TracebackType
from typing import Self

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import ModalityWorklistInformationFind, Verification  # type: ignore[attr-defined]  # made at import time
from pynetdicom.transport import ThreadedAssociationServer

from gateway.dimse.commitment_report import COMMITMENT_UID
from gateway.dimse.demo_commitment import DemoCommitment, ReportsTo
from gateway.dimse.tls import TlsFiles, server_context
from gateway.domain.identifiers import is_valid_uid

_log = logging.getLogger(__name__)
_UNCOMPRESSED = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_SUCCESS, _INVALID_INSTANCE, _OUT_OF_RESOURCES, _CANCELLED, _PENDING = 0x0000, 0x0117, 0xA700, 0xFE00, 0xFF00
_JOIN_S = 2.0
Stored = Callable[[Path], None]


class DemoPeer:
    """A listening Application Entity on a free loopback port; `close` ends it and its associations."""

    def __init__(self, ae_title: str, tls: TlsFiles | None) -> None:
        self.ae_title = ae_title
        self._context: SSLContext | None = server_context(tls) if tls else None
        self._entity = AE(ae_title=ae_title)
        self._entity.require_called_aet = True
        self._entity.maximum_pdu_size = 131_072
        self._entity.add_supported_context(Verification, _UNCOMPRESSED)
        self._server: ThreadedAssociationServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The TCP port that was given to this peer."""
        if self._server is None or self._server.socket is None:
            raise RuntimeError("the peer does not listen")
        return int(self._server.socket.getsockname()[1])

    def close(self) -> None:
        """Stop listening and end what is open."""
        if self._server is None:
            return
        associations = self._server.active_associations
        self._server.shutdown()
        for association in associations:
            if association.is_established:  # one that is being refused ends by itself, and must not be aborted
                association.abort()
            association.join(_JOIN_S)
        self._server = None

    def _listen(self, port: int, handlers: Sequence[tuple[evt.EventType, Callable[[Event], object]]]) -> None:
        self._server = self._entity.start_server(
            ("127.0.0.1", port),
            block=False,
            ssl_context=self._context,
            evt_handlers=[(evt.EVT_CONN_OPEN, _without_delay), *handlers],
        )


class DemoPacs(DemoPeer):
    """A Storage SCP that writes each instance as it came to ``<folder>/<SOP Instance UID>.dcm``.

    Parameters
    ----------
    on_stored
        Called with each finished file, from the association's thread, before the answer is sent.
    commits
        Whether it offers storage commitment; it reports to `reports_to`, or on the same association.
    port
        0 for a free one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ae_title: str = "DEMOPACS",
        tls: TlsFiles | None,
        on_stored: Stored | None = None,
        port: int = 0,
        commits: bool = False,
        reports_to: ReportsTo | None = None,
    ) -> None:
        super().__init__(ae_title, tls)
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.commitment = DemoCommitment(ae_title, lambda uid: (folder / f"{uid}.dcm").exists(), reports_to)
        if commits:
            self._entity.add_supported_context(COMMITMENT_UID, _UNCOMPRESSED)
        self._on_stored = on_stored
        for context in AllStoragePresentationContexts:
            self._entity.add_supported_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)
        self._listen(port, [(evt.EVT_C_STORE, self._store), (evt.EVT_N_ACTION, self.commitment.request)])

    def stored(self) -> list[Path]:
        """The files received so far."""
        return sorted(self.folder.glob("*.dcm"))

    def _store(self, event: Event) -> int:
        uid = str(getattr(event.request, "AffectedSOPInstanceUID", ""))
        target = self.folder / f"{uid}.dcm"
        part = target.with_suffix(".part")
        if not is_valid_uid(uid):
            return _INVALID_INSTANCE
        try:
            part.write_bytes(event.encoded_dataset())
            part.rename(target)
        except OSError as fault:
            _log.warning("demo PACS cannot write: %s", fault.strerror)
            return _OUT_OF_RESOURCES
        if self._on_stored is not None:
            self._on_stored(target)
        return _SUCCESS


class DemoWorklist(DemoPeer):
    """A worklist SCP over given data sets.

    It matches station AE title, modality, start date (single or range), patient id and accession number, and returns
    the whole item as it was given.
    """

    def __init__(
        self, items: Sequence[Dataset], *, ae_title: str = "DEMORIS", tls: TlsFiles | None, port: int = 0
    ) -> None:
        super().__init__(ae_title, tls)
        self.items = list(items)
        self._entity.add_supported_context(ModalityWorklistInformationFind, _UNCOMPRESSED)
        self._listen(port, [(evt.EVT_C_FIND, self._find)])

    def _find(self, event: Event) -> Iterator[tuple[int, Dataset | None]]:
        for item in self.items:
            if event.is_cancelled:
                yield _CANCELLED, None
                return
            if matches(event.identifier, item):
                yield _PENDING, item


def matches(query: Dataset, item: Dataset) -> bool:
    """Whether a worklist item fits the matching keys that this demo supports (PS3.4 Annex K.2.2.1)."""
    asked, offered = _step(query), _step(item)
    pairs = (
        (query.get("PatientID"), item.get("PatientID")),
        (query.get("AccessionNumber"), item.get("AccessionNumber")),
        (asked.get("ScheduledStationAETitle"), offered.get("ScheduledStationAETitle")),
        (asked.get("Modality"), offered.get("Modality")),
    )
    if any(key and str(key) != str(value or "") for key, value in pairs):
        return False
    return _within(
        str(asked.get("ScheduledProcedureStepStartDate") or ""),
        str(offered.get("ScheduledProcedureStepStartDate") or ""),
    )


def _within(asked: str, date: str) -> bool:
    if not asked:
        return True
    first, dash, last = asked.partition("-")
    return (first or "0") <= date <= ((last or "9") if dash else first)


def _step(dataset: Dataset) -> Dataset:
    sequence = dataset.get("ScheduledProcedureStepSequence")
    return sequence[0] if sequence else Dataset()


def _without_delay(event: Event) -> None:
    """Answer at once: small responses must not wait for the sender's acknowledgement (Nagle's algorithm)."""
    wrapped = event.assoc.dul.socket
    if wrapped is not None and wrapped.socket is not None:
        wrapped.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
