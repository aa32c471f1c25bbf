"""What is told to the service manager, over real datagram sockets of both kinds."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.host.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """A service manager's socket and its address as NOTIFY_SOCKET writes it."""
    name = f"@gateway-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        listener.settimeout(5)
        yield name, listener


def test_each_state_arrives_as_one_datagram(manager: tuple[str, socket.socket]) -> None:
    address, listener = manager
    notifier = Notifier.of_this_process({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
    notifier.ready()
    notifier.watchdog()
    notifier.status("3 waiting,\n2 at main")
    notifier.stopping()
    assert [listener.recv(200).decode() for _ in range(4)] == [
        "READY=1",
        "WATCHDOG=1",
        "STATUS=3 waiting, 2 at main",
        "STOPPING=1",
    ]
    assert notifier.watchdog_s == 30.0


def test_without_a_manager_nothing_happens() -> None:
    notifier = Notifier.of_this_process({"WATCHDOG_USEC": "1000000"})
    notifier.ready()
    assert notifier.watchdog_s is None


@pytest.mark.parametrize("value", ["", "0", "soon", "-5"])
def test_a_useless_watchdog_setting_is_none(value: str) -> None:
    assert Notifier.of_this_process({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": value}).watchdog_s is None


def test_a_watchdog_of_another_process_is_not_ours() -> None:
    environment = {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}
    assert Notifier.of_this_process(environment).watchdog_s is None


def test_a_manager_that_has_gone_is_logged_not_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Notifier(str(tmp_path / "gone")).watchdog()
    assert "notify=failed state=WATCHDOG" in caplog.text
