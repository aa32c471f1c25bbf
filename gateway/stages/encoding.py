"""Which transfer syntax an object gets: policy only; what each syntax may carry stands in the codec's registry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.codec.encode import encode
from gateway.codec.errors import CodecError
from gateway.codec.options import EncodeOptions
from gateway.codec.registry import TransferSyntax, all_rows, check_format, lookup
from gateway.domain.frames import FrameFormat, LossyStep
from gateway.objects.syntaxes import EXPLICIT_LITTLE_ENDIAN

_QUICKEST_FIRST = (
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
)
"""The lossless encoders by measured speed (the codec benchmark's table in the README)."""


@dataclass(frozen=True, slots=True)
class EncodingPolicy:
    """What a device or destination asks for: a named policy, or an explicit list in order of preference."""

    name: str
    syntaxes: tuple[str, ...] = ()
    refused: frozenset[str] = frozenset()
    """What the destination is known to refuse: not worth encoding, unless it refuses all."""

    @property
    def candidates(self) -> tuple[str, ...]:
        """The transfer syntaxes that this policy may come to."""
        return () if self.name == "none" else self.syntaxes if self.name == "list" else _QUICKEST_FIRST


@dataclass(frozen=True, slots=True)
class LossyChoice:
    """A lossy compression that a device profile asks for by name; nothing else ever leads to one."""

    transfer_syntax_uid: str
    options: EncodeOptions


@dataclass(frozen=True, slots=True)
class EncodingChoice:
    """The chosen transfer syntax and why, in words for the journal."""

    transfer_syntax_uid: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Trial:
    uid: str
    size: int
    seconds: float


def possible(uids: Sequence[str], fmt: FrameFormat) -> list[str]:
    """Those of `uids` whose row may carry frames of `fmt`, in the same order."""
    rows = {row.uid: row for row in all_rows()}
    return [uid for uid in uids if uid in rows and _fits(rows[uid], fmt)]


def _fits(row: TransferSyntax, fmt: FrameFormat) -> bool:
    return row.lossless and (row.encoder is not None or not row.encapsulated) and _may_carry(row, fmt)


def _may_carry(row: TransferSyntax, fmt: FrameFormat) -> bool:
    try:
        check_format(row, fmt)
    except CodecError:
        return False
    return True


def why_not_lossy(choice: LossyChoice, fmt: FrameFormat, history: Sequence[LossyStep]) -> str:
    """Why pixels are kept lossless although the profile asks for `choice`; empty when they may be compressed."""
    if history:
        return "kept lossless, because the pixels were compressed with loss before and never are twice"
    row = lookup(choice.transfer_syntax_uid)
    if not _may_carry(row, fmt):
        return f"kept lossless, because {row.name} may not carry these pixels"
    return ""


def choose(
    policy: EncodingPolicy,
    frame: memoryview,
    fmt: FrameFormat,
    *,
    link_bytes_per_s: float | None,
    monotonic: Callable[[], float],
) -> EncodingChoice:
    """Choose a lossless syntax for frames like `frame`.

    ``fastest`` takes the quickest encoder that may carry them, ``smallest`` and ``balanced`` encode this frame with
    each and compare; ``balanced`` adds the time to encode to the time on the link at its measured rate.
    """
    if policy.name == "none":
        return EncodingChoice(EXPLICIT_LITTLE_ENDIAN, "compression is switched off")
    carrying = possible(policy.candidates, fmt)
    if not carrying:
        return EncodingChoice(EXPLICIT_LITTLE_ENDIAN, "no syntax asked for may carry these pixels")
    usable = [uid for uid in carrying if uid not in policy.refused]
    if not usable:
        return EncodingChoice(
            EXPLICIT_LITTLE_ENDIAN, "the destination refuses every syntax that may carry these pixels"
        )
    if policy.name in {"list", "fastest"}:
        which = "first of the configured list" if policy.name == "list" else "quickest encoder"
        return EncodingChoice(usable[0], f"{which} that may carry these pixels")
    trials = [trial for uid in usable if (trial := _try(uid, frame, fmt, monotonic)) is not None]
    if not trials:
        return EncodingChoice(EXPLICIT_LITTLE_ENDIAN, "every encoder refuses such a frame")
    return _best(trials, fmt, link_bytes_per_s if policy.name == "balanced" else None)


def _best(trials: Sequence[_Trial], fmt: FrameFormat, link_bytes_per_s: float | None) -> EncodingChoice:
    """The smallest trial, or with a known link rate the one that is soonest encoded and sent."""
    if link_bytes_per_s is None:
        best = min(trials, key=lambda trial: trial.size)
        return EncodingChoice(best.uid, f"smallest of {len(trials)}: {fmt.frame_bytes / best.size:.2f} to 1")
    rate = link_bytes_per_s
    best = min(trials, key=lambda trial: trial.seconds + trial.size / rate)
    return EncodingChoice(
        best.uid,
        f"least time on this box and a link of {rate / 1000:.0f} kB/s: "
        f"{fmt.frame_bytes / best.size:.2f} to 1 in {best.seconds * 1000:.0f} ms",
    )


def soonest(
    uids: Sequence[str],
    frame: memoryview,
    fmt: FrameFormat,
    *,
    link_bytes_per_s: float | None,
    monotonic: Callable[[], float],
) -> str:
    """The syntax among `uids` and uncompressed in which frames like `frame` are soonest encoded and sent.

    While the link's rate is unknown, the first of `uids` that may carry them.
    """
    plain = _Trial(EXPLICIT_LITTLE_ENDIAN, fmt.frame_bytes, 0.0)
    trials = (trial for uid in possible(uids, fmt) if (trial := _try(uid, frame, fmt, monotonic)) is not None)
    if link_bytes_per_s is None:
        return next(trials, plain).uid
    rate = link_bytes_per_s
    return min([plain, *trials], key=lambda trial: trial.seconds + trial.size / rate).uid


def _try(uid: str, frame: memoryview, fmt: FrameFormat, monotonic: Callable[[], float]) -> _Trial | None:
    """One encoder's result; None where it refuses the frame for what the table does not say, its size perhaps."""
    begun = monotonic()
    try:
        size = len(encode(uid, frame, fmt))
    except CodecError:
        return None
    return _Trial(uid, size, monotonic() - begun)


def is_native(uid: str) -> bool:
    """Whether frames of this syntax are written as they are."""
    return not lookup(uid).encapsulated
