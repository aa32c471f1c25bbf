"""Clock, disk, log and credentials."""

import io
import logging
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.errors import ConfigurationError
from gateway.domain.ports import Clock
from gateway.host.clock import SystemClock
from gateway.host.credentials import Credentials
from gateway.host.logs import goes_to_journald, set_up_logs


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def test_the_clock_tells_the_time_of_the_station() -> None:
    clock: Clock = SystemClock(ZoneInfo("Asia/Kolkata"))
    assert clock.now().utcoffset() == timedelta(hours=5, minutes=30)
    assert clock.monotonic() <= clock.monotonic()


def test_a_line_is_key_and_value(root_logger: logging.Logger) -> None:
    del root_logger
    stream = io.StringIO()
    set_up_logs("info", stream)
    logging.getLogger("gateway.stages.deliver").info("delivery=%d phase=%s", 7, "tls")
    logging.getLogger("gateway.stages.deliver").debug("unseen=1")
    (line,) = stream.getvalue().splitlines()
    assert line.startswith("at=20")
    assert line.endswith("level=info logger=stages.deliver delivery=7 phase=tls")


def test_no_value_can_pose_as_a_line(root_logger: logging.Logger) -> None:
    del root_logger
    stream = io.StringIO()
    set_up_logs("info", stream)
    logging.getLogger("gateway").error("name=%s", "a\nlevel=info forged=1\r")
    assert stream.getvalue().count("\n") == 1
    assert "a\\nlevel=info forged=1\\r" in stream.getvalue()


def test_a_trace_stands_in_the_same_line(root_logger: logging.Logger) -> None:
    del root_logger
    stream = io.StringIO()
    set_up_logs("error", stream)
    try:
        int("broken")
    except ValueError:
        logging.getLogger("gateway").exception("loop=failed")
    assert stream.getvalue().count("\n") == 1
    assert "loop=failed trace='Traceback" in stream.getvalue()


def test_towards_the_journal_a_line_begins_with_its_priority(
    root_logger: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del root_logger
    with (tmp_path / "journal").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        assert goes_to_journald(stream)
        set_up_logs("debug", stream)
        log = logging.getLogger("gateway.web")
        log.error("a=1")
        log.warning("a=2")
        log.info("a=3")
        log.debug("a=4")
        stream.seek(0)
        assert [line[:3] for line in stream.read().splitlines()] == ["<3>", "<4>", "<6>", "<7>"]


def test_another_stream_is_not_the_journal() -> None:
    assert not goes_to_journald(io.StringIO(), {"JOURNAL_STREAM": "1:2"})
    assert not goes_to_journald(io.StringIO(), {})


def test_secrets_are_found_by_reference(tmp_path: Path) -> None:
    (tmp_path / "box-key").write_bytes(b"secret\n")
    handed = Credentials.of_this_process({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert handed.path("credential:box-key") == tmp_path / "box-key"
    assert handed.path("file:/etc/box.key") == Path("/etc/box.key")
    assert handed.read("credential:box-key") == b"secret"


@pytest.mark.parametrize("reference", ["credential:../shadow", "credential:", "file:", "plain secret", ""])
def test_a_bad_reference_is_refused_without_repeating_it(reference: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        Credentials(tmp_path).path(reference)
    assert "shadow" not in str(caught.value)
    assert "plain secret" not in str(caught.value)


def test_a_role_without_the_credential_says_what_to_add() -> None:
    with pytest.raises(ConfigurationError, match="LoadCredential=box-key"):
        Credentials.of_this_process({}).path("credential:box-key")


def test_a_secret_that_is_not_there_names_its_reference(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="credential:box-key cannot be read: No such file"):
        Credentials(tmp_path).read("credential:box-key")
