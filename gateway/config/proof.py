"""How a destination proves, beyond its own answer "stored", that it keeps an instance."""

from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.fields import setting

Proof = Literal["status", "commitment", "query"]
_DAY_S = 86_400


@attrs.frozen
class Commitment:
    """How patiently proof is asked for, by storage commitment or by a query."""

    idle_s: float = setting(
        "Seconds without a further stored instance after which proof is asked for.",
        default=30.0,
        rule=allow.within(0, _DAY_S),
    )
    wait_s: float = setting(
        "Seconds for which the association stays open for the report; a later one comes over a new association.",
        default=5.0,
        rule=allow.within(0, 300),
    )
    report_h: float = setting(
        "Hours after which a report that did not come is asked for anew.", default=24.0, rule=allow.within(0.001, 720)
    )
    batch: int = setting("Instances asked for in one request.", default=500, rule=allow.within(1, 500))
    early_s: float = setting(
        "Seconds after it was stored for which an instance that the peer does not know is asked for again; later it is"
        " stored again.",
        default=300.0,
        rule=allow.within(0, _DAY_S),
    )
    again_s: float = setting(
        "Seconds before asking again; doubled with each round in vain, up to an hour.",
        default=300.0,
        rule=allow.within(0.1, 3600),
    )
    rounds: int = setting("Rounds in vain after which an issue is raised.", default=3, rule=allow.within(1, 100))
