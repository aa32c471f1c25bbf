"""Sign in, sign out, change the password."""

from flask import Blueprint, Response, redirect, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from gateway.web.house import house
from gateway.web.render import page
from gateway.web.security.password import MINIMUM_LENGTH, password_faults

_FORBIDDEN, _TOO_MANY = 403, 429


def login_pages() -> Blueprint:
    """The door."""
    pages = Blueprint("login", __name__)
    pages.add_url_rule("/login", "show", show)
    pages.add_url_rule("/login", "enter", enter, methods=["POST"])
    pages.add_url_rule("/logout", "leave", leave, methods=["POST"])
    pages.add_url_rule("/password", "password", password)
    pages.add_url_rule("/password", "change", change, methods=["POST"])
    return pages


def show() -> BaseResponse:
    """The sign-in page."""
    if house().sessions.is_open():
        return redirect(url_for("now.show"), 303)
    return _sign_in("")


def enter() -> BaseResponse:
    """Check the password; an address that guesses waits longer and longer."""
    address = request.remote_addr or ""
    wait_s = house().backoff.wait_s(address)
    if wait_s > 0:
        return _wait(wait_s)
    if not _known(request.form.get("password", ""), address):
        return _sign_in("This is not the password.", 403)
    house().sessions.open()
    return redirect(session.pop("next", None) or url_for("now.show"), 303)


def leave() -> BaseResponse:
    """Sign out."""
    house().sessions.end()
    return redirect(url_for("login.show"), 303)


def password() -> Response:
    """The form to change the password."""
    return _change("")


def change() -> BaseResponse:
    """Change the password; all other sessions end."""
    address = request.remote_addr or ""
    wait_s = house().backoff.wait_s(address)
    if wait_s > 0:
        return _wait(wait_s)
    if not _known(request.form.get("old", ""), address):
        return _change("The present password is not right.", _FORBIDDEN)
    new = request.form.get("new", "")
    fault = password_faults(new, request.form.get("again", ""))
    if fault:
        return _change(fault, 400)
    house().password.change(new)
    house().sessions.open()
    return redirect(url_for("system.show"), 303)


def _known(text: str, address: str) -> bool:
    # Counted before the check, so that guesses sent at the same moment do not pass together.
    house().backoff.failed(address)
    if not house().password.matches(text):
        return False
    house().backoff.succeeded(address)
    return True


def _wait(wait_s: float) -> Response:
    seconds = int(wait_s) + 1
    response = _sign_in(f"Too many wrong passwords. Wait {seconds} s, then try again.", _TOO_MANY)
    response.headers["Retry-After"] = str(seconds)
    return response


def _sign_in(fault: str, status: int = 200) -> Response:
    return page("login.html", status, fault=fault)


def _change(fault: str, status: int = 200) -> Response:
    return page("password.html", status, fault=fault, minimum=MINIMUM_LENGTH)
