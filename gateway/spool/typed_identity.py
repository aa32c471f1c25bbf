"""The identity that a request carries: what a person typed, checked before it becomes attributes of objects."""

import re
from datetime import date

from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Patient
from gateway.domain.requests import Request
from gateway.spool.request_fields import RequestRefused

_IDENTITY_MAX_LENGTH = 64
_ACCESSION_MAX_LENGTH = 16
_AGE = re.compile(r"([0-9]{1,3})([DWMY]?)")


def local_study_of(request: Request) -> LocalStudy:
    """The patient and study of an unscheduled case as a request gives them, without an id if it names none.

    Raises
    ------
    RequestRefused
        Something in it cannot be used.
    """
    patient = Patient(
        patient_id=_identity(request, "patient_id"),
        name=_identity(request, "patient_name"),
        birth_date=_birth_date(request),
        sex=_sex(request),
    )
    accession = _identity(request, "accession_number")
    if len(accession) > _ACCESSION_MAX_LENGTH:
        raise RequestRefused(f"accession_number has at most {_ACCESSION_MAX_LENGTH} characters.")
    return LocalStudy(patient, _identity(request, "description"), _age(request), accession)


def _identity(request: Request, key: str) -> str:
    """A text that becomes a patient or study attribute: no control characters, no backslash (PS3.5 6.2), no excess."""
    text = request.payload.get(key, "").strip()
    if not text.isprintable() or "\\" in text or len(text) > _IDENTITY_MAX_LENGTH:
        raise RequestRefused(f"{key} has characters that cannot be used, or is longer than {_IDENTITY_MAX_LENGTH}.")
    return text


def _birth_date(request: Request) -> str:
    text = request.payload.get("birth_date", "").strip().replace("-", "")
    if not text:
        return ""
    try:
        return date.fromisoformat(text).strftime("%Y%m%d")
    except ValueError:
        raise RequestRefused("birth_date is a date such as 1980-01-31.") from None


def _sex(request: Request) -> str:
    text = request.payload.get("sex", "").strip().upper()
    if text not in ("", "M", "F", "O"):
        raise RequestRefused("sex is M, F, O or empty.")
    return text


def _age(request: Request) -> str:
    """An age as AS text (PS3.5 section 6.2); a number alone is years."""
    text = request.payload.get("age", "").strip().upper()
    if not text:
        return ""
    found = _AGE.fullmatch(text)
    if found is None:
        raise RequestRefused("age is a number of years, or such as 6M, 3W or 2D.")
    return f"{int(found[1]):03}{found[2] or 'Y'}"
