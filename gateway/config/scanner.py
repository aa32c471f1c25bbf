"""A barcode scanner that opens steps on a device."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import attrs

from gateway.config import rules as allow
from gateway.config.faults import BadValue, did_you_mean
from gateway.config.fields import setting

KINDS = ("accession_number", "patient_id", "step_id")
"""What a scanned code may stand for."""


def code_pattern(value: str) -> None:
    """A regular expression with exactly one named group, which says what a code stands for."""
    try:
        groups = tuple(re.compile(value).groupindex)
    except re.error as error:
        raise BadValue(f"not a regular expression: {error}") from error
    if len(groups) != 1 or groups[0] not in KINDS:
        raise BadValue(
            "must have exactly one named group: accession_number, patient_id or step_id",
            suggestion="for example (?P<accession_number>[0-9]{8})",
        )


def serial_port(value: str) -> None:
    """A device file of a serial line."""
    if not value.startswith("/dev/"):
        raise BadValue("must be a file under /dev", suggestion="take its name under /dev/serial/by-id, which stays")


@attrs.frozen
class Scanner:
    """A barcode scanner on a serial port: a code that fits exactly one step opens that step on the device."""

    name: str = setting("Name of this scanner here.", rule=allow.name, example="fundus-scanner")
    device: str = setting("The device on which it opens steps.", rule=allow.name, example="fundus")
    port: str = setting(
        "Its serial port; the names under /dev/serial/by-id stay when others are plugged in.",
        rule=serial_port,
        example="/dev/serial/by-id/usb-Example_Scanner_0001-if00",
    )
    baud: int = setting("Bits per second.", default=9600, rule=allow.within(300, 921_600))
    data_bits: int = setting("Data bits of a character.", default=8, rule=allow.within(7, 8))
    parity: Literal["none", "even", "odd"] = setting("Parity bit.", default="none")
    stop_bits: int = setting("Stop bits.", default=1, rule=allow.within(1, 2))
    terminator: Literal["cr", "lf", "crlf", "tab", "etx"] = setting(
        "What ends a code: the scanner's suffix setting. cr takes lf and crlf as well.", default="cr"
    )
    pattern: str = setting(
        "Regular expression for the whole code; its named group (accession_number, patient_id or step_id) says what"
        " the code stands for. Empty: any of the three.",
        default="",
        rule=allow.optional(code_pattern),
        example="(?P<accession_number>[A-Z0-9-]+)",
    )


def scanner_faults(scanners: Sequence[Scanner], devices: Sequence[str]) -> Iterator[tuple[str, BadValue]]:
    """What is wrong with scanners beside one another and beside the devices, each with its key path."""
    for index, one in enumerate(scanners):
        if one.device not in devices:
            suggestion = did_you_mean(one.device, devices) or f"known are {', '.join(devices) or 'none'}"
            yield f"scanner[{index}].device", BadValue("no device of that name", suggestion=suggestion)
        if one.port in [other.port for other in scanners[:index]]:
            yield f"scanner[{index}].port", BadValue("another scanner has the same port")
