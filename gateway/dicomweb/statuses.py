"""HTTP status codes, and the failure reasons of a store answer, as data: words, what the loop does, what helps."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from gateway.dicomweb.http_session import HttpAnswer
from gateway.dicomweb.link_faults import OUR_CERTIFICATE
from gateway.dicomweb.peer import StowPeer
from gateway.domain.errors import Disposition, GatewayError, Phase


class Scope(Enum):
    """What a status speaks of, where the answer does not name the instance."""

    SERVICE = "service"
    """The service as a whole: nothing else sent now would fare better."""
    BATCH = "batch"
    """Something in this request: each of its instances is asked about by itself."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """One row: `text` completes a sentence that begins with the name of the service.

    `tries` says after how many such answers an object is parked.
    """

    text: str
    disposition: Disposition
    scope: Scope = Scope.BATCH
    phase: Phase = Phase.RESPONSE
    remedy: str = ""
    tries: int = 1


_RETRY, _PARK = Disposition.RETRY, Disposition.PARK
_LOOK = "Ask the administrator of the service to look into its log."
_WAITS = "The gateway keeps trying; tell the administrator of the service if this lasts."
_URL = "Check the URL: it is the base of the DICOMweb service, to which the gateway adds /studies."
_COMPARE = "Compare the object at the service with this one before it is sent again."
_CREDENTIALS = "Check user and password or token, and that this account may store."
_BAD_REQUEST = 400
_TRIES = 3
"""What services say of anything, a data base that is away included, is asked again before a person is."""


def _service(text: str, disposition: Disposition, remedy: str, phase: Phase = Phase.RESPONSE) -> Meaning:
    return Meaning(text, disposition, Scope.SERVICE, phase, remedy)


def _busy(text: str) -> Meaning:
    return _service(text, _RETRY, _WAITS)


HTTP_STATUS: Mapping[int, Meaning] = MappingProxyType(
    {
        400: Meaning("finds the request malformed", _PARK, remedy=_LOOK),
        401: _service("does not accept the credentials of this box", _PARK, _CREDENTIALS),
        403: _service("forbids this box to store", _PARK, _CREDENTIALS),
        404: _service("has no store service at this URL", _PARK, _URL),
        405: _service("does not take stores at this URL", _PARK, _URL),
        406: _service("cannot answer in DICOM JSON", _PARK, _LOOK),
        407: _service("is reached through a proxy that wants credentials", _PARK, "Let this box through the proxy."),
        408: _busy("got the request too slowly"),
        409: Meaning("stored none of the request", _PARK, remedy=_LOOK),
        410: _service("has no store service at this URL any more", _PARK, _URL),
        411: _service("wants a length that it was given", _PARK, "Look at the proxy in front of the service."),
        413: Meaning(
            "finds the request too large", _PARK, remedy="Ask its administrator to take larger requests, then retry."
        ),
        414: _service("finds the URL too long", _PARK, _URL),
        415: Meaning(
            "does not take this media type or transfer syntax",
            _PARK,
            remedy="Ask its administrator to allow it, or choose another compression for this destination.",
        ),
        421: _service("does not serve this host name", _PARK, _URL),
        422: Meaning("cannot process the request", _PARK, remedy=_LOOK),
        423: _busy("is locked"),
        425: _busy("does not want the request so early"),
        426: _service("wants another protocol", _PARK, _LOOK),
        429: _busy("finds that this box asks too often"),
        431: _service("finds the headers of the request too long", _PARK, _CREDENTIALS),
        495: _service("refuses this box's certificate", _PARK, OUR_CERTIFICATE, Phase.TLS),
        496: _service("requires a certificate and this box showed none", _PARK, OUR_CERTIFICATE, Phase.TLS),
        497: _service("was called without TLS", _PARK, _URL, Phase.TLS),
        500: _busy("failed inside"),
        501: _service("has no store service", _PARK, _URL),
        502: _busy("is a gateway whose archive does not answer in order"),
        503: _busy("is not available now"),
        504: _busy("is a gateway whose archive does not answer"),
        505: _service("does not speak HTTP/1.1", _PARK, _LOOK),
        507: _busy("is out of space"),
        508: _service("leads its requests in a circle", _PARK, _LOOK),
        511: _service("stands behind a network that wants a log-in", _PARK, "Let this box through the network."),
    }
)
"""PS3.18 section 10.5.3 and RFC 9110; 495 to 497 are nginx's own."""

_REDIRECTS = range(300, 400)
_SUCCESSES = range(200, 300)
_REDIRECTED = _service("sends its callers elsewhere, which is not followed with patient data", _PARK, _URL)
_UNKNOWN_REFUSAL = Meaning("refuses the request", _PARK, remedy=_LOOK)
_UNKNOWN_FAILURE = _busy("failed")

FAILURE_REASON: Mapping[int, Meaning] = MappingProxyType(
    {
        0x0105: Meaning("does not know an attribute of the object", _PARK),
        0x0106: Meaning("finds a value in the object invalid", _PARK),
        0x0110: Meaning("failed while processing the object", _PARK, tries=_TRIES),
        0x0111: Meaning("already holds an object with this SOP Instance UID, never sent to it", _PARK, remedy=_COMPARE),
        0x0117: Meaning("finds the SOP Instance UID invalid", _PARK),
        0x0119: Meaning("holds this SOP Instance UID under another SOP class", _PARK),
        0x0122: Meaning("does not store objects of this SOP class", _PARK),
        0x0124: Meaning("does not allow this box to store", _PARK),
        0x0213: Meaning("is short of resources", _RETRY, remedy=_WAITS),
        0xA700: Meaning("is out of space or other resources", _RETRY, remedy=_WAITS),
        0xA900: Meaning("says that the object does not fit its SOP class", _PARK),
        0xC000: Meaning("cannot understand or process the object", _PARK, tries=_TRIES),
        0xC122: Meaning("does not take the transfer syntax", _PARK),
    }
)
"""Failure Reason (0008,1197): PS3.18 table 10.5.3-2. Rows A7xx, A9xx and Cxxx stand for their whole range."""

DUPLICATE = 0x0111
_RANGES = ((0xA700, 0xFF00), (0xA900, 0xFF00), (0xC000, 0xF000))
_UNKNOWN_REASON = Meaning("refused the object for a reason that the standard does not have", _PARK, tries=_TRIES)


class ServiceRefused(GatewayError):  # noqa: N818 - the service's answer, not a defect
    """A refusal of the service."""

    def __init__(self, peer: StowPeer, meaning: Meaning, code: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(
            f"{peer.name} {meaning.text} ({code}).",
            disposition=meaning.disposition,
            phase=meaning.phase,
            remedy=meaning.remedy or _LOOK,
            code=code,
            retry_after_s=retry_after_s,
            tries=meaning.tries,
        )


def succeeded(status: int) -> bool:
    """Whether a status says success, which proves nothing about any instance."""
    return status in _SUCCESSES


def http_meaning(status: int) -> Meaning:
    """What an HTTP status that is no success means; total, so every code has an answer."""
    if status in _REDIRECTS:
        return _REDIRECTED
    unknown = _UNKNOWN_FAILURE if status >= 500 else _UNKNOWN_REFUSAL  # noqa: PLR2004 - the class digit
    return HTTP_STATUS.get(status, unknown)


def reason_meaning(reason: int) -> Meaning:
    """What a Failure Reason (0 to 0xFFFF) means; total."""
    for row, mask in _RANGES:
        if reason & mask == row and reason not in FAILURE_REASON:
            return FAILURE_REASON[row]
    return FAILURE_REASON.get(reason, _UNKNOWN_REASON)


def refused(peer: StowPeer, answer: HttpAnswer) -> ServiceRefused:
    """The fault that an answer's status stands for."""
    return ServiceRefused(peer, _meaning(answer), f"HTTP {answer.status}", retry_after_s=answer.retry_after_s)


def concerns_the_service(answer: HttpAnswer) -> bool:
    """Whether an answer that is no success speaks of the service as a whole rather than of what was sent."""
    return _meaning(answer).scope is Scope.SERVICE


def _meaning(answer: HttpAnswer) -> Meaning:
    # nginx takes any certificate in the handshake and says only afterwards, with status 400, what it thinks of it.
    if answer.status == _BAD_REQUEST and b"SSL certificate" in answer.body:
        return HTTP_STATUS[496 if b"No required" in answer.body else 495]
    return http_meaning(answer.status)
