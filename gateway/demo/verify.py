"""What the demo PACS holds, held against what was dropped: the right patient, the same pixels."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import JPEGBaseline8Bit

from gateway.demo.patients import DemoOrder


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether one object at the PACS is what was dropped; `fault` says why not."""

    fault: str
    transfer_syntax: str
    bytes_at_pacs: int


def verify_at_pacs(stored: Path, source: bytes, order: DemoOrder) -> Verdict:
    """Compare the object in `stored` with the dropped file and the order it belongs to.

    Both sides are decoded by libraries: the source by Pillow, the object by pydicom's decoders, or by Pillow too where
    the object carries the camera's own JPEG.
    """
    dataset = dcmread(stored)
    fault = _identity_fault(dataset, order)
    if not fault and not np.array_equal(_object_pixels(dataset), _source_pixels(source)):
        fault = "the pixels differ from the source"
    return Verdict(fault, dataset.file_meta.TransferSyntaxUID.name, stored.stat().st_size)


def _identity_fault(dataset: Dataset, order: DemoOrder) -> str:
    pairs = (
        ("Patient ID", str(dataset.PatientID), order.patient_id),
        ("Accession Number", str(dataset.AccessionNumber), order.accession_number),
        ("Patient's Name", str(dataset.PatientName), order.name),
    )
    return "; ".join(f"{name} is not that of the order" for name, found, wanted in pairs if found != wanted)


def _object_pixels(dataset: Dataset) -> np.ndarray:
    if dataset.file_meta.TransferSyntaxUID == JPEGBaseline8Bit:
        return _source_pixels(next(generate_frames(dataset.PixelData, number_of_frames=1)))
    return np.asarray(dataset.pixel_array)


def _source_pixels(source: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(source)) as picture:
        return np.asarray(picture)
