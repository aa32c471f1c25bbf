"""Each role as the real command: it starts, holds its lock, ends cleanly on SIGTERM; faults have their exit code."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.bootstrap.people import open_status
from gateway.domain.procedure import Patient
from gateway.host.disk import make_private_folder
from gateway.spool.database import Database
from gateway.spool.steps import StepLedger
from tests.support.dcmtk import received, storescp
from tests.support.house import House, order
from tests.support.ports import free_port


def _command(house: House, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "gateway", "--config", str(house.config), *arguments]


@contextmanager
def _running(house: House, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(_command(house, *arguments), stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


def _until(condition: object, what: str, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator] # any callable
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def _beats(house: House) -> set[str]:
    return {beat.role for beat in house.status().beats()}


@pytest.mark.parametrize("role", [("capture", "--device", "camera"), ("assemble",), ("forward",)])
def test_role_beats_and_ends_cleanly_on_sigterm(tmp_path: Path, role: tuple[str, ...]) -> None:
    house = House(tmp_path, free_port())
    name = "capture/camera" if role[0] == "capture" else role[0]
    with _running(house, "run", *role) as process:
        _until(lambda: name in _beats(house), f"{name} never beat")
        second = subprocess.run(_command(house, "run", *role), capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 78
        assert "already runs" in second.stderr
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0


def test_supervised_gateway_delivers_and_ends_with_all_its_children(tmp_path: Path) -> None:
    port = free_port()
    house = House(tmp_path, port, web_port=free_port())
    with storescp(tmp_path / "pacs", port), _running(house, "run") as process:
        names = [house.drop(number)[0] for number in range(5)]
        _until(
            lambda: [d.state for r in house.status().acquisitions() for d in r.deliveries] == ["stored"] * len(names),
            "not everything was delivered",
        )
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 4
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(40) == 0
        assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert len(received(tmp_path / "pacs")) == len(names)


def test_configuration_faults_end_with_78_and_name_them_all(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    text = house.config.read_text().replace("connect_s", "conect_s").replace('ae_title = "BOX"', 'ae_title = "B\\\\X"')
    house.config.write_text(text)
    result = subprocess.run(_command(house, "check-config"), capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 78
    assert "did you mean connect_s" in result.stderr
    assert "ae_title" in result.stderr


def test_check_config_names_what_is_missing_and_what_no_object_could_be_made_with(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    command = _command(house, "check-config")
    good = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (good.returncode, good.stderr) == (0, "")
    tls = 'ae_title = "PACS"\ntls = { ca = "ca.pem", certificate = "box.pem", key = "file:box.key" }'
    house.config.write_text(house.config.read_text().replace('ae_title = "PACS"', tls))
    house.drop_folder.rmdir()
    missing = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert missing.returncode == 78
    for fault in (
        "tls.ca: no such file",
        "tls.certificate: no such",
        "tls.key: no such",
        "source.path: no such folder",
    ):
        assert fault in missing.stderr
    device = tmp_path / "devices" / "camera.toml"
    device.write_text(device.read_text().replace('laterality = "U"', 'modality = "CT"\ndefaults = { Foo = "x" }'))
    impossible = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert impossible.returncode == 78
    assert 'has modality "XC" and no other' in impossible.stderr
    assert 'Unknown attribute keyword "Foo"' in impossible.stderr


def test_what_a_role_cannot_have_is_said_in_one_sentence(tmp_path: Path) -> None:
    """A taken port and a spool that cannot be made end with 78 and a remedy, not with a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        house = House(tmp_path / "a", free_port(), web_port=taken.getsockname()[1])
        web = subprocess.run(_command(house, "run", "web"), capture_output=True, text=True, timeout=60, check=False)
    assert web.returncode == 78
    assert "cannot listen" in web.stderr
    (tmp_path / "file").touch()
    house.config.write_text(house.config.read_text().replace('path = "spool"', f'path = "{tmp_path}/file"'))
    spool = subprocess.run(_command(house, "run", "assemble"), capture_output=True, text=True, timeout=60, check=False)
    assert spool.returncode == 78
    assert "cannot be made or written" in spool.stderr
    assert "Traceback" not in web.stderr + spool.stderr


def test_names_are_shown_on_a_terminal_that_cannot_write_them(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    database = Database(house.spool)
    StepLedger(database, open_status(house.settings)._clock).answered(
        "HIS", [replace(order(1), patient=Patient("P1", "", "Иванов^Пётр", "", ""))]
    )
    database.close()
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    command = _command(house, "worklist")
    shown = subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)
    assert shown.returncode == 0, shown.stderr
    assert b"\\u0418" in shown.stdout


def test_the_spool_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "spool"
    make_private_folder(folder)
    make_private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_service_with_a_faulty_configuration_waits_for_its_correction(tmp_path: Path) -> None:
    """The service manager hears why, nothing starts in a hot loop, and the correction alone brings the role back."""
    house = House(tmp_path, free_port())
    good = house.config.read_text()
    house.config.write_text(good.replace("ae_title", "ae_titel", 1))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        command = _command(house, "run", "assemble")
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
            assert manager.recv(4096).startswith(b"STATUS=The configuration has ")
            assert process.poll() is None
            house.config.write_text(good)
            assert process.wait(30) == 78
            assert process.stderr is not None
            assert "did you mean ae_title" in process.stderr.read()


def test_echo_shows_each_layer_also_when_one_fails(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    failed = subprocess.run(_command(house, "echo", "main"), capture_output=True, text=True, timeout=60, check=False)
    assert failed.returncode == 1
    assert "failed at connect" in failed.stderr
    assert [line.split()[:2] for line in failed.stdout.splitlines()][:2] == [["name", "ok"], ["connect", "FAILED"]]


def test_hold_is_listed_and_assigned_on_the_command_line_without_a_running_gateway(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    house.drop(1, of_order=77)
    assert house.live("capture/camera") == 0
    assert house.live("assemble") == 0
    listed = subprocess.run(_command(house, "hold", "list"), capture_output=True, text=True, timeout=60, check=True)
    assert "ACC0077" in listed.stdout
    steps = subprocess.run(_command(house, "worklist"), capture_output=True, text=True, timeout=60, check=True)
    number = next(line.split()[0] for line in steps.stdout.splitlines() if "ACC0002" in line)
    asked = subprocess.run(
        _command(house, "hold", "assign", number, "1"), capture_output=True, text=True, timeout=60, check=False
    )
    assert "The device says that they belong to accession number ACC0077; nothing was done." in asked.stderr
    assigned = subprocess.run(
        _command(house, "hold", "assign", number, "1", "--confirmed"),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert assigned.returncode == 0, assigned.stderr
    assert house.live("assemble") == 0
    (row,) = house.status().acquisitions()
    assert (row.state, row.accession_number) == ("assembled", "ACC0002")


def test_try_shows_hints_match_and_object_without_a_running_gateway(tmp_path: Path) -> None:
    house = House(tmp_path, free_port())
    name, _ = house.drop(3, of_order=1)
    out = tmp_path / "made.dcm"
    result = subprocess.run(
        _command(house, "try", str(house.drop_folder / name), "--device", "camera", "-o", str(out)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "accession_number = ACC0001" in result.stdout
    assert "accession_number:" in result.stdout
    assert out.stat().st_size > 0
    assert (house.drop_folder / name).exists(), "trying takes nothing away"
