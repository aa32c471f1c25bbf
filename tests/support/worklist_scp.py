"""A worklist SCP in this process that answers as a test says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import ModalityWorklistInformationFind  # type: ignore[attr-defined]  # made at import time

Answers = Iterator[tuple[int, Dataset | None]]


@contextmanager
def worklist(handler: Callable[[Event], Answers]) -> Iterator[int]:
    """Its port; `handler` gives the answers to a C-FIND."""
    entity = AE(ae_title="RIS")
    entity.add_supported_context(ModalityWorklistInformationFind)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, handler)])
    assert server is not None
    try:
        yield server.server_address[1]
    finally:
        entity.shutdown()
