"""The main job as a new user runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _summary(output: str) -> dict[str, object]:
    summary: dict[str, object] = json.loads(output.strip().splitlines()[-1])
    return summary


def test_demo_delivers_and_verifies_every_picture() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "gateway", "demo", "--once", "--count", "8"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    summary = _summary(result.stdout)
    assert summary["dropped"] == summary["at_pacs"] == summary["verified"] == 8
    assert "http://127.0.0.1:" in result.stdout
    assert "/gateway --config " in result.stdout


def test_readme_demo_runs_from_a_fresh_clone_with_nothing_but_python(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "PIP_CONFIG_FILE") if name in os.environ}
    result = subprocess.run(
        [str(clone / "scripts" / "demo"), "--once", "--count", "4"],
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert _summary(result.stdout)["verified"] == 4
