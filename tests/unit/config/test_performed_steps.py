"""The [[mpps]] peers and what a device says of performed steps: defaults, values, faults, what is made of them."""

from pathlib import Path

import pytest

from gateway.bootstrap.object_settings import device_rules, performing_rules
from gateway.bootstrap.settings import mpps_fingerprints, peers_in_words
from gateway.config.faults import InvalidConfiguration
from gateway.config.load import load
from gateway.config.model import Configuration
from gateway.config.show import show

STATION = '[station]\nname = "Room"\nae_title = "BOX"\ntime_zone = "UTC"\n'
TWO = """
[[mpps]]
name = "HIS"
address = "ris.example:11112"
ae_title = "RIS"
[[mpps]]
name = "RIS"
address = "ris.example:2762"
ae_title = "RIS2"
tls = { ca = "ca.pem" }
"""
DEVICE = '[source]\npath = "drop"\n[object]\nsop_class = "vl-photographic"\n'


def loaded(folder: Path, gateway: str = TWO, device: str = "") -> Configuration:
    (folder / "devices").mkdir()
    (folder / "gateway.toml").write_text(STATION + gateway)
    (folder / "devices" / "camera.toml").write_text(DEVICE + device)
    return load(folder / "gateway.toml")


def faults_of(folder: Path, gateway: str = TWO, device: str = "") -> str:
    with pytest.raises(InvalidConfiguration) as raised:
        loaded(folder, gateway, device)
    return str(raised.value)


def test_without_a_peer_nothing_is_reported(tmp_path: Path) -> None:
    found = loaded(tmp_path, gateway="")
    assert device_rules(found, found.device("camera")).performed_step_peers == ()
    assert performing_rules(found).peers == ()


def test_a_device_reports_to_every_peer_unless_it_says_otherwise(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert device_rules(found, found.device("camera")).performed_step_peers == ("HIS", "RIS")
    assert peers_in_words(found)["RIS"] == "ris.example:2762, AE RIS2, TLS"
    assert set(mpps_fingerprints(found)) == {"HIS", "RIS"}
    assert "[[mpps]]" in show(found)


@pytest.mark.parametrize(("text", "peers"), [('peers = ["RIS"]', ("RIS",)), ("report = false", ())])
def test_a_device_may_name_its_peers_or_report_nothing(tmp_path: Path, text: str, peers: tuple[str, ...]) -> None:
    found = loaded(tmp_path, device=f"[performed_step]\n{text}\n")
    assert device_rules(found, found.device("camera")).performed_step_peers == peers


def test_when_a_step_ends_is_said_per_device(tmp_path: Path) -> None:
    found = loaded(tmp_path, device="[performed_step]\ncomplete_after_min = 5\nsettle_s = 0\n")
    rules = performing_rules(found).devices["camera"]
    assert (rules.complete_after.total_seconds(), rules.settle.total_seconds()) == (300, 0)


@pytest.mark.parametrize(
    ("device", "fault"),
    [
        ('peers = ["HSI"]', "devices/camera.toml: performed_step.peers[0]: no mpps peer of that name"),
        ('report = false\npeers = ["HIS"]', "performed_step.peers: has no meaning with report = false"),
        ("complete_after_min = 0", "performed_step.complete_after_min"),
        ("settle_s = -1", "performed_step.settle_s"),
        ("repotr = true", "did you mean report?"),
    ],
)
def test_faults_of_a_device_name_their_place(tmp_path: Path, device: str, fault: str) -> None:
    assert fault in faults_of(tmp_path, device=f"[performed_step]\n{device}\n")


@pytest.mark.parametrize(
    ("gateway", "fault"),
    [
        (TWO.replace('"RIS"\naddress', '"HIS"\naddress'), "mpps[1].name: mpps[0] has the same name"),
        (TWO.replace("RIS2", "A" * 17), "mpps[1].ae_title"),
        (TWO.replace("[[mpps]]", "[[mmps]]"), "did you mean mpps?"),
        (TWO.replace("2762", "x"), "mpps[1].address"),
    ],
)
def test_faults_of_a_peer_name_their_place(tmp_path: Path, gateway: str, fault: str) -> None:
    assert fault in faults_of(tmp_path, gateway)
