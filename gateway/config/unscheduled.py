"""Settings for patients whom no order names: which id they get, and for how long an order may still turn up."""

from collections.abc import Iterator
from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue
from gateway.config.fields import setting
from gateway.domain.local_identity import DEFAULT_PATTERN, pattern_faults, usable_text

Reconciliation = Literal["notice", "replace"]


@attrs.frozen
class Unscheduled:
    """Patients whom no order names, emergencies among them."""

    patient_id_pattern: str = setting(
        "How the patient id is made that such a patient gets: text with {station}, {date:%y%m%d}, {number:04} (counted"
        " for ever), {random:10} and at the end {check}.",
        default=DEFAULT_PATTERN,
        example="E{station}{date:%y%m%d}{number:04}{check}",
    )
    check_digit: Literal["", "luhn", "iso7064-mod11-2", "iso7064-mod11-10", "iso7064-mod37-36", "iso7064-mod97-10"] = (
        setting("What {check} is.", default="", example="iso7064-mod97-10")
    )
    station: str = setting(
        "What {station} is; no other box may have the same. Empty: the AE title of the station.",
        default="",
        example="FC1",
    )
    issuer: str = setting(
        "Issuer of Patient ID that is written with such an id, so that it is not mistaken for one of the hospital;"
        " empty: the AE title of the station.",
        default="",
        rule=allow.long_string,
        example="RAMPUR_FC1",
    )
    first_number: int = setting(
        "The number to begin with; raise it above the last one when the ledger was lost.",
        default=1,
        rule=allow.within(1, 99_999_999),
    )
    unknown_name: str = setting(
        "Patient's Name of a patient whom nobody can name.", default="Unknown^Patient", rule=allow.long_string
    )
    reconcile_days: float = setting(
        "Days for which orders that turn up are compared with what was sent without one.",
        default=14.0,
        rule=allow.within(0, 365),
    )
    order_within_h: float = setting(
        "Hours before or after an emergency within which an order for the same kind of device may be theirs.",
        default=12.0,
        rule=allow.within(0, 168),
    )

    def problems(self) -> Iterator[tuple[str, BadValue]]:
        """The pattern makes ids that can be used, each of them once."""
        if not usable_text(self.station) or self.station != self.station.strip():
            yield "station", BadValue(r"is printable ASCII without \ | ^ ~ & and without a space around it")
            return
        for rule, suggestion in pattern_faults(self.patient_id_pattern, self.check_digit, self.station):
            yield "patient_id_pattern", BadValue(rule, suggestion=suggestion)
        if not self.unknown_name.strip("^ ") or any(sign in self.unknown_name for sign in "=\\"):
            yield "unknown_name", BadValue("is a name such as Unknown^Patient, without = and backslash")
