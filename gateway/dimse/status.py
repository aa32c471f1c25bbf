"""Status codes of C-STORE, C-FIND and N-ACTION as data: category, words, what the loop does, what a person can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from gateway.dimse.peer import Peer
from gateway.domain.errors import Disposition, GatewayError, Phase


class Category(Enum):
    """The status classes of PS3.7 Annex C."""

    SUCCESS = "success"
    WARNING = "warning"
    PENDING = "pending"
    CANCEL = "cancel"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class StatusMeaning:
    """One row of a status table; `tries` says after how many such answers an object is parked."""

    category: Category
    text: str
    disposition: Disposition
    remedy: str = ""
    tries: int = 1


_RETRY, _PARK, _DONE = Disposition.RETRY, Disposition.PARK, Disposition.DONE
_ADMINISTRATOR = "Ask the administrator of the peer to look into its log."
_SPACE = "The gateway keeps trying; tell the administrator of the peer."
_ALLOW = "Ask the administrator of the peer to allow this AE title to do this."


_TRIES = 3


def _failure(text: str, disposition: Disposition = _PARK, remedy: str = _ADMINISTRATOR) -> StatusMeaning:
    return StatusMeaning(Category.FAILURE, text, disposition, remedy)


def _doubtful(text: str) -> StatusMeaning:
    """A failure that peers answer for anything, a data base that is away included."""
    return StatusMeaning(Category.FAILURE, text, _PARK, _ADMINISTRATOR, _TRIES)


def _warning(text: str) -> StatusMeaning:
    return StatusMeaning(Category.WARNING, text, _DONE)


STORE_STATUS: Mapping[int, StatusMeaning] = MappingProxyType(
    {
        0x0000: StatusMeaning(Category.SUCCESS, "stored", _DONE),
        0x0001: _warning("stored, with an unnamed warning"),
        0x0105: _failure("the object has an attribute that the peer does not know"),
        0x0106: _failure("an attribute of the object has a value that the peer finds invalid"),
        0x0107: _warning("stored, but the peer left out attributes that it does not know"),
        0x0110: _doubtful("the peer failed while processing the object"),
        0x0111: StatusMeaning(Category.WARNING, "the peer already holds this object", _DONE),
        0x0115: _failure("an argument of the request has a value that the peer finds invalid"),
        0x0116: _warning("stored, but the peer finds an attribute value out of range"),
        0x0117: _failure("the peer finds the SOP Instance UID invalid"),
        0x0118: _failure("the peer does not know the SOP class"),
        0x0119: _failure("the peer holds this SOP Instance UID under another SOP class"),
        0x0120: _failure("the peer misses an attribute in the object"),
        0x0121: _failure("the peer misses the value of an attribute in the object"),
        0x0122: _failure("the peer does not store objects of this SOP class", _PARK, _ALLOW),
        0x0124: _failure("the peer does not allow this box to store", _PARK, _ALLOW),
        0x0210: _failure("the peer says that this message was already sent"),
        0x0211: _failure("the peer does not know the operation"),
        0x0212: _failure("the peer finds an argument of the request mistyped"),
        0x0213: _failure("the peer is short of resources", _RETRY, _SPACE),
        0xA700: _failure("the peer is out of space or other resources", _RETRY, _SPACE),
        0xA900: _failure("the peer says that the object does not fit its SOP class"),
        0xB000: _warning("stored, but the peer changed some attributes"),
        0xB006: _warning("stored, but the peer discarded some elements"),
        0xB007: _warning("stored, but the peer says that the object does not fit its SOP class"),
        0xC000: _doubtful("the peer cannot understand or process the object"),
        0xFE00: _failure("the peer cancelled the operation", _RETRY, _SPACE),
    }
)
"""C-STORE: PS3.4 Annex B.2.3, PS3.7 Annex C. Rows A7xx, A9xx and Cxxx stand for their whole range."""

FIND_STATUS: Mapping[int, StatusMeaning] = MappingProxyType(
    {
        0x0000: StatusMeaning(Category.SUCCESS, "the query is answered", _DONE),
        0x0122: _failure(
            "the peer does not serve this kind of query", _PARK, "Check that this address is the right one."
        ),
        0x0124: _failure("the peer does not allow this box to query", _PARK, _ALLOW),
        0x0210: _failure("the peer says that this message was already sent", _RETRY),
        0x0211: _failure("the peer does not know the operation", _PARK),
        0x0212: _failure("the peer finds an argument of the query mistyped", _PARK),
        0x0213: _failure("the peer is short of resources", _RETRY, _SPACE),
        0xA700: _failure("the peer is out of resources", _RETRY, _SPACE),
        0xA900: _failure("the peer says that the query does not fit its model", _PARK),
        0xC000: _failure("the peer is unable to process the query", _RETRY),
        0xFE00: StatusMeaning(Category.CANCEL, "the query was cancelled", _DONE),
        0xFF00: StatusMeaning(Category.PENDING, "a match", _DONE),
        0xFF01: StatusMeaning(Category.PENDING, "a match; some keys are not supported", _DONE),
    }
)
"""C-FIND of the worklist: PS3.4 Annex K.4.1.1.4."""

ACTION_STATUS: Mapping[int, StatusMeaning] = MappingProxyType(
    {
        0x0000: StatusMeaning(Category.SUCCESS, "the request is taken", _DONE),
        0x0110: _failure("the peer failed while it took the request", _RETRY),
        0x0112: _failure("the peer does not know the well-known instance of storage commitment"),
        0x0114: _failure("the peer finds an argument of the request unknown"),
        0x0115: _failure("the peer finds an argument of the request invalid"),
        0x0117: _failure("the peer finds the instance of the request invalid"),
        0x0118: _failure("the peer does not know storage commitment"),
        0x0119: _failure("the peer finds class and instance of the request in conflict"),
        0x0122: _failure("the peer does not offer storage commitment", _PARK, _ALLOW),
        0x0123: _failure("the peer does not know the action"),
        0x0124: _failure("the peer does not allow this box to ask for commitment", _PARK, _ALLOW),
        0x0131: _failure("the peer says that the transaction UID was used before", _RETRY),
        0x0210: _failure("the peer says that this message was already sent", _RETRY),
        0x0211: _failure("the peer does not know the operation"),
        0x0212: _failure("the peer finds an argument of the request mistyped"),
        0x0213: _failure("the peer is short of resources", _RETRY, _SPACE),
    }
)
"""N-ACTION of storage commitment: PS3.7 section 10.1.4.1.10. Each failure ends the transaction."""

_RANGES = ((0xA700, 0xFF00), (0xA900, 0xFF00), (0xC000, 0xF000))
_UNKNOWN_FAILURE = _doubtful("the peer answered with a status that the standard does not have")
_UNKNOWN_FIND_FAILURE = _failure("the peer answered with a status that the standard does not have", _RETRY)
_UNKNOWN_WARNING = _warning("stored, with a warning that the standard does not have")


def store_meaning(status: int) -> StatusMeaning:
    """What `status` (0 to 0xFFFF) of a C-STORE response means; total, so every code has an answer."""
    row = STORE_STATUS.get(_representative(status))
    if row is not None:
        return row
    # PS3.7 Annex C.2: every Bxxx is a warning, so the object is stored whatever the digits say.
    return _UNKNOWN_WARNING if status & 0xF000 == 0xB000 else _UNKNOWN_FAILURE  # noqa: PLR2004 - the class digit


def find_meaning(status: int) -> StatusMeaning:
    """What `status` (0 to 0xFFFF) of a worklist C-FIND response means; total, as `store_meaning`."""
    return FIND_STATUS.get(_representative(status), _UNKNOWN_FIND_FAILURE)


def action_meaning(status: int) -> StatusMeaning:
    """What `status` (0 to 0xFFFF) of an N-ACTION response means; total, as `store_meaning`."""
    return ACTION_STATUS.get(status, _UNKNOWN_FIND_FAILURE)


class PeerRefused(GatewayError):  # noqa: N818 - the peer's answer, not a defect
    """A failure status of a peer.

    `comment` is the peer's Error Comment (0000,0902). It stands apart from the sentence because it may name the
    patient: it may be shown to people, never logged.
    """

    def __init__(self, peer: Peer, meaning: StatusMeaning, status: int, comment: str, phase: Phase) -> None:
        super().__init__(
            f"{peer.name}: {meaning.text} ({status:04X}).",
            disposition=meaning.disposition,
            phase=phase,
            remedy=meaning.remedy,
            code=f"{status:04X}",
            tries=meaning.tries,
        )
        self.comment = comment


def _representative(status: int) -> int:
    for row, mask in _RANGES:
        if status & mask == row:
            return row
    return status
