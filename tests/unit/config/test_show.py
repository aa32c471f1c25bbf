"""Showing: valid TOML with every effective value, and never a secret."""

import tomllib
from pathlib import Path

from gateway.config.check import missing_references
from gateway.config.load import load
from gateway.config.model import Configuration
from gateway.config.reference import device_reference, gateway_reference
from gateway.config.show import MASK, show


def loaded(folder: Path) -> Configuration:
    (folder / "devices").mkdir()
    text = gateway_reference().replace('key = "credential:box-key"', 'key = "file:very-secret-place.key"')
    (folder / "gateway.toml").write_text(text)
    (folder / "devices" / "fundus.toml").write_text(device_reference())
    return load(folder / "gateway.toml")


def test_every_effective_value_stands_in_it(tmp_path: Path) -> None:
    shown = tomllib.loads(show(loaded(tmp_path)))
    assert shown["web"] == {"host": "127.0.0.1", "port": 8080}
    assert shown["destination"][0]["address"] == "pacs.example:2762"
    assert shown["destination"][0]["compression"] == "fastest"
    assert shown["destination"][0]["retry"] == {"base_s": 2.0, "cap_s": 300.0}
    assert shown["worklist"][0]["tls"]["ca"] == str(tmp_path / "hospital-ca.pem")
    device = shown["devices"]["fundus"]
    assert device["match"]["rules"] == ["accession_number", "patient_id", "active_step"]
    assert device["object"]["codes"] == {"AnatomicRegionSequence": ["81745001", "SCT", "Eye"]}
    assert device["hints"]["sidecar"]["map"]["patient_id"] == "/exam/patient/id"


def test_secrets_are_masked(tmp_path: Path) -> None:
    text = show(loaded(tmp_path))
    assert "very-secret-place" not in text
    assert tomllib.loads(text)["destination"][0]["tls"]["key"] == f"file:{MASK}"


def test_a_configuration_without_peers_or_devices_is_shown(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('[station]\nname = "Room"\nae_title = "BOX"\ntime_zone = "UTC"\n')
    shown = tomllib.loads(show(load(tmp_path / "gateway.toml")))
    assert set(shown) == {"station", "spool", "unscheduled", "web", "logging"}


def test_what_is_referred_to_but_not_there_is_named(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    (tmp_path / "hospital-ca.pem").write_text("x")
    paths = [(fault.file, fault.path, fault.rule) for fault in missing_references(found, credentials=tmp_path)]
    assert paths == [
        ("gateway.toml", "worklist[0].tls.certificate", "no such file"),
        ("gateway.toml", "worklist[0].tls.key", "no such file"),
        ("gateway.toml", "destination[0].tls.certificate", "no such file"),
        ("gateway.toml", "destination[0].tls.key", "no such file"),
        ("gateway.toml", "listener.tls.certificate", "no such file"),
        ("gateway.toml", "listener.tls.key", "no such file"),
        ("gateway.toml", "hl7[0].tls.certificate", "no such file"),
        ("gateway.toml", "hl7[0].tls.key", "no such file"),
        ("gateway.toml", "mpps[0].tls.certificate", "no such file"),
        ("gateway.toml", "mpps[0].tls.key", "no such file"),
        ("gateway.toml", "scanner[0].port", "no such serial port"),
        ("devices/fundus.toml", "source.path", "no such folder"),
    ]
