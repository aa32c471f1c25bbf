"""Decoders that are programs or libraries of others, reached through DICOM files as a receiver would."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, generate_uid

from gateway.codec.registry import encoded_photometric
from gateway.domain.frames import FrameFormat

_SECONDARY_CAPTURE = UID("1.2.840.10008.5.1.4.1.1.7.4")
DCMTK_TOOLS = {
    "1.2.840.10008.1.2.5": "dcmdrle",
    "1.2.840.10008.1.2.4.50": "dcmdjpeg",
    "1.2.840.10008.1.2.4.51": "dcmdjpeg",
    "1.2.840.10008.1.2.4.57": "dcmdjpeg",
    "1.2.840.10008.1.2.4.70": "dcmdjpeg",
    "1.2.840.10008.1.2.4.80": "dcmdjpls",
}


def write_object(path: Path, uid: str, fmt: FrameFormat, streams: Sequence[bytes]) -> None:
    """Write encoded frames as one multi-frame object."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(uid)
    meta.MediaStorageSOPClassUID = _SECONDARY_CAPTURE
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = fmt.rows, fmt.columns, len(streams)
    dataset.SamplesPerPixel = fmt.samples_per_pixel
    dataset.PhotometricInterpretation = encoded_photometric(uid, fmt)
    if fmt.samples_per_pixel > 1:
        dataset.PlanarConfiguration = 0  # as our objects say for every syntax, RLE too (VL Image allows no other)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = (
        fmt.bits_allocated,
        fmt.bits_stored,
        fmt.bits_stored - 1,
    )
    dataset.PixelRepresentation = int(fmt.signed)
    if fmt.photometric_interpretation == "PALETTE COLOR":
        for colour in ("Red", "Green", "Blue"):
            setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(dataset, f"{colour}PaletteColorLookupTableData", bytes(512))
    dataset.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2) for stream in streams])
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path, enforce_file_format=True)


def decode_with_dcmtk(path: Path, uid: str, fmt: FrameFormat, count: int) -> NDArray[np.integer]:
    """Decode all frames with DCMTK's tool for the syntax; shape (frames, rows, columns, samples)."""
    native = path.with_suffix(".native.dcm")
    command = [DCMTK_TOOLS[uid], str(path), str(native)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    dataset = dcmread(native)
    dtype = np.dtype(f"<{'i' if fmt.signed else 'u'}{dataset.BitsAllocated // 8}")
    length = count * fmt.rows * fmt.columns * fmt.samples_per_pixel * dtype.itemsize
    assert dataset.BitsAllocated == fmt.bits_allocated
    return _interleaved(bytes(dataset.PixelData)[:length], dtype, fmt, count, dataset.get("PlanarConfiguration", 0))


def decode_with_gdcm(path: Path, fmt: FrameFormat, count: int) -> NDArray[np.integer]:
    """Decode all frames with GDCM; shape (frames, rows, columns, samples)."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read(), "GDCM does not read the object"
    image = reader.GetImage()
    buffer = image.GetBuffer().encode("utf-8", "surrogateescape")
    pixel_format = image.GetPixelFormat()
    assert pixel_format.GetBitsAllocated() == fmt.bits_allocated
    dtype = np.dtype(f"<{'i' if fmt.signed else 'u'}{fmt.bits_allocated // 8}")
    return _interleaved(buffer, dtype, fmt, count, image.GetPlanarConfiguration())


def gdcm_can_read(uid: str, fmt: FrameFormat, stream: bytes) -> bool:
    """Tell whether GDCM can be the judge: what it leaves out it leaves out for streams of DCMTK just the same.

    It refuses RLE that is longer than the native frame, takes the planes of 16-bit colour RLE for something else, and
    aborts on frames of odd length.
    """
    if fmt.frame_bytes % 2:
        return False
    if uid != "1.2.840.10008.1.2.5":
        return True
    return len(stream) < fmt.frame_bytes and not (fmt.samples_per_pixel > 1 and fmt.bits_allocated == 16)


def _interleaved(
    buffer: bytes, dtype: np.dtype[np.integer], fmt: FrameFormat, count: int, planar: int
) -> NDArray[np.integer]:
    values = np.frombuffer(buffer, dtype)
    if planar:
        return values.reshape(count, fmt.samples_per_pixel, fmt.rows, fmt.columns).transpose(0, 2, 3, 1)
    return values.reshape(count, fmt.rows, fmt.columns, fmt.samples_per_pixel)
