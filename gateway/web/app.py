"""Builds the application: its door, its screens, its words. Whoever calls it decides which ledger it shows."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from flask import Flask, url_for

from gateway.domain.local_views import LocalStudyReader
from gateway.domain.ports import Clock, RequestDesk, StatusReader
from gateway.domain.sent import SentReader
from gateway.web.faults import handle_faults
from gateway.web.forms import Number
from gateway.web.guard import guard
from gateway.web.house import EXTENSION, House, destinations_by_name, house
from gateway.web.local_reader import NoLocalStudies
from gateway.web.login import login_pages
from gateway.web.screens.acquisition import acquisition_pages
from gateway.web.screens.corrections import correction_pages, may_be_corrected
from gateway.web.screens.deliveries import delivery_pages, delivery_verbs
from gateway.web.screens.destinations import destination_pages
from gateway.web.screens.devices import device_pages
from gateway.web.screens.emergency import emergency_pages
from gateway.web.screens.health import health_page
from gateway.web.screens.holds import hold_pages
from gateway.web.screens.now import now_page
from gateway.web.screens.performed import performed_pages
from gateway.web.screens.queue import queue_pages
from gateway.web.screens.reconcile import reconcile_pages
from gateway.web.screens.scan import scan_pages
from gateway.web.screens.system import system_page
from gateway.web.screens.worklist import worklist_pages
from gateway.web.security.backoff import Backoff
from gateway.web.security.compress import compress_static
from gateway.web.security.csrf import csrf_token
from gateway.web.security.headers import set_headers
from gateway.web.security.password import Password
from gateway.web.security.secret_key import secret_key
from gateway.web.security.sessions import LONGEST_SESSION_S, Sessions
from gateway.web.sent_reader import NothingSent
from gateway.web.words import states, text, uids
from gateway.web.words.candidates import candidate_words
from gateway.web.words.identities import age_words

_LARGEST_FORM_BYTES = 128 * 1024
_IDLE_TIMEOUT_S = 3600.0


def create_app(
    *,
    reader: StatusReader,
    desk: RequestDesk,
    clock: Clock,
    state_dir: Path,
    station_name: str,
    peers: Mapping[str, str] | None = None,
    local_studies: LocalStudyReader | None = None,
    sent: SentReader | None = None,
    read_code: Callable[[str, str], tuple[str, str]] | None = None,
    idle_timeout_s: float = _IDLE_TIMEOUT_S,
    secure_cookie: bool = False,
) -> Flask:
    """The page over `reader` and `desk`; raises `ConfigurationError` while there is no password.

    `peers` says how each destination and worklist provider is reached, by name, for example
    ``{"main": "pacs.example:2762, AE MAIN"}``. `secure_cookie` is for a page that is served over TLS.
    """
    app = Flask(__name__)
    app.url_map.converters["number"] = Number
    app.config.update(
        SECRET_KEY=secret_key(state_dir),
        SESSION_COOKIE_NAME="gateway_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=secure_cookie,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=int(LONGEST_SESSION_S),
        MAX_CONTENT_LENGTH=_LARGEST_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=_LARGEST_FORM_BYTES,
    )
    password = Password(state_dir)
    app.extensions[EXTENSION] = House(
        reader=reader,
        desk=desk,
        clock=clock,
        password=password,
        sessions=Sessions(clock, password, idle_timeout_s),
        backoff=Backoff(clock),
        station_name=station_name,
        peers=dict(peers or {}),
        local_studies=local_studies or NoLocalStudies(),
        sent=sent or NothingSent(),
        read_code=read_code or _any_number,
    )
    _add_pages(app)
    _add_words(app)
    return app


def _any_number(_: str, code: str) -> tuple[str, str]:
    """A code of any kind, where no scanner says what its codes stand for."""
    return "", code


def _add_pages(app: Flask) -> None:
    for pages in (
        login_pages(),
        now_page(),
        queue_pages(),
        acquisition_pages(),
        correction_pages(),
        hold_pages(),
        worklist_pages(),
        scan_pages(),
        device_pages(),
        performed_pages(),
        emergency_pages(),
        reconcile_pages(),
        delivery_pages(),
        destination_pages(),
        system_page(),
        health_page(),
    ):
        app.register_blueprint(pages)
    app.before_request(guard)
    app.after_request(compress_static)
    app.after_request(set_headers)
    handle_faults(app)


def _add_words(app: Flask) -> None:
    static = Path(app.static_folder or "")
    digests = {
        path.relative_to(static).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in static.rglob("*")
        if path.is_file()
    }

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=digests[name])

    app.jinja_env.globals.update(
        asset=asset,
        csrf_token=csrf_token,
        station=lambda: house().station_name,
        peer=lambda name: house().peers.get(name, ""),
        initial_password=lambda: house().password.is_initial,
        now_text=lambda: f"{house().now():%H:%M:%S}",
        acquisition_mark=lambda view: states.acquisition_mark(view, house().now(), destinations_by_name()),
        delivery_mark=lambda view: states.delivery_mark(view, house().now(), destinations_by_name()),
        delivery_trouble=states.delivery_trouble,
        delivery_verbs=delivery_verbs,
        troubles=states.troubles,
        candidate_words=candidate_words,
        may_be_corrected=may_be_corrected,
    )
    app.jinja_env.filters.update(
        when=_when,
        exact=lambda moment: text.exact(moment, house().now()),
        clock=lambda moment: text.clock_text(moment, house().now()),
        person=text.person,
        birth_date=text.birth_date,
        age=age_words,
        size=text.size,
        counted=text.count,
        span=lambda seconds: text.span_text(timedelta(seconds=seconds)),
        layer=states.layer_word,
        class_name=uids.class_name,
        syntax_name=uids.syntax_name,
        rule=states.rule_word,
        tone=lambda severity: states.severity_tone(severity).value,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _when(moment: datetime | None) -> str:
    return text.when(moment, house().now())
