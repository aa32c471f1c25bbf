"""Response headers: nothing from another site, no frame around us, nothing of a patient left in a cache."""

from flask import Response, request

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_YEAR_S = 365 * 24 * 3600


def set_headers(response: Response) -> Response:
    """Put the security and caching headers on `response`."""
    headers = response.headers
    headers["Content-Security-Policy"] = _POLICY
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
    if request.endpoint == "static":
        # Static files are asked for by a digest of their content, so a new version has a new address.
        versioned = "v" in request.args and response.status_code == 200  # noqa: PLR2004 - HTTP's own number
        headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable" if versioned else "no-cache"
    else:
        headers["Cache-Control"] = "no-store"
        headers["Vary"] = "Cookie, HX-Request"
    return response
