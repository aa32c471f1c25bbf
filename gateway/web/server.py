"""Serves the application until it is told to stop; its beat is an answered request, not a living thread."""

import http.client
import logging
import threading
from collections.abc import Callable
from typing import cast

from cheroot.wsgi import Server
from flask import Flask

from gateway.domain.errors import ConfigurationError

_LOG = logging.getLogger(__name__)
_WORKERS = 6
_WAITING = 32
_LARGEST_BODY_BYTES = 256 * 1024
_LARGEST_HEADER_BYTES = 32 * 1024
_REQUEST_TIMEOUT_S = 15
_BEAT_EVERY_S = 5.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where to reach a server that listens on all


def serve(
    app: Flask,
    host: str,
    port: int,
    stop: threading.Event,
    on_beat: Callable[[], None],
    *,
    on_ready: Callable[[int], None] | None = None,
) -> None:
    """Serve `app` on `host` and `port` (0 for any) until `stop` is set.

    `on_ready` is called once with the port when requests are taken, `on_beat` after each answer to the server's own
    question about its health. Raises `ConfigurationError` when the address cannot be taken.
    """
    server = _Server(
        (host, port),
        app,
        numthreads=_WORKERS,
        max=_WORKERS,
        request_queue_size=_WAITING,
        timeout=_REQUEST_TIMEOUT_S,
        server_name="gateway",
    )
    server.max_request_body_size = _LARGEST_BODY_BYTES
    server.max_request_header_size = _LARGEST_HEADER_BYTES
    try:
        server.prepare()
    except OSError as error:
        raise ConfigurationError(
            f"The page cannot listen on {host} port {port}: it is taken, forbidden, or no address of this box.",
            remedy="End what listens there, or change host or port under [web].",
        ) from error
    worker = threading.Thread(target=server.serve, name="web-serve", daemon=True)
    worker.start()
    try:
        bound = cast("tuple[str, int]", server.bind_addr)
        if on_ready is not None:
            on_ready(bound[1])
        while worker.is_alive():
            if _answers(_ANY.get(host, host), bound[1]):
                on_beat()
            if stop.wait(_BEAT_EVERY_S):
                break
    finally:
        server.stop()
        worker.join()


class _Server(Server):
    """cheroot, telling its own faults to our log and its version to nobody."""

    software = "gateway"

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        _LOG.log(level, "event=web-server text=%r", msg, exc_info=traceback)


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=_REQUEST_TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        _LOG.warning("event=web-silent error=%s", type(error).__name__)
        return False
    finally:
        connection.close()
    return True
