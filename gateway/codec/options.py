"""What a caller may choose about one encoding: only lossy syntaxes have anything to choose."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """Choices for the lossy syntaxes; the lossless ones take the defaults.

    Parameters
    ----------
    quality
        1 to 100 on the customary scale of ITU-T T.81 Annex K tables; 50 uses them as printed.
    target_ratio
        Native bytes to compressed bytes, above 1; the best quality that reaches it is searched and `quality` ignored.
    subsampling
        ``"4:4:4"`` or ``"4:2:2"`` for colour; gray has nothing to subsample.
    """

    quality: int = 90
    target_ratio: float | None = None
    subsampling: str = "4:2:2"
