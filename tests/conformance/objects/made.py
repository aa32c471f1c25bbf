"""Objects written to files for foreign tools, and what those tools say about them."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image
from rle.utils import encode_pixel_data

from gateway.domain.frames import FrameFormat
from gateway.domain.objects import ObjectOrder
from gateway.objects.build import build
from gateway.objects.transcode import Recoding, recode
from gateway.objects.write import write_object
from tests.unit.objects.orders import EXPLICIT, JPEG, RLE, frame

_FINDING = re.compile(r"(?:^| - )(?:Error|Abort) - ")


def validator_findings(tool: str, *paths: Path) -> list[str]:
    """Lines of error of a dicom3tools program; its exit status says nothing."""
    program = Path(sys.prefix) / "bin" / tool
    arguments = [str(program), *(str(path) for path in paths)]
    finished = subprocess.run(arguments, capture_output=True, check=False, text=True, errors="replace")
    lines = (finished.stdout + finished.stderr).splitlines()
    return [line for line in lines if _FINDING.search(line)]


def tool_output(*arguments: str | Path) -> str:
    """What a DCMTK program prints; fails where the program does."""
    finished = subprocess.run(
        [str(a) for a in arguments], capture_output=True, check=False, text=True, errors="replace"
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout + finished.stderr


def jpeg(fmt: FrameFormat, number: int = 0) -> bytes:
    """A camera-like baseline JPEG (4:2:0 where coloured) of a smooth picture."""
    down, across = np.mgrid[0 : fmt.rows, 0 : fmt.columns]
    planes = [(down * 5 + number) % 256, (across * 4) % 256, (down + across) % 256][: fmt.samples_per_pixel]
    picture = np.stack(planes, axis=-1).astype(np.uint8).squeeze()
    stream = BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def rle(fmt: FrameFormat, native: bytes) -> bytes:
    """A frame coded by a foreign RLE encoder."""
    return bytes(
        encode_pixel_data(
            native,
            byteorder="<",
            rows=fmt.rows,
            columns=fmt.columns,
            samples_per_pixel=fmt.samples_per_pixel,
            bits_allocated=fmt.bits_allocated,
        )
    )


def frames_of(order: ObjectOrder) -> Iterator[bytes]:
    """The frames of an order in its transfer syntax."""
    for number in range(order.frame_count):
        if order.transfer_syntax_uid == JPEG:
            yield jpeg(order.format, number)
        elif order.transfer_syntax_uid == RLE:
            yield rle(order.format, frame(order.format, number))
        else:
            yield frame(order.format, number)


def made(order: ObjectOrder, path: Path) -> Path:
    """Build and write the object of `order`."""
    with path.open("wb") as target:
        write_object(build(order).dataset, order.transfer_syntax_uid, frames_of(order), order.frame_count, target)
    return path


def series(orders: Sequence[ObjectOrder], folder: Path) -> list[Path]:
    """The objects of several orders as one series."""
    first = orders[0].identity
    paths = []
    for number, order in enumerate(orders, start=1):
        identity = replace(
            order.identity,
            study_instance_uid=first.study_instance_uid,
            series_instance_uid=first.series_instance_uid,
            instance_number=number,
        )
        paths.append(made(replace(order, identity=identity), folder / f"{number}.dcm"))
    return paths


def uncompressed(source: Path, target: BinaryIO, syntax: str = EXPLICIT) -> None:
    """Write the copy of an object whose frames stand as they are."""
    recode(
        source,
        target,
        lambda _, fmt: Recoding(syntax, fmt.photometric_interpretation, lambda frame: frame),
        without_pixels=syntax,
    )
