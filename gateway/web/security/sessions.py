"""Who is signed in: a signed cookie that ends by idleness, age, sign-out or a change of the password."""

import secrets
import threading
from collections import OrderedDict

from flask import session

from gateway.domain.ports import Clock
from gateway.web.security.password import Password

LONGEST_SESSION_S = 7 * 24 * 3600.0
_TOUCH_EVERY_S = 30.0
_ENDED_KEPT = 4096


class Sessions:
    """Opens, checks and ends sessions; what it must remember of ended ones is bounded."""

    def __init__(self, clock: Clock, password: Password, idle_timeout_s: float) -> None:
        self._clock = clock
        self._password = password
        self._idle_timeout_s = idle_timeout_s
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def open(self) -> None:
        """Sign this browser in, under a new identifier so that one planted before is worth nothing."""
        going_to = session.get("next")
        session.clear()
        now = self._clock.now().timestamp()
        session.update(sid=secrets.token_urlsafe(18), born=now, seen=now, generation=self._password.generation)
        if going_to:
            session["next"] = going_to

    def is_open(self) -> bool:
        """Whether this browser is signed in."""
        sid = session.get("sid")
        if not sid or session.get("generation") != self._password.generation:
            return False
        now = self._clock.now().timestamp()
        with self._lock:
            ended = sid in self._ended
        fresh = now - session["seen"] < self._idle_timeout_s and now - session["born"] < LONGEST_SESSION_S
        return fresh and not ended

    def touch(self) -> None:
        """Note that a person did something; live updates do not count, or a page left open would never end."""
        now = self._clock.now().timestamp()
        if now - session["seen"] >= _TOUCH_EVERY_S:
            session["seen"] = now

    def end(self) -> None:
        """Sign this browser out; a copy of its cookie is worth nothing afterwards."""
        sid = session.get("sid")
        if sid:
            with self._lock:
                self._ended[sid] = None
                while len(self._ended) > _ENDED_KEPT:
                    self._ended.popitem(last=False)
        session.clear()
