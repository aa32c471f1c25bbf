"""How a setting is declared: an attrs field that also carries its rule, its meaning and an example.

One declaration serves checking, showing, the annotated reference and later the form of the page.
"""

from typing import Any

import attrs

from gateway.config.rules import Rule

_RULE = "rule"
_MEANING = "meaning"
_EXAMPLE = "example"


def setting(meaning: str, *, default: Any = attrs.NOTHING, rule: Rule | None = None, example: Any = None) -> Any:
    """An attrs field for one key; without `default` the key is required."""
    return attrs.field(default=default, metadata={_MEANING: meaning, _RULE: rule, _EXAMPLE: example})


def rule_of(field: "attrs.Attribute[Any]") -> Rule | None:
    """The rule that a value of this field must follow, None if its type says all."""
    rule: Rule | None = field.metadata.get(_RULE)
    return rule


def meaning_of(field: "attrs.Attribute[Any]") -> str:
    """What the key means, for a person."""
    return str(field.metadata.get(_MEANING, ""))


def example_of(field: "attrs.Attribute[Any]") -> object:
    """An example value as it stands in a file, None if the default serves."""
    return field.metadata.get(_EXAMPLE)


def is_setting(field: "attrs.Attribute[Any]") -> bool:
    """Whether a field stands in a file at all; the others are computed by the loader."""
    return _MEANING in field.metadata
