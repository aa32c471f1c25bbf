"""Exports to a medium and receipts for them: done by the process that a person started, on the ledger itself."""

from collections.abc import Callable
from pathlib import Path

from gateway.bootstrap.people import clock_of, open_status, user_name
from gateway.config.model import Configuration
from gateway.domain.errors import ConfigurationError
from gateway.domain.exports import ReceiptOutcome
from gateway.spool.database import Database
from gateway.spool.exports import ExportLedger
from gateway.spool.files import SpoolFiles
from gateway.stages.export import Exporter, ExportOutcome, Progress
from gateway.stages.receipt import NoReceipt, read_receipt

_LARGEST_RECEIPT_BYTES = 1 << 28


def export_queue(
    settings: Configuration,
    folder: Path,
    *,
    destination: str = "",
    again: bool = True,
    tell: Callable[[Progress], None],
) -> ExportOutcome | None:
    """Write what is unsent to `folder` on a medium as a DICOM file-set; None when nothing is.

    Raises
    ------
    ConfigurationError
        `destination` is not configured, and nothing is owed to it either; or there is no ledger.
    GatewayError
        The medium cannot be used; nothing was marked exported.
    """
    open_status(settings)
    clock = clock_of(settings)
    database = Database(settings.spool.path)
    try:
        ledger = ExportLedger(database, clock)
        configured = [one.name for one in settings.destination]
        if destination and destination not in configured and not ledger.unsent(destination=destination):
            raise ConfigurationError(
                f"There is no destination {destination}.", remedy=f"Known are: {', '.join(configured) or 'none'}."
            )
        files = SpoolFiles(settings.spool.path, role="export")
        by = f"console {user_name()}"
        return Exporter(ledger=ledger, files=files, clock=clock, by=by, tell=tell).export(
            folder, destination=destination, again=again
        )
    finally:
        database.close()


def lies_on_own_disk(settings: Configuration, folder: Path) -> bool:
    """Whether a folder is on the disk of the spool: then no stick is mounted there."""
    try:
        return folder.stat().st_dev == settings.spool.path.stat().st_dev
    except OSError:
        return False


def import_receipt(settings: Configuration, path: Path, *, importer: str, destination: str) -> ReceiptOutcome:
    """Take for stored what the receipt at `path` proves.

    Raises
    ------
    NoReceipt
        The file cannot be read or is no receipt; nothing was changed.
    """
    open_status(settings)
    try:
        with path.open("rb") as stream:
            document = stream.read(_LARGEST_RECEIPT_BYTES)
    except OSError as error:
        raise NoReceipt(f"The receipt {path} cannot be read: {error.strerror}.", "Name the file again.") from error
    receipt = read_receipt(document, importer=importer, destination=destination)
    database = Database(settings.spool.path)
    try:
        return ExportLedger(database, clock_of(settings)).accept(receipt, by=f"console {user_name()}")
    finally:
        database.close()
