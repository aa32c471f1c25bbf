"""The STOW rows of the link benchmark: Orthanc's STOW-RS behind nginx on the far side, and a plain client beside.

The plain client is Python's own http.client with a store of one object a request, one request after the other over one
kept connection. Run as a program it is that client.
"""

import http.client
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway.dicomweb.multipart import StoreBody, StowItem
from tests.support.dicomweb import orthanc_settings
from tests.support.forwarding import Target
from tests.support.link_emulator import PACS, EmulatedLink
from tests.support.pki import Pki, make_pki

MIX = "200 x 20 kB, STOW"
LINKS = frozenset({"2 Mbit/s, 150 ms, 1 %", "384 kbit/s, 715 ms"})
PLAIN = "http.client"
_HTTPS_PORT, _HTTP_PORT, _DICOM_PORT = 8443, 8042, 4242
_READY_S = 60
_NGINX = """\
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log; worker_processes 1;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_max_body_size 0;
  server {{
    listen {address}:{port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key}; ssl_protocols TLSv1.3;
    location / {{ proxy_pass http://127.0.0.1:{http}; proxy_http_version 1.1; proxy_request_buffering off; }}
  }}
}}
"""


class Service(Target):
    """A DICOMweb service as destination; `extra` are the lines of its table."""

    def toml(self) -> str:
        return Target.toml(self).replace('address = "-"\nae_title = "PACS"\n', "")


@dataclass(frozen=True)
class FarService:
    """A DICOMweb service beyond a link."""

    url: str
    pki: Pki
    storage: Path

    def target(self) -> Target:
        """It as a destination, with the waits that the gateway has by default."""
        trust = f'ca = "{self.pki.certificate("ca")}", check_host_name = false'
        table = f'kind = "stow"\nurl = "{self.url}"\ntls = {{ {trust} }}\n'
        return Service("main", "-", connect_s=10, tls_s=15, association_s=30, response_s=60, stall_s=60, extra=table)

    def arrived(self, least_bytes: int) -> list[int]:
        """Sizes of the objects that the archive has written: its own files, of which the small ones are summaries."""
        sizes = [path.stat().st_size for path in self.storage.rglob("*") if path.is_file() and _is_dicom(path)]
        return [size for size in sizes if size >= least_bytes]


@contextmanager
def far_service(link: EmulatedLink, folder: Path) -> Iterator[FarService]:
    """Orthanc, and nginx before it to end TLS, in the namespace beyond `link`."""
    folder.mkdir(parents=True, exist_ok=True)
    pki = make_pki(folder / "pki")
    orthanc = folder / "orthanc.json"
    orthanc.write_text(orthanc_settings(folder, _HTTP_PORT, _DICOM_PORT))
    nginx = folder / "nginx.conf"
    nginx.write_text(
        _NGINX.format(
            folder=folder,
            address=PACS,
            port=_HTTPS_PORT,
            http=_HTTP_PORT,
            certificate=pki.certificate("pacs"),
            key=pki.key("pacs"),
        )
    )
    with ExitStack() as stack:
        stack.enter_context(_running(link.inside_pacs("Orthanc", str(orthanc)), _HTTP_PORT))
        command = link.inside_pacs("nginx", "-e", str(folder / "nginx-error.log"), "-c", str(nginx))
        stack.enter_context(_running(command, _HTTPS_PORT))
        yield FarService(f"https://{PACS}:{_HTTPS_PORT}/dicom-web", pki, folder / "storage")


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        deadline = time.monotonic() + _READY_S
        while f":{port:04X} 00000000:0000 0A" not in Path(f"/proc/{process.pid}/net/tcp").read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[-1]} does not listen")
            time.sleep(0.05)
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def plain_client(link: EmulatedLink, service: FarService, folder: Path) -> list[str]:
    """The command that stores every file of a folder, one a request."""
    client = [sys.executable, "-m", "tests.benchmarks.link_stow", service.url, str(service.pki.certificate("ca"))]
    return link.inside_box(*client, str(folder))


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def main() -> None:
    """Store every file of a folder, one a request; the exit code says whether each was answered with 200."""
    url, trusted, folder = sys.argv[1:]
    place = urlsplit(url)
    context = ssl.create_default_context(cafile=trusted)
    context.check_hostname = False
    connection = http.client.HTTPSConnection(place.hostname or "", place.port, timeout=120, context=context)
    for path in sorted(Path(folder).iterdir()):
        body = StoreBody([StowItem(path, "", "")])
        headers = {"Content-Type": body.content_type, "Accept": "application/dicom+json"}
        connection.request("POST", f"{place.path}/studies", b"".join(body), headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            sys.exit(1)


if __name__ == "__main__":
    main()
