"""What a caller may choose about one encoding: what a lossy syntax looks like, and how much is worked on at once."""

from dataclasses import dataclass

DEFAULT_STRIP_SAMPLES = 1 << 18


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """Choices for the lossy syntaxes, and the pace of our own encoders; the streams do not depend on the latter.

    Parameters
    ----------
    quality
        1 to 100 on the customary scale of ITU-T T.81 Annex K tables; 50 uses them as printed.
    target_ratio
        Native bytes to compressed bytes, above 1; the best quality that reaches it is searched and `quality` ignored.
    subsampling
        ``"4:4:4"`` or ``"4:2:2"`` for colour; gray has nothing to subsample.
    strip_samples
        Samples that an encoder works on at once; `gateway.codec.tuning` finds the number that suits a machine's cache.
    """

    quality: int = 90
    target_ratio: float | None = None
    subsampling: str = "4:2:2"
    strip_samples: int = DEFAULT_STRIP_SAMPLES
