"""What a fault says: of the destination, of the one object, or only of a link that is away."""

import pytest

from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.stages.sender import concerns_the_link, was_closed_on

RETRY, PARK = Disposition.RETRY, Disposition.PARK


@pytest.mark.parametrize(
    ("disposition", "phase", "code", "of_the_link", "closed"),
    [
        (RETRY, Phase.RESPONSE, "abort 2/0", True, True),
        (RETRY, Phase.RESPONSE, "PeerClosed", True, True),
        (RETRY, Phase.TRANSFER, "ConnectionResetError", True, True),
        (RETRY, Phase.RESPONSE, "time-out", True, False),
        (RETRY, Phase.TRANSFER, "TimeoutError", True, False),
        (RETRY, Phase.SPOOL, "", False, False),
        (PARK, Phase.RESPONSE, "A900", False, False),
    ],
)
def test_silence_of_a_link_is_nobodys_fault(
    disposition: Disposition, phase: Phase, code: str, *, of_the_link: bool, closed: bool
) -> None:
    fault = GatewayError("x", disposition=disposition, phase=phase, code=code)
    assert (concerns_the_link(fault), was_closed_on(fault)) == (of_the_link, closed)
