"""The codecs that ours is measured against, each with its options set to the same work."""

import io
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import gdcm
import rle.rle
from openjpeg.utils import encode_buffer as encode_j2k
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from gateway.codec.encode import encode
from tests.benchmarks.codec_frames import RealFrame

RLE = "1.2.840.10008.1.2.5"
BASELINE = "1.2.840.10008.1.2.4.50"
EXTENDED = "1.2.840.10008.1.2.4.51"
PROCESS_14 = "1.2.840.10008.1.2.4.57"
SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7.4"
_MANY = 9


def seconds() -> float:
    """Processor time of this process: all codecs run on one core, and other work on the machine does not count."""
    return time.process_time()


@dataclass(frozen=True)
class Peer:
    """A named encoder; `run` encodes the frame once and returns (seconds, stream bytes)."""

    name: str
    run: Callable[[], tuple[float, int]]


def write_native(path: Path, frame: RealFrame, count: int) -> None:
    """Write `count` copies of the frame as a native multi-frame object, as the command-line peers want it."""
    fmt = frame.format
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(_SECONDARY_CAPTURE)
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = fmt.rows, fmt.columns, count
    dataset.SamplesPerPixel = fmt.samples_per_pixel
    dataset.PhotometricInterpretation = fmt.photometric_interpretation
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = (
        fmt.bits_allocated,
        fmt.bits_stored,
        fmt.bits_stored - 1,
    )
    dataset.PixelRepresentation = int(fmt.signed)
    if fmt.samples_per_pixel > 1:
        dataset.PlanarConfiguration = 0
    if fmt.photometric_interpretation == "PALETTE COLOR":
        for colour in ("Red", "Green", "Blue"):
            setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(dataset, f"{colour}PaletteColorLookupTableData", bytes(512))
    pixels = frame.pixels.tobytes() * count
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)
    dataset.save_as(path, enforce_file_format=True)


def _timed(work: Callable[[], int]) -> Callable[[], tuple[float, int]]:
    def run() -> tuple[float, int]:
        begin = seconds()
        size = work()
        return seconds() - begin, size

    return run


def dcmtk(frame: RealFrame, folder: Path, command: tuple[str, ...]) -> Peer:
    """A DCMTK tool: what nine frames take longer than one, by eight; its file reading and writing stays in."""
    paths = [(folder / f"native-{count}.dcm", folder / f"out-{count}.dcm") for count in (1, _MANY)]
    for (native, _), count in zip(paths, (1, _MANY), strict=True):
        write_native(native, frame, count)

    def run_once(native: Path, out: Path) -> float:
        begin = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, str(native), str(out)], check=True, capture_output=True, timeout=300)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        return end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime

    def run() -> tuple[float, int]:
        one, many = (run_once(*pair) for pair in paths)
        sizes = [out.stat().st_size for _, out in paths]
        return max(1e-6, (many - one) / (_MANY - 1)), (sizes[1] - sizes[0]) // (_MANY - 1)

    return Peer("DCMTK", run)


_GDCM_SYNTAXES = {
    RLE: gdcm.TransferSyntax.RLELossless,
    BASELINE: gdcm.TransferSyntax.JPEGBaselineProcess1,
    EXTENDED: gdcm.TransferSyntax.JPEGExtendedProcess2_4,
    PROCESS_14: gdcm.TransferSyntax.JPEGLosslessProcess14,
    SV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    JPEG_LS: gdcm.TransferSyntax.JPEGLSLossless,
    JPEG_2000: gdcm.TransferSyntax.JPEG2000Lossless,
}


def gdcm_peer(frame: RealFrame, folder: Path, uid: str) -> Peer | None:
    """GDCM in this process; it aborts on a frame of odd length, which is therefore left out."""
    if frame.format.frame_bytes % 2:
        return None
    native = folder / "gdcm.dcm"
    write_native(native, frame, 1)

    def run() -> tuple[float, int]:
        # read anew each time and not timed: a change alters the image that it was given
        reader = gdcm.ImageReader()
        reader.SetFileName(str(native))
        reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(_GDCM_SYNTAXES[uid]))
        change.SetInput(reader.GetImage())
        begin = seconds()
        if not change.Change():
            return 0.0, 0
        taken = seconds() - begin
        return taken, int(change.GetOutput().GetDataElement().GetSequenceOfFragments().ComputeByteLength())

    return Peer("GDCM", run) if run()[1] else None


def _pylibjpeg_rle(frame: RealFrame) -> Peer:
    fmt, native = frame.format, frame.pixels.tobytes()
    return Peer(
        "pylibjpeg-rle",
        _timed(
            lambda: len(
                rle.rle.encode_frame(native, fmt.rows, fmt.columns, fmt.samples_per_pixel, fmt.bits_allocated, "<")
            )
        ),
    )


def _pillow(frame: RealFrame, subsampling: str) -> Peer:
    def work() -> int:
        out = io.BytesIO()
        chroma = 0 if subsampling == "4:4:4" else 1
        Image.fromarray(frame.pixels).save(out, "JPEG", quality=90, optimize=True, subsampling=chroma)
        return out.tell()

    return Peer("Pillow", _timed(work))


def _pyjpegls(frame: RealFrame) -> Peer:
    return Peer("pyjpegls", _timed(lambda: len(encode(JPEG_LS, frame.pixels, frame.format))))


def _pylibjpeg_openjpeg(frame: RealFrame) -> Peer:
    fmt, native = frame.format, frame.pixels.tobytes()
    is_rgb = fmt.samples_per_pixel > 1
    return Peer(
        "pylibjpeg-openjpeg",
        _timed(
            lambda: len(
                encode_j2k(
                    native,
                    fmt.columns,
                    fmt.rows,
                    fmt.samples_per_pixel,
                    fmt.bits_stored,
                    fmt.signed,
                    photometric_interpretation=int(is_rgb),
                    use_mct=is_rgb,
                )
            )
        ),
    )


_DCMTK_COMMANDS = {
    RLE: ("dcmcrle",),
    BASELINE: ("dcmcjpeg", "+eb", "+q", "90"),
    EXTENDED: ("dcmcjpeg", "+ee", "+bt", "+q", "90"),
    PROCESS_14: ("dcmcjpeg", "+el", "+sv", "4"),
    SV1: ("dcmcjpeg", "+e1"),
    JPEG_LS: ("dcmcjpls", "+el"),
}


def peers_of(uid: str, frame: RealFrame, folder: Path, subsampling: str) -> list[Peer]:
    """All peers that can encode this frame as `uid`."""
    peers: list[Peer | None] = []
    if uid in _DCMTK_COMMANDS:
        command = _DCMTK_COMMANDS[uid]
        if uid == BASELINE and frame.format.samples_per_pixel > 1:
            command = (*command, "+s4" if subsampling == "4:4:4" else "+s2")
        peers.append(dcmtk(frame, folder, command))
    if uid not in {BASELINE, EXTENDED}:
        # its lossy options cannot be set to the same quality from Python
        peers.append(gdcm_peer(frame, folder, uid))
    if uid == RLE:
        peers.append(_pylibjpeg_rle(frame))
    if uid == BASELINE:
        peers.append(_pillow(frame, subsampling))
    if uid == SV1:
        # other codecs, as the price and the prize of a better ratio
        peers += [_pyjpegls(frame), _pylibjpeg_openjpeg(frame)]
    return [peer for peer in peers if peer is not None]
