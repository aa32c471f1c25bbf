"""Whatever a worklist provider answers, an object comes out that passes the check, or a refusal with its reason."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR

from gateway.domain.errors import InvalidObject
from gateway.domain.procedure import Patient, Step
from gateway.objects.build import build
from gateway.objects.write import write_object
from tests.unit.objects.orders import EXPLICIT, RGB, answer, frame, order, step

TEXT = st.one_of(
    st.text(max_size=90), st.sampled_from(["", " ", "\0", "^^^^^^", "a\\b", "\udc80", "=", "1.2", "20260101"])
)
WRONG = st.one_of(st.none(), st.integers(), st.floats(), TEXT, st.dictionaries(st.just("Alphabetic"), TEXT))
RIGHT = {"PN": st.dictionaries(st.just("Alphabetic"), TEXT), "US": st.integers(-1, 70000), "DS": st.floats() | TEXT}
ITEM_TAGS = ["00080100", "00080102", "00080104", "00081150", "00081155", "00400031", "00400032", "00400033", "00100020"]
TAGS = sorted({*answer(), "00080201", "00081030", "00080005"})


def element(tag: str, depth: int = 2) -> Any:
    """An element that mostly has the standard's VR and its kind of values."""
    vr = dictionary_VR(tag)
    if vr == "SQ":
        inner = {name: element(name, depth - 1) for name in ITEM_TAGS} if depth else {}
        right: Any = st.fixed_dictionaries({}, optional=inner)
    else:
        right = RIGHT.get(vr, TEXT)
    values = st.one_of(st.lists(right, max_size=3), st.lists(right, max_size=3), st.lists(WRONG, max_size=2))
    return st.fixed_dictionaries({"vr": st.sampled_from([vr, vr, vr, "XX", "SQ"]), "Value": values})


OVERRIDES = st.fixed_dictionaries({}, optional={tag: element(tag) for tag in TAGS} | {"99999999": WRONG})
SUBJECTS = st.builds(
    lambda changes, patient, words: step(
        answer() | changes, patient=patient, requested_procedure_description=words, description=words
    ),
    OVERRIDES,
    st.builds(Patient, patient_id=TEXT, issuer=TEXT, name=TEXT, birth_date=TEXT, sex=TEXT),
    TEXT,
)


@pytest.mark.filterwarnings("error::UserWarning")  # pydicom warns where it cannot write a value as it is
@given(subject=SUBJECTS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_answer_makes_a_valid_object_or_is_refused(subject: Step) -> None:
    try:
        built = build(order(subject=subject))
    except InvalidObject:
        return
    write_object(built.dataset, EXPLICIT, [frame(RGB)], 1, BytesIO())
