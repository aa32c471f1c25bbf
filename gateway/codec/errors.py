"""Faults of the codec wing: each names the value that is wrong and the clause that it breaks.

All of them set the object aside or send it uncompressed; which of the two is the caller's policy.
"""

from typing import Any

from gateway.domain.errors import Disposition, GatewayError, Phase


class CodecError(GatewayError):
    """A frame that a transfer syntax cannot carry, or options that make no sense for it.

    Parameters
    ----------
    message
        What is wrong, with the value.
    clause
        The clause of the standard that forbids it.
    """

    def __init__(self, message: str, *, clause: str, remedy: str = "", phase: Phase = Phase.ENCODE) -> None:
        super().__init__(f"{message} ({clause}).", disposition=Disposition.QUARANTINE, phase=phase, remedy=remedy)
        self.clause = clause

    def __reduce__(self) -> tuple[Any, ...]:
        # a worker's fault travels to its caller as it is, though exceptions rebuild themselves from positions alone
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: "type[CodecError]", arguments: tuple[Any, ...], attributes: dict[str, Any]) -> CodecError:
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(attributes)
    return error


class DamagedStream(CodecError):  # noqa: N818 - reads as what it is: the stream, not the program, is at fault
    """A compressed stream that does not follow its specification."""

    def __init__(self, message: str, *, clause: str, remedy: str = "") -> None:
        super().__init__(message, clause=clause, remedy=remedy, phase=Phase.DECODE)


class VerificationFailed(CodecError):  # noqa: N818 - the name that the issue and the journal use
    """A stream that a decoder not written by us did not turn back into the frame it was made of."""

    def __init__(self, message: str, *, clause: str) -> None:
        super().__init__(
            message, clause=clause, remedy="The frame is sent uncompressed; report the fault.", phase=Phase.VERIFY
        )
