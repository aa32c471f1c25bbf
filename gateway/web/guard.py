"""Runs before every view: a token on every change, and a signed-in person for all but the doorstep."""

from flask import Response, redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.web.house import house
from gateway.web.security.csrf import check_csrf

_DOORSTEP = frozenset({"static", "login.show", "login.enter", "health.show"})
_UNAUTHORIZED = 401


def guard() -> BaseResponse | None:
    """Let the request pass (None), or answer it with the way to the sign-in page."""
    if request.endpoint in {"static", "health.show"}:
        return None
    signed_in = house().sessions.is_open()
    if request.endpoint in _DOORSTEP:
        check_csrf()
        return None
    if not signed_in:
        return _to_sign_in()
    check_csrf()
    if not request.headers.get("HX-Request"):
        house().sessions.touch()
    return None


def _to_sign_in() -> BaseResponse:
    if request.headers.get("HX-Request"):
        return Response(status=_UNAUTHORIZED, headers={"HX-Redirect": url_for("login.show")})
    if request.method == "GET" and request.endpoint:
        # Kept in the cookie, not in the address, so that no link can send a person elsewhere after signing in.
        session["next"] = request.path
    return redirect(url_for("login.show"), 303)
