"""Storage commitment for the demo PACS: it looks into its folder and reports, on the same or on a new association."""

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.events import Event

from gateway.dimse.commitment_report import COMMITMENT_INSTANCE_UID, COMMITMENT_UID
from gateway.dimse.tls import TlsFiles, client_context

_log = logging.getLogger(__name__)
_SUCCESS, _NO_SUCH_INSTANCE = 0x0000, 0x0112
_SOON_S = 0.05
_ALL_KEPT, _SOME_FAILED = 1, 2
Tls = tuple[ssl.SSLContext, str]


@dataclass(frozen=True, slots=True)
class ReportsTo:
    """The listener that a new association brings the report to."""

    port: int
    ae_title: str
    host: str = "127.0.0.1"
    tls: TlsFiles | None = None


class DemoCommitment:
    """Answers N-ACTION at once, and reports a moment later; without `reports_to` on the same association."""

    def __init__(self, ae_title: str, holds: Callable[[str], bool], reports_to: ReportsTo | None = None) -> None:
        self._ae_title = ae_title
        self._holds = holds
        self._reports_to = reports_to
        self.answers: list[int | None] = []
        """Status of each answer to a report; None when none came."""

    def request(self, event: Event) -> tuple[int, Dataset | None]:
        """The N-ACTION handler."""
        report = self._report(event.action_information)
        thread = threading.Timer(_SOON_S, self._bring, (event.assoc, report))
        thread.daemon = True
        thread.start()
        return _SUCCESS, None

    def _report(self, asked: Dataset) -> Dataset:
        report = Dataset()
        report.TransactionUID = asked.TransactionUID
        kept: list[Dataset] = []
        failed: list[Dataset] = []
        for item in asked.ReferencedSOPSequence:
            if self._holds(str(item.ReferencedSOPInstanceUID)):
                kept.append(item)
            else:
                item.FailureReason = _NO_SUCH_INSTANCE
                failed.append(item)
        if kept or not failed:
            report.ReferencedSOPSequence = kept
        if failed:
            report.FailedSOPSequence = failed
        return report

    def _bring(self, association: Association, report: Dataset) -> None:
        if self._reports_to is None:
            self._send(association, report)
            return
        called = self._associate(self._reports_to)
        if called.is_established:
            self._send(called, report)
            called.release()
        else:
            self.answers.append(None)
            _log.warning("demo PACS cannot bring its report: the listener does not answer")

    def _associate(self, to: ReportsTo) -> Association:
        caller = AE(ae_title=self._ae_title)
        caller.add_requested_context(COMMITMENT_UID)
        role: list[Any] = [build_role(COMMITMENT_UID, scp_role=True)]
        secure: Tls | None = None if to.tls is None else (client_context(to.tls), to.host)
        return caller.associate(to.host, to.port, ae_title=to.ae_title, ext_neg=role, tls_args=secure)

    def _send(self, association: Association, report: Dataset) -> None:
        event_type = _SOME_FAILED if "FailedSOPSequence" in report else _ALL_KEPT
        try:
            status, _ = association.send_n_event_report(report, event_type, COMMITMENT_UID, COMMITMENT_INSTANCE_UID)
        except (RuntimeError, ValueError) as fault:  # the association was ended meanwhile
            _log.warning("demo PACS cannot report: %s", type(fault).__name__)
            self.answers.append(None)
            return
        self.answers.append(int(status.Status) if "Status" in status else None)
