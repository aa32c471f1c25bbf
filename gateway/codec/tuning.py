"""Finds how many samples at once suit this machine: strips that stay in its cache, without too many calls.

A board with small caches wants short strips, one with a slow interpreter long ones. So it is measured, once, when the
role that encodes starts; the streams are the same whatever comes out.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gateway.codec.encode import encode
from gateway.codec.options import DEFAULT_STRIP_SAMPLES, EncodeOptions
from gateway.domain.frames import FrameFormat

CANDIDATES = (1 << 15, 1 << 16, 1 << 17, DEFAULT_STRIP_SAMPLES)
_ROUNDS = 3
_SV1 = "1.2.840.10008.1.2.4.70"
_EDGE = 1024
_FORMAT = FrameFormat(_EDGE, _EDGE, 1, 16, 12, signed=False, photometric_interpretation="MONOCHROME2")


def tuned_strip_samples(now: Callable[[], float]) -> int:
    """Encode a frame of 2 MB a few times with each candidate and return the quickest one.

    Parameters
    ----------
    now
        Seconds of a clock that never goes back.

    Returns
    -------
    int
        One of `CANDIDATES`, for `EncodeOptions.strip_samples`.
    """
    frame = _frame()
    best = {candidate: float("inf") for candidate in CANDIDATES}
    for _ in range(_ROUNDS):  # interleaved, so that a disturbance does not hit one candidate alone
        for candidate in CANDIDATES:
            begun = now()
            encode(_SV1, frame, _FORMAT, options=EncodeOptions(strip_samples=candidate))
            best[candidate] = min(best[candidate], now() - begun)
    return min(CANDIDATES, key=lambda candidate: best[candidate])


def _frame() -> NDArray[np.uint16]:
    """A smooth ramp with noise of a few bits, shape (1024, 1024): about as hard to code as a radiograph."""
    noise = np.random.default_rng(1).integers(0, 16, (_EDGE, _EDGE), dtype=np.uint16)
    ramp = np.arange(_EDGE, dtype=np.uint16)
    return ramp[:, None] + ramp[None, :] + noise
