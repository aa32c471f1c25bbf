"""The taxonomy of faults: what a loop does about one is decided once, where the fault is understood.

Every fault carries a disposition (what the loop does), a phase (where it happened), a sentence for the operator
and a remedy. Loops look only at the disposition.
"""

from enum import Enum

HALF_SENT = "half sent"
"""The code of a fault of this box's own disk that broke off an object of which the peer has a part already."""


class Disposition(Enum):
    """What the loop that met a fault does about it."""

    RETRY = "retry"
    HOLD = "hold"
    PARK = "park"
    QUARANTINE = "quarantine"
    DONE = "done"
    HALT = "halt"


class Phase(Enum):
    """Where in the chain a fault was met."""

    CAPTURE = "capture"
    DECODE = "decode"
    MATCH = "match"
    BUILD = "build"
    ENCODE = "encode"
    VERIFY = "verify"
    SPOOL = "spool"
    COMMIT = "commit"
    CONFIGURE = "configure"
    RESOLVE = "resolve"
    CONNECT = "connect"
    TLS = "tls"
    NEGOTIATE = "negotiate"
    TRANSFER = "transfer"
    RESPONSE = "response"
    QUERY = "query"
    EXPORT = "export"


class GatewayError(Exception):
    """A fault that says what happened, what the loop does about it and what a person can do.

    Parameters
    ----------
    message
        What happened, to what; without patient data, because it is logged.
    disposition, phase
        What the loop does, and where it happened.
    remedy
        What a person can do; empty when the gateway needs no help.
    code
        A peer's own status or reason, when there was one (for example ``"A700"``).
    retry_after_s
        How many seconds the peer asks to be left alone; 0 if it does not say.
    tries
        After how many such answers about one object a fault that parks it does so: more than one where peers say it
        also of troubles of their own.
    """

    def __init__(
        self,
        message: str,
        *,
        disposition: Disposition,
        phase: Phase,
        remedy: str = "",
        code: str = "",
        retry_after_s: float = 0.0,
        tries: int = 1,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.disposition = disposition
        self.phase = phase
        self.remedy = remedy
        self.code = code
        self.retry_after_s = retry_after_s
        self.tries = tries

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".rstrip()


class UnreadableInput(GatewayError):  # noqa: N818 - reads as what it is: the input, not the program, is at fault
    """Captured bytes that cannot be read as what they claim to be; kept and set aside."""

    def __init__(
        self, message: str, *, remedy: str = "Export it again from the device.", phase: Phase = Phase.DECODE
    ) -> None:
        super().__init__(message, disposition=Disposition.QUARANTINE, phase=phase, remedy=remedy)


class InvalidObject(GatewayError):  # noqa: N818 - as above
    """An acquisition that cannot become a conformant SOP Instance; kept and set aside."""

    def __init__(self, message: str, *, remedy: str = "", phase: Phase = Phase.BUILD) -> None:
        super().__init__(message, disposition=Disposition.QUARANTINE, phase=phase, remedy=remedy)


class ConfigurationError(GatewayError):
    """A setting that cannot be used; the gateway stops taking input until it is changed."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message, disposition=Disposition.HALT, phase=Phase.CONFIGURE, remedy=remedy)


class SpoolFull(GatewayError):  # noqa: N818 - as above
    """The spool has no room; new input waits at its source, nothing undelivered is touched."""

    def __init__(self, message: str, *, remedy: str = "Free space or repair the link to the destinations.") -> None:
        super().__init__(message, disposition=Disposition.HALT, phase=Phase.SPOOL, remedy=remedy)
