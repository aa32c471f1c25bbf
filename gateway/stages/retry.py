"""When a failed try is repeated: doubling from a base to a cap, with jitter, for ever."""

import random
from dataclasses import dataclass, field

from gateway.domain.doubling import doubled


@dataclass(frozen=True, slots=True)
class BackOff:
    """Delays that double from `base_s` to `cap_s`; each is drawn from its upper half, so that peers do not march."""

    base_s: float = 2.0
    cap_s: float = 300.0
    draw: random.Random = field(default_factory=random.SystemRandom, repr=False, compare=False)

    def delay_s(self, failures: int) -> float:
        """Seconds to wait after `failures` failures in a row (1 for the first)."""
        return doubled(self.base_s, failures, self.cap_s) * self.draw.uniform(0.5, 1.0)
