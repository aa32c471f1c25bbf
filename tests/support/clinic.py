"""A clinic behind a link: worklist, PACS and RIS at the end of a cable that can be pulled, and marked pictures."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from click.testing import CliRunner
from PIL import Image
from pydicom import Dataset, dcmread

from gateway.cli.main import main
from tests.peers.chain.box import Box
from tests.support.fault_proxy import FaultProxy
from tests.support.peers import Orthanc

EDGE = 32
_KEY_OBJECT = "1.2.840.10008.5.1.4.1.1.88.59"


class Cable:
    """The one link to everything outside."""

    def __init__(self, proxies: Sequence[FaultProxy]) -> None:
        self._proxies = proxies

    def pull(self) -> None:
        """From now on nothing outside can be reached."""
        for proxy in self._proxies:
            proxy.die()

    def plug(self) -> None:
        """Everything can be reached again."""
        for proxy in self._proxies:
            proxy.revive()


def picture(patient: int, shot: int) -> np.ndarray:
    """A picture that says in its pixels whose it is: the two first ones are `patient` and `shot`, in grey."""
    pixels = np.random.default_rng(100 * patient + shot).integers(0, 256, (EDGE, EDGE, 3), dtype=np.uint8)
    pixels[0, 0], pixels[0, 1] = patient, shot
    return pixels


def png(patient: int, shot: int) -> bytes:
    """The file of `picture`."""
    stream = io.BytesIO()
    Image.fromarray(picture(patient, shot)).save(stream, format="PNG")
    return stream.getvalue()


def read_marker(dataset: Dataset) -> tuple[int, int]:
    """Whose picture an object shows, and which one; the whole picture must be as it was taken."""
    pixels = np.asarray(dataset.pixel_array)
    patient, shot = int(pixels[0, 0, 0]), int(pixels[0, 1, 0])
    assert np.array_equal(pixels, picture(patient, shot))
    return patient, shot


class Archive:
    """What a PACS holds, read back file by file, and what rejection notes say of it."""

    def __init__(self, pacs: Orthanc) -> None:
        everything = [dcmread(io.BytesIO(pacs.file_of(number))) for number in pacs.instances()]
        self.notes = [dataset for dataset in everything if dataset.SOPClassUID == _KEY_OBJECT]
        self.images = {str(one.SOPInstanceUID): one for one in everything if one.SOPClassUID != _KEY_OBJECT}
        self.rejected = {
            str(image.ReferencedSOPInstanceUID)
            for note in self.notes
            for study in note.CurrentRequestedProcedureEvidenceSequence
            for series in study.ReferencedSeriesSequence
            for image in series.ReferencedSOPSequence
        }

    def standing(self) -> list[Dataset]:
        """The images that no note rejects."""
        return [image for uid, image in self.images.items() if uid not in self.rejected]


class Operator:
    """A person at the box: speaks the commands, in this process."""

    def __init__(self, box: Box, name: str) -> None:
        self._box = box
        self.name = name

    def says(self, *words: str) -> str:
        """What ``gateway`` prints for these words; it must succeed."""
        done = CliRunner().invoke(main, ["--config", str(self._box.config), *words])
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.output

    def number_of(self, accession_number: str) -> str:
        """The number of a step on the worklist."""
        lines = self.says("worklist", "--search", accession_number).splitlines()
        return next(line.split()[0] for line in lines if accession_number in line)

    def opens(self, device: str, accession_number: str) -> None:
        """Open the step of an order on a device, and confirm that the patient before is done."""
        self.says("step", "open", device, self.number_of(accession_number), "--confirmed")


def report_order(said: Sequence[tuple[str, str, int]]) -> dict[str, list[str]]:
    """What a RIS took of each performed step, in order, for a test that looks at the order."""
    taken: dict[str, list[str]] = {}
    for what, uid, status in said:
        if status == 0:
            taken.setdefault(uid, []).append(what)
    return taken


def listed_images(there: Any) -> set[str]:
    """The instances that the final list of a performed step names."""
    return {
        str(image.ReferencedSOPInstanceUID)
        for series in there.PerformedSeriesSequence
        for image in series.ReferencedImageSequence
    }
