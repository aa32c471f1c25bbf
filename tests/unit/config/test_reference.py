"""The annotated reference and the shipped profiles: complete, true to the model, and good as they stand."""

import re
import tomllib
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from gateway.config.device import Device, DeviceFile
from gateway.config.fields import is_setting, meaning_of
from gateway.config.load import load
from gateway.config.model import Configuration
from gateway.config.reference import device_reference, gateway_reference
from gateway.objects.iods import iod_named

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "firmware_config"
PROFILES = sorted((FOLDER / "devices").glob("*.toml"))


def keys_of(cls: type, seen: frozenset[type] = frozenset()) -> set[str]:
    """Every key of a model class and of the classes below it."""
    keys: set[str] = set()
    for field in attrs.fields(cls):
        if is_setting(field):
            keys.add(field.name)
        for kind in (field.type, *get_args(field.type)):
            if isinstance(kind, type) and attrs.has(kind) and kind not in {*seen, Device}:
                keys |= keys_of(kind, seen | {cls})
    return keys


@pytest.mark.parametrize(("name", "made"), [("gateway.toml", gateway_reference()), ("device.toml", device_reference())])
def test_the_reference_files_are_what_the_model_says(name: str, made: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == made, "run scripts/reference"


def test_every_key_of_the_model_stands_in_its_reference() -> None:
    def written(name: str) -> set[str]:
        text = (FOLDER / name).read_text(encoding="utf-8")
        tables = {part for head in re.findall(r"^\[+([\w.]+)\]+$", text, re.MULTILINE) for part in head.split(".")}
        return tables | set(re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE))

    assert keys_of(Configuration) <= written("gateway.toml")
    assert keys_of(DeviceFile) <= written("device.toml")


def test_the_references_load(tmp_path: Path) -> None:
    (tmp_path / "devices").mkdir()
    (tmp_path / "gateway.toml").write_text(gateway_reference())
    (tmp_path / "devices" / "fundus.toml").write_text(device_reference())
    found = load(tmp_path / "gateway.toml")
    assert found.station.ae_title == "RAMPUR_FC1"
    assert found.device("fundus").settings.source.after == "move"


def test_the_references_load_with_every_default_made_explicit(tmp_path: Path) -> None:
    def explicit(text: str) -> str:
        return re.sub(r"^# (\w+ = (?!\.\.\.|\"credential).*)$", r"\1", text, flags=re.MULTILINE)

    text = "\n".join(line for line in explicit(gateway_reference()).splitlines() if "  a file" not in line)
    (tmp_path / "devices").mkdir()
    (tmp_path / "gateway.toml").write_text(text)
    (tmp_path / "devices" / "fundus.toml").write_text(explicit(device_reference()))
    (tmp_path / "plain" / "devices").mkdir(parents=True)
    (tmp_path / "plain" / "devices" / "fundus.toml").write_text(device_reference())
    (tmp_path / "plain" / "gateway.toml").write_text(gateway_reference())
    given, plain = load(tmp_path / "gateway.toml"), load(tmp_path / "plain" / "gateway.toml")
    assert attrs.evolve(given.destination[0], tls=None) == attrs.evolve(plain.destination[0], tls=None)
    assert given.spool == plain.spool


def test_each_setting_says_what_it_means() -> None:
    def walk(cls: Any) -> None:
        for field in attrs.fields(cls):
            if is_setting(field):
                assert meaning_of(field).endswith("."), f"{cls.__name__}.{field.name}"
            for kind in (field.type, *get_args(field.type)):
                if isinstance(kind, type) and attrs.has(kind):
                    walk(kind)

    walk(Configuration)
    walk(DeviceFile)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_a_shipped_profile_needs_only_a_path(profile: Path, tmp_path: Path) -> None:
    station = '[station]\nname = "Room"\nae_title = "BOX"\ntime_zone = "UTC"\n'
    (tmp_path / "devices").mkdir()
    (tmp_path / "gateway.toml").write_text(station)
    (tmp_path / "devices" / "one.toml").write_text(f'profile = "{profile.stem}"\n[source]\npath = "drop"\n')
    found = load(tmp_path / "gateway.toml").device("one").settings
    assert iod_named(found.object.sop_class).sop_class_uid
    assert tomllib.loads(profile.read_text())["object"]["sop_class"] == found.object.sop_class


def test_five_profiles_are_shipped() -> None:
    assert {path.stem for path in PROFILES} >= {
        "fundus-camera-folder",
        "ultrasound-folder",
        "endoscope-folder",
        "xray-export-folder",
        "photo-camera-folder",
    }
