"""What other rooms know and this one may not ask."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import attrs

from gateway.config.device import Object


def no_object_faults(_: Object) -> Iterable[str]:
    """Nothing to say about any object."""
    return ()


@attrs.frozen
class Vocabulary:
    """What other rooms know and this one may not ask: the composition root hands it in. An empty part is not checked.

    `sop_classes` are the row names of the objects wing, `transfer_syntaxes` map the codec's names to UIDs;
    `object_faults` says in sentences what is wrong with the objects of a device (of a known SOP Class).
    """

    sop_classes: frozenset[str] = frozenset()
    transfer_syntaxes: Mapping[str, str] = MappingProxyType({})
    object_faults: Callable[[Object], Iterable[str]] = no_object_faults


UNCHECKED = Vocabulary()
"""Nothing is known of the other rooms."""
