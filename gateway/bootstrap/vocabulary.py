"""The names that the objects wing and the codec define, for the check of a configuration."""

from gateway.bootstrap.object_settings import profile_of
from gateway.codec.registry import all_rows
from gateway.config.vocabulary import Vocabulary
from gateway.objects.iods import IODS
from gateway.objects.profile import profile_faults


def vocabulary() -> Vocabulary:
    """What a configuration may name."""
    return Vocabulary(
        sop_classes=frozenset(IODS),
        transfer_syntaxes={row.name: row.uid for row in all_rows() if row.lossless},
        object_faults=lambda made: profile_faults(profile_of(made)),
    )
