"""A person at the page, for tests without a browser: signs in, sends forms with the token, reads what is shown."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.fake_page import FakePage


@dataclass
class Visitor:
    """A test client with a session."""

    page: FakePage
    client: FlaskClient
    address: str = "192.0.2.10"

    def get(self, path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=named, environ_base={"REMOTE_ADDR": self.address})

    def post(self, path: str, data: Mapping[str, object] | None = None, *, token: str | None = None) -> TestResponse:
        """Send a form; with the session's own token unless another is given."""
        form: dict[str, object] = {"csrf_token": self.token() if token is None else token} | dict(data or {})
        return self.client.post(path, data=form, environ_base={"REMOTE_ADDR": self.address})

    def token(self) -> str:
        """The token of the session, made by a visit of the sign-in page if there is none."""
        with self.client.session_transaction() as session:
            if "csrf_token" in session:
                return str(session["csrf_token"])
        shown = self.get("/password").text or ""
        found = re.search(r'name="csrf_token" value="([^"]+)"', shown) or re.search(
            r'name="csrf_token" value="([^"]+)"', self.get("/login").text
        )
        assert found is not None
        return found[1]

    def sign_in(self, password: str | None = None) -> TestResponse:
        self.get("/login")
        return self.post("/login", {"password": self.page.password if password is None else password})

    def text(self, path: str) -> str:
        """What a person reads at `path`: no tags, single spaces."""
        answer = self.get(path)
        assert answer.status_code == 200, answer.status
        return words(answer.text)


def words(markup: str) -> str:
    """The text of `markup`, with its entities resolved."""
    body = re.sub(r"(?s)<head>.*?</head>", " ", markup)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body))).strip()
