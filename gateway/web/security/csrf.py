"""Tokens against forged requests: every POST must carry what only our own pages know."""

import hmac
import secrets

from flask import abort, request, session

_FIELD = "csrf_token"
_HEADER = "X-CSRF-Token"


def csrf_token() -> str:
    """The token of this session, made at first use."""
    if _FIELD not in session:
        session[_FIELD] = secrets.token_urlsafe(24)
    return str(session[_FIELD])


def check_csrf() -> None:
    """Refuse, with 400, a changing request without the session's token."""
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    given = request.headers.get(_HEADER) or request.form.get(_FIELD, "")
    expected = str(session.get(_FIELD, ""))
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        abort(
            400, "This form is too old or was not made by this page. Nothing was changed. Load the page and try again."
        )
