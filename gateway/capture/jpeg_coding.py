"""Whether a camera's JPEG may travel in DICOM as it stands, and that stream without what DICOM does not want in it."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.capture.exif import EXIF_HEADER, UPRIGHT, ExifFacts, exif_facts
from gateway.capture.jpeg_file import APP0, APP1, APP2, APP14, APP15, COM, DHT, DNL, DQT, JpegFile, Segment, parse_jpeg
from gateway.domain.frames import CodedImage, FrameFormat, LossyStep

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_FIRST_ORDER = "1.2.840.10008.1.2.4.70"
JPEG_METHOD = "ISO_10918_1"

_BASELINE, _EXTENDED, _PROGRESSIVE, _LOSSLESS = 0xC0, 0xC1, 0xC2, 0xC3
_PROCESSES = frozenset({_BASELINE, _EXTENDED, _LOSSLESS})
_LOSSLESS_PROCESSES = frozenset({_LOSSLESS, 0xCB})
_COLOUR, _BYTE = 3, 8
_WHOLE_SPECTRUM = (0, 63, 0)
_JFIF, _ADOBE, _ICC = b"JFIF\x00", b"Adobe", b"ICC_PROFILE\x00"
_MONOCHROME, _YCBCR, _RGB, _UNCLEAR = "MONOCHROME2", "YBR_FULL_422", "RGB", ""


@dataclass(frozen=True, slots=True)
class ExaminedJpeg:
    """A JPEG file as the gateway sees it.

    `stream` is free of metadata and decodes by itself; `coded` is None when it may not be wrapped, and then
    `why_decoded` says why.
    """

    stream: bytes
    width: int
    height: int
    samples: int
    precision: int
    exif: ExifFacts
    icc_profile: bytes | None
    lossy: tuple[LossyStep, ...]
    coded: CodedImage | None
    why_decoded: str


def examine_jpeg(data: bytes) -> ExaminedJpeg:
    """Parse, strip and judge a JPEG file (PS3.5 section 8.2.1, A.4.1, A.4.2)."""
    jpeg = parse_jpeg(data)
    exif = _exif(jpeg)
    colour = _colour(jpeg)
    stream = _stripped(jpeg)
    why = next(_objections(jpeg, exif, colour), "")
    samples = 1 if len(jpeg.frame.components) == 1 else _COLOUR
    native = jpeg.frame.width * jpeg.frame.height * samples * (1 if jpeg.frame.precision <= _BYTE else 2)
    lossless = jpeg.frame.marker in _LOSSLESS_PROCESSES
    return ExaminedJpeg(
        stream,
        jpeg.frame.width,
        jpeg.frame.height,
        samples,
        jpeg.frame.precision,
        exif,
        _icc_profile(jpeg),
        () if lossless else (LossyStep(native / len(stream), JPEG_METHOD),),
        None if why else CodedImage(_transfer_syntax(jpeg), _coded_format(jpeg, colour), stream),
        why,
    )


def _objections(jpeg: JpegFile, exif: ExifFacts, colour: str) -> Iterator[str]:
    """Reasons why the stream may not be wrapped as it stands, the first being enough."""
    frame, scan = jpeg.frame, jpeg.scans[0]
    if exif.orientation != UPRIGHT:
        yield f"its EXIF orientation is {exif.orientation}, so it is turned upright"
    if frame.marker == _PROGRESSIVE:
        yield "it is progressive, which DICOM has retired"
    if frame.marker not in _PROCESSES:
        yield "its JPEG process has no transfer syntax"
    if len(frame.components) not in (1, _COLOUR):
        yield f"it has {len(frame.components)} colour components"
    if jpeg.has_dnl:
        yield "its height stands after the picture (DNL)"
    if len(jpeg.scans) > 1 or len(scan.components) != len(frame.components):
        yield "its colours lie in separate scans, which some receivers cannot read"
    if frame.marker != _LOSSLESS and (scan.start, scan.end, scan.approximation) != _WHOLE_SPECTRUM:
        yield "its scan header is not that of a sequential process"
    yield from _table_objections(jpeg)
    yield from _precision_objections(jpeg)
    yield from _colour_objections(jpeg, colour)


def _colour_objections(jpeg: JpegFile, colour: str) -> Iterator[str]:
    lossless = jpeg.frame.marker == _LOSSLESS
    if lossless and jpeg.scans[0].approximation & 15:
        yield "its lossless process drops bits (point transform)"
    if colour == _UNCLEAR:
        yield "its markers contradict each other about its colours"
    if colour == _RGB and not lossless:
        yield "its colours are coded as RGB, which most DICOM objects forbid in JPEG"
    if colour == _YCBCR and lossless:
        yield "it is lossless in YCbCr, which most DICOM objects forbid"


def _table_objections(jpeg: JpegFile) -> Iterator[str]:
    quantisation = dict(_quantisation_tables(jpeg))
    huffman = set(_huffman_tables(jpeg))
    dct = jpeg.frame.marker != _LOSSLESS
    if dct and any(c.table not in quantisation for c in jpeg.frame.components):
        yield "its quantisation tables are missing"
    needed = {(0, dc) for dc, _ in jpeg.scans[0].tables} | (
        {(1, ac) for _, ac in jpeg.scans[0].tables} if dct else set()
    )
    if not needed <= huffman:
        yield "its Huffman tables are missing"
    if jpeg.frame.marker == _BASELINE and (any(quantisation.values()) or any(number > 1 for _, number in needed)):
        yield "its tables are not those of the baseline process"


def _precision_objections(jpeg: JpegFile) -> Iterator[str]:
    precision, marker = jpeg.frame.precision, jpeg.frame.marker
    gray = len(jpeg.frame.components) == 1
    allowed = {_BASELINE: (8,), _EXTENDED: (8, 12) if gray else (8,), _LOSSLESS: range(2, 17)}.get(marker, ())
    if precision not in allowed:
        yield f"its process does not allow {precision} bits per sample"


def _quantisation_tables(jpeg: JpegFile) -> Iterator[tuple[int, int]]:
    """Number and precision (0 for bytes) of every table defined."""
    for segment in jpeg.segments:
        payload = jpeg.payload(segment) if segment.marker == DQT else b""
        at = 0
        while at < len(payload):
            precision, number = payload[at] >> 4, payload[at] & 15
            yield number, precision
            at += 1 + 64 * (2 if precision else 1)


def _huffman_tables(jpeg: JpegFile) -> Iterator[tuple[int, int]]:
    """Class (0 for DC or lossless) and number of every table defined."""
    for segment in jpeg.segments:
        payload = jpeg.payload(segment) if segment.marker == DHT else b""
        at = 0
        while at < len(payload):
            yield payload[at] >> 4, payload[at] & 15
            at += 17 + sum(payload[at + 1 : at + 17])


def _colour(jpeg: JpegFile) -> str:
    """The colour space as decoders understand the markers; ``""`` when they would disagree."""
    if len(jpeg.frame.components) == 1:
        return _MONOCHROME
    jfif = any(_is_jfif(jpeg, segment) for segment in jpeg.segments)
    transforms = {_adobe_transform(jpeg, segment) for segment in jpeg.segments} - {None}
    lossless = jpeg.frame.marker in _LOSSLESS_PROCESSES
    if len(transforms) > 1 or (jfif and transforms and transforms != {1}) or transforms - {0, 1}:
        return _UNCLEAR
    if transforms:
        return _YCBCR if transforms == {1} else _RGB
    if jfif:
        return _YCBCR
    ids = tuple(c.id for c in jpeg.frame.components)
    if ids == tuple(b"RGB") or lossless:
        return _RGB
    return _YCBCR if ids == (1, 2, 3) else _UNCLEAR


def _is_jfif(jpeg: JpegFile, segment: Segment) -> bool:
    return segment.marker == APP0 and jpeg.payload(segment).startswith(_JFIF)


def _adobe_transform(jpeg: JpegFile, segment: Segment) -> int | None:
    payload = jpeg.payload(segment) if segment.marker == APP14 else b""
    return payload[11] if payload.startswith(_ADOBE) and len(payload) >= 12 else None  # noqa: PLR2004 - Adobe TN5116


def _transfer_syntax(jpeg: JpegFile) -> str:
    if jpeg.frame.marker == _LOSSLESS:
        return JPEG_LOSSLESS_FIRST_ORDER if jpeg.scans[0].start == 1 else JPEG_LOSSLESS
    return JPEG_BASELINE if jpeg.frame.marker == _BASELINE else JPEG_EXTENDED


def _coded_format(jpeg: JpegFile, colour: str) -> FrameFormat:
    frame = jpeg.frame
    return FrameFormat(
        rows=frame.height,
        columns=frame.width,
        samples_per_pixel=len(frame.components),
        bits_allocated=8 if frame.precision <= _BYTE else 16,
        bits_stored=frame.precision,
        signed=False,
        photometric_interpretation=colour,
    )


def _exif(jpeg: JpegFile) -> ExifFacts:
    for segment in jpeg.segments:
        if segment.marker == APP1 and jpeg.payload(segment).startswith(EXIF_HEADER):
            return exif_facts(jpeg.payload(segment)[len(EXIF_HEADER) :])
    return ExifFacts()


def _icc_profile(jpeg: JpegFile) -> bytes | None:
    """The profile joined from its numbered chunks; None unless all of them are there."""
    chunks: dict[int, bytes] = {}
    expected = 0
    for segment in jpeg.segments:
        payload = jpeg.payload(segment) if segment.marker == APP2 else b""
        if payload.startswith(_ICC) and len(payload) > len(_ICC) + 2:
            number, expected = payload[len(_ICC)], payload[len(_ICC) + 1]
            chunks[number] = payload[len(_ICC) + 2 :]
    if not chunks or sorted(chunks) != list(range(1, expected + 1)):
        return None
    return b"".join(chunks[number] for number in sorted(chunks))


def _stripped(jpeg: JpegFile) -> bytes:
    """The stream with JFIF and Adobe markers but no other APPn, no comment and nothing after EOI."""
    kept = [b"\xff\xd8"]
    for segment in jpeg.segments:
        if _is_jfif(jpeg, segment):
            kept.append(_jfif_without_thumbnail(jpeg, segment))
        elif segment.marker in (DNL, COM) or APP0 <= segment.marker <= APP15:
            adobe = _adobe_transform(jpeg, segment) is not None
            kept.append(jpeg.data[segment.start : segment.end] if adobe else b"")
        elif jpeg.has_dnl and segment.marker == jpeg.frame.marker:
            kept.append(_with_height(jpeg, segment))
        else:
            kept.append(jpeg.data[segment.start : segment.end])
    return b"".join((*kept, b"\xff\xd9"))


def _jfif_without_thumbnail(jpeg: JpegFile, segment: Segment) -> bytes:
    payload = jpeg.payload(segment)
    if not any(payload[12:14]):
        return jpeg.data[segment.start : segment.end]
    return struct.pack(">BBH", 0xFF, APP0, 16) + payload[:12] + b"\0\0"


def _with_height(jpeg: JpegFile, segment: Segment) -> bytes:
    """The frame header with the height that only came later in a DNL segment."""
    raw = bytearray(jpeg.data[segment.start : segment.end])
    at = segment.payload - segment.start + 1
    raw[at : at + 2] = struct.pack(">H", jpeg.frame.height)
    return bytes(raw)
