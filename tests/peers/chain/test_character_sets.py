"""wlmscpfs telling the truth about its character set, hiding it and lying: names arrive right, or with a fault said."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from pydicom import Dataset, dcmread

from tests.peers.chain.box import Box, Peer, photo_device
from tests.peers.chain.orders import CYRILLIC, HINDI, JAPANESE, PLAIN, entry
from tests.peers.images import exported
from tests.support.peers import Orthanc, WorklistScp
from tests.support.pki import make_pki

NAMES = (HINDI, JAPANESE, CYRILLIC, PLAIN)
MODES = {"honest": "-csk", "silent": "-cs0", "lying": "-cs1", "unassumed": "-cs0"}


def number_of(mode: str, place: int) -> int:
    """Order numbers that tell mode and name."""
    return 10 * (1 + list(MODES).index(mode)) + place


@pytest.fixture(scope="module")
def met(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Box, dict[str, Dataset]]]:
    """A box that asked all modes and sent a picture for every entry; what the PACS holds, by accession number."""
    root = tmp_path_factory.mktemp("sets")
    pki = make_pki(root / "pki")
    folders = {mode: root / mode for mode in MODES}
    scps = {
        mode: WorklistScp(
            folders[mode], [entry(number_of(mode, place), name) for place, name in enumerate(NAMES)],
            character_set=option,
        )
        for mode, option in MODES.items()
    }  # fmt: skip
    assumed = 'assumed_character_set = "ISO_IR 192"\n'
    with (
        Orthanc(root / "pacs", pki) as pacs,
        scps["honest"], scps["silent"], scps["lying"], scps["unassumed"],
    ):  # fmt: skip
        peers = [Peer("destination", "main", pacs.port, pacs.ae_title, tls=True)]
        peers += [
            Peer("worklist", mode, scp.port, scp.ae_title, more="" if mode == "unassumed" else assumed)
            for mode, scp in scps.items()
        ]
        box = Box(root / "box", pki.folder, peers, {"photo": photo_device()})
        yield box, _pictures_of_all(box, pacs)


def _pictures_of_all(box: Box, pacs: Orthanc) -> dict[str, Dataset]:
    count = len(MODES) * len(NAMES)
    data = exported()["odd-png"].data
    with box.running():
        box.until(lambda: len(list(box.status().steps())) == count, "not all entries came")
        for mode in MODES:
            for place in range(len(NAMES)):
                # a byte after the end keeps the files apart; a picture's decoder does not mind
                box.drop("photo", f"ACC{number_of(mode, place)}.png", data + bytes([number_of(mode, place)]))
        unusable = len(NAMES) - 1
        box.until(lambda: len(list(box.status().acquisitions(state="held"))) == unusable, "not three holds")
        box.until(lambda: box.stored_at("main") == count - unusable, "not everything was sent")
    held = [dcmread(BytesIO(pacs.file_of(number))) for number in pacs.instances()]
    return {str(dataset.AccessionNumber): dataset for dataset in held}


@pytest.mark.parametrize("mode", ["honest", "silent", "lying"])
def test_names_arrive_right(met: tuple[Box, dict[str, Dataset]], mode: str) -> None:
    _, held = met
    for place, name in enumerate(NAMES):
        found = held[f"ACC{number_of(mode, place)}"]
        assert str(found.PatientName) == name
        assert found.StudyDescription == "Photographs, जाँच"
        assert found.SpecificCharacterSet == "ISO_IR 192"


def test_what_was_not_labelled_truly_is_flagged(met: tuple[Box, dict[str, Dataset]]) -> None:
    box, _ = met
    faults = {step.accession_number: step.faults for step in box.status().steps()}
    for place, name in enumerate(NAMES):
        assert not faults[f"ACC{number_of('honest', place)}"]
        for mode in ("silent", "lying"):
            assert faults[f"ACC{number_of(mode, place)}"], (mode, name)


def test_a_name_that_cannot_be_read_is_never_guessed(met: tuple[Box, dict[str, Dataset]]) -> None:
    """Without an assumption the unlabelled names are unknown: their pictures wait, and the one in ASCII goes on."""
    box, held = met
    waiting = {row.display_name for row in box.status().acquisitions(state="held")}
    assert waiting == {f"ACC{number_of('unassumed', place)}.png" for place in range(3)}
    assert str(held[f"ACC{number_of('unassumed', 3)}"].PatientName) == PLAIN
    assert any("cannot be used" in issue.text for issue in box.status().issues())


def test_nothing_was_garbled_on_the_way(met: tuple[Box, dict[str, Dataset]]) -> None:
    _, held = met
    assert {str(dataset.PatientName) for dataset in held.values()} == set(NAMES)
