"""Small valid Part 10 files, made by pydicom alone."""

from pathlib import Path

from pydicom import Dataset
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid


def secondary_capture(
    path: Path, *, transfer_syntax: UID = ExplicitVRLittleEndian, rows: int = 8, columns: int = 8, pixels: bytes = b""
) -> tuple[str, str, str]:
    """Write a Secondary Capture instance; return SOP class UID, SOP Instance UID and transfer syntax UID."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = transfer_syntax
    dataset = FileDataset(str(path), Dataset(), file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID = "Test^Peer", "P1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.ConversionType = "OT", "WSD"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = rows, columns, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = pixels or bytes(rows * columns)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = transfer_syntax.is_encapsulated
    dataset.save_as(path, enforce_file_format=True)
    return str(SecondaryCaptureImageStorage), str(meta.MediaStorageSOPInstanceUID), str(transfer_syntax)
