"""The status page over fakes: an application for a test client, or served on a free port for a browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask
from PIL import Image

from gateway.web.app import create_app
from gateway.web.security.password import ensure_password
from gateway.web.server import serve
from tests.support.fake_locals import FakeLocals
from tests.support.fake_reader import FakeClock, FakeDesk, FakeReader
from tests.support.fake_sent import FakeSent


@dataclass
class FakePage:
    """An application with the fakes behind it and the password made at its first start."""

    app: Flask
    password: str
    state_dir: Path
    reader: FakeReader
    desk: FakeDesk
    clock: FakeClock
    sent: FakeSent
    local_studies: FakeLocals
    url: str = ""
    beats: list[str] = field(default_factory=list)


def make_page(state_dir: Path, **options: object) -> FakePage:
    """A page over empty fakes."""
    reader, desk, clock, sent, local_studies = FakeReader(), FakeDesk(), FakeClock(), FakeSent(), FakeLocals()
    password = ensure_password(state_dir)
    assert password is not None
    app = create_app(
        reader=reader,
        desk=desk,
        clock=clock,
        sent=sent,
        state_dir=state_dir,
        station_name="Rampur fundus room",
        local_studies=local_studies,
        peers={"Main PACS": "pacs.example:2762, AE MAIN", "HIS": "ris.example:11112, AE RIS"},
        **options,  # type: ignore[arg-type]  # the caller names options of create_app
    )
    return FakePage(app, password, state_dir, reader, desk, clock, sent, local_studies)


@contextmanager
def served_page(state_dir: Path) -> Iterator[FakePage]:
    """A page on a free port of this machine until the block ends."""
    page = make_page(state_dir)
    stop, ready = threading.Event(), threading.Event()

    def on_ready(port: int) -> None:
        page.url = f"http://127.0.0.1:{port}"
        ready.set()

    def run() -> None:
        serve(page.app, "127.0.0.1", 0, stop, lambda: page.beats.append("beat"), on_ready=on_ready)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        yield page
    finally:
        stop.set()
        thread.join()


def draw_thumbnail(path: Path, number: int) -> Path:
    """A small picture that looks like an eye's background, for people who look at screenshots."""
    image = Image.new("RGB", (160, 160), (8, 10, 10))
    for y in range(160):
        for x in range(160):
            distance = ((x - 80) ** 2 + (y - 80) ** 2) ** 0.5
            disc = ((x - 110 + 6 * (number % 9)) ** 2 + (y - 76) ** 2) ** 0.5
            if distance < 76:
                glow = max(0.0, 1 - disc / 26)
                shade = 1 - distance / 150
                colour = (int(190 * shade + 60 * glow), int(84 * shade + 130 * glow), int(40 * shade + 70 * glow))
                image.putpixel((x, y), colour)
    image.save(path, "JPEG", quality=80)
    return path
