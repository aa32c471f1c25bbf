"""What it means when a peer refuses: A-ASSOCIATE-RJ, A-ABORT and presentation context results as sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.dimse.peer import Peer
from gateway.domain.errors import Disposition, GatewayError, Phase


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: the reason in words, what the loop does, what a person can do."""

    text: str
    disposition: Disposition
    remedy: str


_RETRY, _PARK = Disposition.RETRY, Disposition.PARK
_ASK = "Ask the administrator of the peer why it refuses."
_NO_HELP_NEEDED = "The gateway keeps trying; no action is needed unless this lasts."

REJECTIONS: Mapping[tuple[int, int], Refusal] = MappingProxyType(
    {
        (1, 1): Refusal("it gave no reason", _RETRY, _ASK),
        (1, 2): Refusal("it does not support the DICOM application context", _PARK, _ASK),
        (1, 3): Refusal(
            "it does not know this box's AE title",
            _PARK,
            "Ask its administrator to register the calling AE title, or correct the AE title of the station.",
        ),
        (1, 7): Refusal(
            "it is not called by that AE title",
            _PARK,
            "Ask its administrator for its AE title and correct it in the settings.",
        ),
        (2, 1): Refusal("it gave no reason", _RETRY, _ASK),
        (2, 2): Refusal("it does not support this version of the DICOM protocol", _PARK, _ASK),
        (3, 1): Refusal("it is busy", _RETRY, _NO_HELP_NEEDED),
        (3, 2): Refusal("it has too many associations open", _RETRY, _NO_HELP_NEEDED),
    }
)
"""A-ASSOCIATE-RJ by (source, reason): PS3.8 section 9.3.4. The result byte is not asked: vendors misuse it."""

ABORT_REASONS: Mapping[tuple[int, int], str] = MappingProxyType(
    {
        (2, 0): "its protocol layer gave no reason",
        (2, 1): "it met a message that it does not know",
        (2, 2): "it met a message that it did not expect",
        (2, 4): "it met a parameter that it does not know",
        (2, 5): "it met a parameter that it did not expect",
        (2, 6): "it met a parameter with an invalid value",
    }
)
"""A-ABORT by (source, reason): PS3.8 section 9.3.8; the reason counts only when the source is the provider (2)."""

CONTEXT_RESULTS: Mapping[int, str] = MappingProxyType(
    {
        0: "accepted",
        1: "refused by the peer's user",
        2: "refused without a reason",
        3: "SOP class not supported",
        4: "transfer syntax not supported",
    }
)
"""Result of a presentation context: PS3.8 table 9-18."""


def rejected(peer: Peer, result: int, source: int, reason: int) -> GatewayError:
    """The fault for an A-ASSOCIATE-RJ with these three bytes; a row that the standard lacks follows the result."""
    unknown = Refusal(
        f"its reason {reason} from source {source} is not one of the standard's", _RETRY if result != 1 else _PARK, _ASK
    )
    row = REJECTIONS.get((source, reason), unknown)
    titles = f"(called {peer.called_ae_title}, calling {peer.calling_ae_title})"
    return GatewayError(
        f"{peer.name} refused the association: {row.text} {titles}.",
        disposition=row.disposition,
        phase=Phase.NEGOTIATE,
        remedy=row.remedy,
        code=f"{result}/{source}/{reason}",
    )


def aborted(peer: Peer, source: int, reason: int, phase: Phase) -> GatewayError:
    """The fault for an A-ABORT: what was under way has an unknown outcome, so it is done again."""
    why = ABORT_REASONS.get((source, reason), "its application gave no reason")
    return GatewayError(
        f"{peer.name} aborted the association: {why}.",
        disposition=Disposition.RETRY,
        phase=phase,
        remedy="The gateway keeps trying; if this lasts, look into the log of the peer.",
        code=f"abort {source}/{reason}",
    )
