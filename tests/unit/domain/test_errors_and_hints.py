"""Every fault says what the loop does, where it was met and what a person can do."""

import pytest

from gateway.domain.acquisition import Hint, HintKind, hint_values
from gateway.domain.checkpoints import Checkpoint, pass_by
from gateway.domain.errors import (
    ConfigurationError,
    Disposition,
    GatewayError,
    InvalidObject,
    Phase,
    SpoolFull,
    UnreadableInput,
)
from gateway.domain.frames import FrameFormat
from gateway.domain.procedure import Patient
from tests.support.ledger import step


@pytest.mark.parametrize(
    ("made", "disposition", "phase"),
    [
        (UnreadableInput("x"), Disposition.QUARANTINE, Phase.DECODE),
        (InvalidObject("x"), Disposition.QUARANTINE, Phase.BUILD),
        (ConfigurationError("x"), Disposition.HALT, Phase.CONFIGURE),
        (SpoolFull("x"), Disposition.HALT, Phase.SPOOL),
    ],
)
def test_dispositions(made: GatewayError, disposition: Disposition, phase: Phase) -> None:
    assert (made.disposition, made.phase) == (disposition, phase)


def test_a_fault_reads_as_its_sentence_and_its_remedy() -> None:
    assert str(ConfigurationError("It is wrong.", remedy="Change it.")) == "It is wrong. Change it."
    assert str(ConfigurationError("It is wrong.")) == "It is wrong."


def test_hint_values_are_the_different_ones_in_order() -> None:
    hints = [Hint(HintKind.PATIENT_ID, value, "file name") for value in (" 7 ", "8", "7", "", " ")]
    hints.append(Hint(HintKind.DATE, "20260304", "file name"))
    assert hint_values(hints, HintKind.PATIENT_ID) == ("7", "8")
    assert hint_values(hints, HintKind.SEX) == ()


def test_nothing_of_the_patient_shows_when_a_value_is_printed() -> None:
    shown = repr(step())
    assert "Sītā" not in shown
    assert "19800131" not in shown
    assert "Sītā" not in repr(Patient("7", name="Sītā"))


def test_frame_bytes() -> None:
    assert FrameFormat(3, 5, 3, 16, 12, signed=False, photometric_interpretation="RGB").frame_bytes == 90


def test_checkpoints_are_named_once() -> None:
    assert len({point.value for point in Checkpoint}) == len(Checkpoint)
    pass_by(Checkpoint.CAPTURE_FOUND)
