"""The repository as a whole: its top level, what may not stand in it, its locks, licences and units."""

import importlib.util
import re
import shutil
import subprocess
import tomllib
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from gateway.cli.main import main
from tests.architecture.source import ROOT, tracked_files

TOP_LEVEL = {
    "pyproject.toml", "README.md", "LICENSE", "requirements.lock", "gateway", "firmware_config", "systemd", "tests",
    "image", "scripts", ".ci", ".gitignore",
}  # fmt: skip
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
KEY = re.compile(r"-----BEGIN [A-Z ]*PRIV" r"ATE KEY-----\s+[A-Za-z0-9+/]")
SOMEBODYS_FOLDER = re.compile(r"(?<![\w./-])/(home|Users|work|root)/\w")
REGISTRY = re.compile(r"(pypi\.org|pythonhosted\.org|npmjs\.(com|org))")
MAY_SKIP = re.compile(r"pytest\.(sk" r"ip|xf" r"ail|importor" r"skip)|mark\.(sk" r"ip|xf" r"ail)")
REQUIREMENT = re.compile(r"^([a-z0-9.-]+)==\S+ \\$", re.MULTILINE)
EXPOSED_AT_MOST = {"gateway-capture@": 1.0, "gateway-assemble": 1.0, "gateway-forward": 1.5, "gateway-web": 1.5}
VENDORED = "gateway/web/static/vendor"


def texts() -> list[tuple[str, str]]:
    """Path and text of every tracked text file that is ours."""
    found = []
    for path in tracked_files():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(VENDORED):
            continue
        raw = path.read_bytes()
        if b"\0" not in raw:
            found.append((name, raw.decode("utf-8")))
    return found


def script(name: str) -> ModuleType:
    """A Python script of the scripts folder as a module."""
    loader = SourceFileLoader(name, str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_top_level_is_fixed() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in tracked_files()} <= TOP_LEVEL


@pytest.mark.parametrize("pattern", [KEY, SOMEBODYS_FOLDER, REGISTRY, MAY_SKIP], ids=lambda p: p.pattern)
def test_what_may_not_stand_in_the_project(pattern: re.Pattern[str]) -> None:
    found = [f"{name}: {match[0]}" for name, text in texts() for match in pattern.finditer(text)]
    assert not found


def test_nothing_is_left_to_do() -> None:
    shipped = ("gateway/", "systemd/", "scripts/", "image/", "firmware_config/")
    found = [f"{name}: {match[0]}" for name, text in texts() if name.startswith(shipped)
             for match in UNFINISHED.finditer(text)]  # fmt: skip
    assert not found


def locked(name: str) -> set[str]:
    return set(REQUIREMENT.findall((ROOT / name).read_text(encoding="utf-8")))


def required(*extras: str) -> set[str]:
    """Names that pyproject.toml asks for, as a lock writes them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for extra in extras:
        asked += project["project"]["optional-dependencies"][extra]
    return {re.split(r"[^A-Za-z0-9_.-]", name)[0].lower().replace("_", "-") for name in asked}


def test_the_locks_hold_what_the_project_asks_for() -> None:
    assert required() <= locked("requirements.lock")
    assert required("test") <= locked("tests/requirements.lock")


@pytest.mark.parametrize("name", ["requirements.lock", "tests/requirements.lock"])
def test_a_lock_is_hashes_and_names_no_place(name: str) -> None:
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines()[1:]:
        assert re.fullmatch(r"[a-z0-9.-]+==[A-Za-z0-9.+!]+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line


def test_both_locks_agree() -> None:
    def versions(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))

    assert versions("requirements.lock") <= versions("tests/requirements.lock")


def test_the_table_of_licences_is_what_the_lock_says() -> None:
    written = (ROOT / "gateway" / "THIRD_PARTY.md").read_text(encoding="utf-8")
    assert written == script("licences").table(), "run scripts/licences"
    assert "| pylibjpeg-libjpeg | 2" in written
    (row,) = (line for line in written.splitlines() if line.startswith("| pylibjpeg-libjpeg | 2"))
    assert row.endswith("| **GPL** |")


@pytest.mark.parametrize("name", ["scripts/demo", "scripts/test", "scripts/lock", ".ci/run", "scripts/lib.sh"])
def test_shell_scripts_parse(name: str) -> None:
    subprocess.run(["bash", "-n", name], cwd=ROOT, check=True)
    if name != "scripts/lib.sh":
        assert (ROOT / name).stat().st_mode & 0o111


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units in a folder of their own, their program replaced by one that exists here, and one device."""
    for unit in (ROOT / "systemd").glob("gateway*"):
        text = unit.read_text(encoding="utf-8").replace("/opt/gateway/bin/gateway", "/bin/true")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    shutil.copy(tmp_path / "gateway-capture@.service", tmp_path / "gateway-capture@fundus.service")
    return tmp_path


def test_the_units_are_sound(units: Path) -> None:
    names = sorted(str(path) for path in units.iterdir() if "@." not in path.name)
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *names],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize("unit", EXPOSED_AT_MOST)
def test_the_units_expose_little(unit: str) -> None:
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"{unit}.service"],
        cwd=ROOT / "systemd",
        capture_output=True,
        text=True,
        check=True,
    )
    level = re.search(r"exposure level for \S+: ([0-9.]+)", told.stdout)
    assert level is not None
    assert float(level[1]) <= EXPOSED_AT_MOST[unit]


@pytest.mark.parametrize("unit", sorted((ROOT / "systemd").glob("*.service")), ids=lambda path: path.stem)
def test_the_units_start_what_the_command_line_offers(unit: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    program, *arguments = line.replace("%i", "fundus").split()
    assert program == "/opt/gateway/bin/gateway"
    assert arguments[:3] == ["--config", "/etc/gateway/gateway.toml", "run"]
    command = main.commands["run"]
    assert command.make_context("run", arguments[3:]).params["role"] in unit.name


def test_each_unit_has_only_what_its_role_needs() -> None:
    text = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "systemd").glob("*.service")}
    assert [name for name, unit in text.items() if "LoadCredential=" in unit] == ["gateway-forward"]
    assert [name for name, unit in text.items() if "DeviceAllow=" in unit] == ["gateway-capture@"]
    assert {name for name, unit in text.items() if "PrivateNetwork=yes" in unit} == {
        "gateway-capture@",
        "gateway-assemble",
    }
    assert "ReadOnlyPaths=/var/lib/gateway\n" in text["gateway-web"]
    for unit in text.values():
        assert {"Type=notify", "Restart=always", "StartLimitIntervalSec=0"} <= set(unit.splitlines())
        assert "WatchdogSec=" in unit


def test_users_and_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for program, name in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
        make = ["--create"] if program == "systemd-tmpfiles" else []
        subprocess.run(
            [program, *make, f"--root={tmp_path}", ROOT / "systemd" / name / "gateway.conf"],
            check=True,
            capture_output=True,
        )
    assert "gateway:" in (tmp_path / "etc" / "passwd").read_text()
    assert (tmp_path / "etc/gateway/credentials").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "var/lib/gateway/requests").is_dir()


def test_the_kernel_takes_the_congestion_controls_that_the_forwarding_role_chooses_from() -> None:
    allowed = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control")
    before = allowed.read_text()
    try:
        subprocess.run(["/lib/systemd/systemd-sysctl", ROOT / "systemd" / "sysctl.d" / "gateway.conf"], check=True)
        assert {"cubic", "bbr"} <= set(allowed.read_text().split())
    finally:
        allowed.write_text(before)
