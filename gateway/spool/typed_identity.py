"""The identity that a request carries: what a person typed, checked before it becomes attributes of objects."""

import secrets
from datetime import date

from gateway.domain.objects import LocalStudy
from gateway.domain.procedure import Patient
from gateway.domain.requests import Request
from gateway.spool.request_fields import RequestRefused

_IDENTITY_MAX_LENGTH = 64


def local_study_of(request: Request) -> LocalStudy:
    """The patient and study of an unscheduled case as a request gives them; raises `RequestRefused`."""
    patient = Patient(
        # random, because two boxes that count alike would give two persons one identity at the PACS
        patient_id=_identity(request, "patient_id") or f"LOCAL-{secrets.token_hex(5).upper()}",
        name=_identity(request, "patient_name"),
        birth_date=_birth_date(request),
        sex=_sex(request),
    )
    return LocalStudy(patient, _identity(request, "description"))


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
