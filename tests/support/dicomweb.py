"""DICOMweb services for tests: Orthanc behind nginx with mutual TLS and passwords, and one that does as it is told."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.dicomweb.peer import HttpTimeouts, StowPeer, anonymous, basic
from gateway.dimse.tls import client_context
from tests.support.peers import Orthanc, PeerProcess
from tests.support.pki import Pki
from tests.support.ports import free_port

USER, PASSWORD = "box", b"s3cret"
QUICK = HttpTimeouts(connect_s=5, tls_s=5, response_s=3, response_s_per_megabyte=0, stall_s=5)

_NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log info; worker_processes 1;
events {{}}
http {{
  access_log {folder}/nginx-access.log; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_max_body_size {largest};
  server {{
    listen 127.0.0.1:{port} ssl; server_name localhost;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
    ssl_client_certificate {ca}; ssl_verify_client on;
    auth_basic "archive"; auth_basic_user_file {folder}/users;
    location / {{ proxy_pass http://127.0.0.1:{orthanc}; proxy_http_version 1.1; proxy_request_buffering off;
      proxy_set_header Host localhost:{port}; proxy_set_header Authorization ""; }}
  }}
}}
"""


_DICOMWEB = {
    "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
    "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Host": "localhost", "Ssl": True},
}


def orthanc_with_dicomweb(folder: Path) -> Orthanc:
    """An Orthanc whose DICOMweb plugin serves ``/dicom-web/`` in plain HTTP on its REST port."""
    return Orthanc(folder, None, settings=dict(_DICOMWEB))


def orthanc_settings(folder: Path, http_port: int, port: int) -> str:
    """The same as settings of a program that somebody else runs, for example in a network namespace."""
    storage = str(folder / "storage")
    general = {
        "StorageDirectory": storage, "IndexDirectory": storage, "HttpPort": http_port, "DicomPort": port,
        "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "OverwriteInstances": False, "TcpNoDelay": True,
    }  # fmt: skip
    return json.dumps(general | _DICOMWEB)


class Nginx(PeerProcess):
    """nginx in front of an Orthanc: HTTPS that requires a certificate of ``ca`` and `USER` with `PASSWORD`.

    Debian's Orthanc cannot end TLS itself: it crashes at the first HTTPS request.
    """

    def __init__(self, folder: Path, pki: Pki, orthanc: Orthanc, *, largest: str = "0") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        (folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD.decode()}\n")
        configuration = folder / "nginx.conf"
        configuration.write_text(
            _NGINX.format(
                folder=folder,
                port=port,
                orthanc=orthanc.http_port,
                largest=largest,
                certificate=pki.certificate("pacs"),
                key=pki.key("pacs"),
                ca=pki.certificate("ca"),
            )
        )
        log = folder / "nginx-error.log"
        super().__init__(["nginx", "-e", str(log), "-c", str(configuration)], port, folder / "nginx.log")

    @property
    def url(self) -> str:
        """The base of the DICOMweb service."""
        return f"https://localhost:{self.port}/dicom-web"


def stow_table(url: str, pki: Pki, *, password: Path) -> str:
    """The lines that make a destination of ``gateway.toml`` this service; `password` is the file to put it in."""
    password.write_bytes(PASSWORD + b"\n")
    files = f'ca = "{pki.certificate("ca")}", certificate = "{pki.certificate("box")}", key = "file:{pki.key("box")}"'
    return (
        f'kind = "stow"\nurl = "{url}"\ntls = {{ {files} }}\n'
        f'http = {{ user = "{USER}", password = "file:{password}" }}\n'
    )


def stow_peer(url: str, pki: Pki, *, identity: str = "box", ca: str = "ca", password: bytes = PASSWORD) -> StowPeer:
    """Settings for a service on this machine; no password when it is empty."""
    return StowPeer(
        "the archive",
        url,
        tls_context=lambda: client_context(pki.files(identity, ca=ca)),
        authorization=(lambda: basic(USER, password)) if password else anonymous,
        timeouts=QUICK,
    )


@dataclass
class Request:
    """One HTTP request as the scripted service read it."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    version: str = ""

    @property
    def uids(self) -> list[str]:
        """SOP Instance UIDs of the parts, from their File Meta Information."""
        found = []
        for part in self.body.split(b"DICM")[1:]:
            # (0002,0003) UI, explicit VR little endian: tag, VR, 16-bit length, value
            start = part.index(b"\x02\x00\x03\x00UI") + 6
            (length,) = struct.unpack_from("<H", part, start)
            found.append(part[start + 2 : start + 2 + length].rstrip(b"\0").decode())
        return found


class Caller:
    """One accepted TLS connection, seen from the scripted side."""

    def __init__(self, sock: ssl.SSLSocket) -> None:
        self.sock = sock
        self._inbox = b""

    def read(self, *, body: bool = True) -> Request:
        """The next request, without its body if that is not wanted; raises `EOFError` when the caller is gone."""
        while b"\r\n\r\n" not in self._inbox:
            self._more()
        head, _, self._inbox = self._inbox.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        request = Request(method, target, headers, version=version)
        return self.read_body(request) if body else request

    def read_body(self, request: Request) -> Request:
        """The request with the body that was left out of it."""
        size = int(request.headers.get("content-length", "0"))
        while len(self._inbox) < size:
            self._more()
        request.body, self._inbox = self._inbox[:size], self._inbox[size:]
        return request

    def swallow(self, size: int) -> None:
        """Read `size` bytes of body and keep none; raises `EOFError` when the caller is gone."""
        size -= len(self._inbox)
        while size > 0:
            self._inbox = b""
            self._more()
            size -= len(self._inbox)
        self._inbox = b""

    def answer(self, status: int, body: object = None, **headers: str) -> None:
        """Send an answer; a `body` that is not bytes becomes DICOM JSON."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {"Content-Length": str(len(data))}
        if data and "content_type" not in headers:
            lines["Content-Type"] = "application/dicom+json"
        lines |= {key.replace("_", "-"): value for key, value in headers.items()}
        text = "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        self.sock.sendall(f"HTTP/1.1 {status} X\r\n{text}\r\n".encode() + data)

    def reset(self) -> None:
        """End with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _more(self) -> None:
        data = self.sock.recv(65_536)
        if not data:
            raise EOFError
        self._inbox += data


class ScriptedService:
    """Listens with TLS on loopback and runs `script` for each connection in turn, or each in a thread `at_once`."""

    def __init__(
        self,
        pki: Pki,
        script: Callable[[Caller], None],
        *,
        ask_certificate: bool = False,
        at_once: bool = False,
        protocols: Sequence[str] = (),
    ) -> None:
        self._script = script
        self._at_once = at_once
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pki.certificate("pacs"), pki.key("pacs"))
        if ask_certificate:
            self._context.verify_mode = ssl.CERT_REQUIRED
            self._context.load_verify_locations(pki.certificate("ca"))
        if protocols:
            self._context.set_alpn_protocols(list(protocols))
        self.chosen: list[str | None] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"https://localhost:{self.port}/web"
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, name="scripted-service", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A blocked accept is woken by shutdown, not by close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._at_once:
                threading.Thread(target=self._talk, args=(plain,), name="scripted-service", daemon=True).start()
            else:
                self._talk(plain)

    def _talk(self, plain: socket.socket) -> None:
        plain.settimeout(10)
        with contextlib.suppress(OSError, EOFError), self._context.wrap_socket(plain, server_side=True) as sock:
            self.chosen.append(sock.selected_alpn_protocol())
            self._script(Caller(sock))


def store_answer(
    stored: Sequence[str] = (), failed: dict[str, int] | None = None, warnings: dict[str, int] | None = None
) -> dict[str, Any]:
    """A Store Instances Response in the DICOM JSON model."""
    referenced = [_reference(uid, "00081196", (warnings or {}).get(uid)) for uid in stored]
    refused = [_reference(uid, "00081197", reason) for uid, reason in (failed or {}).items()]
    answer: dict[str, Any] = {"00081199": {"vr": "SQ", "Value": referenced}}
    if refused:
        answer["00081198"] = {"vr": "SQ", "Value": refused}
    return answer


def in_pieces(data: bytes) -> bytes:
    """A body in chunks of 50 bytes (RFC 9112 section 7.1)."""
    pieces = [data[start : start + 50] for start in range(0, len(data), 50)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _reference(uid: str, tag: str, code: int | None) -> dict[str, Any]:
    item: dict[str, Any] = {
        "00081150": {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.7"]},
        "00081155": {"vr": "UI", "Value": [uid]},
    }
    if code is not None:
        item[tag] = {"vr": "US", "Value": [code]}
    return item
