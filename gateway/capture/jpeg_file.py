"""A JPEG file taken apart at its markers (ITU-T T.81 Annex B), without decoding it."""

import struct
from dataclasses import dataclass, field

from gateway.capture.faults import TruncatedInput
from gateway.domain.errors import UnreadableInput

SOI, EOI, SOS, DQT, DHT, DNL, DAC = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDC, 0xCC
APP0, APP1, APP2, APP14, APP15, COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xEF, 0xFE
_TEM, _JPG = 0x01, 0xC8
_RESTARTS = range(0xD0, 0xD8)
_FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, _JPG, DAC}
_HIERARCHICAL = frozenset({0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE, 0xDF})
_MALFORMED = "The JPEG is malformed: {}."


@dataclass(frozen=True, slots=True)
class Component:
    """One component of the frame header: its id, its sampling factors and its quantisation table."""

    id: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """SOFn; `height` is what the picture has, also when it came later in a DNL segment."""

    marker: int
    precision: int
    height: int
    width: int
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """SOS: which components, with which tables as ``(dc, ac)``, and Ss, Se, Ah/Al as they stand."""

    components: tuple[int, ...]
    tables: tuple[tuple[int, int], ...]
    start: int
    end: int
    approximation: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the file: a marker, the fill bytes before it and its payload; with marker 0, coded data."""

    marker: int
    start: int
    payload: int
    end: int


@dataclass(slots=True)
class JpegFile:
    """What the walk from SOI to EOI found; `end` is the offset after EOI."""

    data: bytes
    frame: FrameHeader
    segments: list[Segment] = field(default_factory=list)
    scans: list[Scan] = field(default_factory=list)
    end: int = 0
    stray: bool = False
    has_dnl: bool = False

    def payload(self, segment: Segment) -> bytes:
        """The bytes of a segment after its length."""
        return self.data[segment.payload : segment.end]


def parse_jpeg(data: bytes) -> JpegFile:
    """Walk `data` from SOI to EOI.

    Raises
    ------
    TruncatedInput
        If the data end before EOI.
    UnreadableInput
        If the data are not one JPEG frame with its scans.
    """
    if data[:2] != b"\xff\xd8":
        raise UnreadableInput(_MALFORMED.format("it does not begin with SOI"))
    walker = _Walker(data)
    while not walker.done:
        walker.step()
    return walker.result()


def parse_frame_header(data: bytes) -> FrameHeader:
    """The frame header alone, as far as a file that may still be growing shows it."""
    walker = _Walker(data)
    while walker.frame is None:
        walker.step()
    return walker.frame


class _Walker:
    """The state of the walk; `step` takes the next segment."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 2
        self.done = False
        self.frame: FrameHeader | None = None
        self.segments: list[Segment] = []
        self.scans: list[Scan] = []
        self.stray = False
        self.dnl = 0

    def step(self) -> None:
        start, marker = self._next_marker()
        after = self.position
        if marker == EOI:
            self.done = True
            return
        if marker == SOI:
            raise UnreadableInput(_MALFORMED.format("a second picture begins inside the first"))
        if marker in _RESTARTS or marker == _TEM:
            self.segments.append(Segment(marker, start, after, after))
            return
        end = self._segment_end()
        segment = Segment(marker, start, after + 2, end)
        self.segments.append(segment)
        self.position = end
        self._interpret(segment)

    def result(self) -> JpegFile:
        frame = self.frame
        if frame is None or not self.scans:
            raise UnreadableInput(_MALFORMED.format("it holds no picture"))
        if frame.height == 0:
            frame = FrameHeader(frame.marker, frame.precision, self.dnl, frame.width, frame.components)
        if frame.height == 0 or frame.width == 0:
            raise UnreadableInput(_MALFORMED.format("its size is zero"))
        return JpegFile(self.data, frame, self.segments, self.scans, self.position, self.stray, self.dnl > 0)

    def _next_marker(self) -> tuple[int, int]:
        start = self.data.find(b"\xff", self.position)
        if start < 0:
            raise _truncated()
        self.stray = self.stray or start != self.position
        position = start + 1
        while position < len(self.data) and self.data[position] == 0xFF:  # noqa: PLR2004 - a fill byte
            position += 1
        if position >= len(self.data):
            raise _truncated()
        self.position = position + 1
        if self.data[position] == 0:
            raise UnreadableInput(_MALFORMED.format("coded data stand where a marker should"))
        return start, self.data[position]

    def _segment_end(self) -> int:
        length = self.data[self.position : self.position + 2]
        if len(length) < 2:  # noqa: PLR2004 - a length is two bytes
            raise _truncated()
        end = self.position + int.from_bytes(length)
        if end < self.position + 2:
            raise UnreadableInput(_MALFORMED.format("a segment is shorter than its own length"))
        if end > len(self.data):
            raise _truncated()
        return end

    def _interpret(self, segment: Segment) -> None:
        payload = self.data[segment.payload : segment.end]
        if segment.marker in _HIERARCHICAL:
            raise UnreadableInput("The JPEG is hierarchical, which no receiver of DICOM understands.")
        if segment.marker in _FRAMES:
            if self.frame is not None:
                raise UnreadableInput(_MALFORMED.format("it has two frame headers"))
            self.frame = _frame_header(segment.marker, payload)
        elif segment.marker == SOS:
            if self.frame is None:
                raise UnreadableInput(_MALFORMED.format("a scan comes before the frame header"))
            self.scans.append(_scan_header(payload))
            self._skip_coded_data()
        elif segment.marker == DNL:
            self.dnl = int.from_bytes(payload[:2])

    def _skip_coded_data(self) -> None:
        start = position = self.position
        while True:
            position = self.data.find(b"\xff", position)
            if position < 0 or position + 1 >= len(self.data):
                raise _truncated()
            following = self.data[position + 1]
            if following == 0 or following in _RESTARTS:
                position += 2
            elif following == 0xFF:  # noqa: PLR2004 - a fill byte before a marker
                position += 1
            else:
                break
        self.segments.append(Segment(0, start, start, position))
        self.position = position


def _truncated() -> TruncatedInput:
    return TruncatedInput("The JPEG ends before its end marker.", remedy="Export it again from the device.")


def _frame_header(marker: int, payload: bytes) -> FrameHeader:
    try:
        precision, height, width, count = struct.unpack_from(">BHHB", payload)
        components = tuple(
            Component(payload[at], payload[at + 1] >> 4, payload[at + 1] & 15, payload[at + 2])
            for at in range(6, 6 + 3 * count, 3)
        )
    except (struct.error, IndexError):
        raise UnreadableInput(_MALFORMED.format("its frame header is cut short")) from None
    if not components or any(c.horizontal not in range(1, 5) or c.vertical not in range(1, 5) for c in components):
        raise UnreadableInput(_MALFORMED.format("its frame header names impossible components"))
    return FrameHeader(marker, precision, height, width, components)


def _scan_header(payload: bytes) -> Scan:
    try:
        count = payload[0]
        pairs = [(payload[1 + 2 * i], payload[2 + 2 * i]) for i in range(count)]
        start, end, approximation = payload[1 + 2 * count : 4 + 2 * count]
    except (IndexError, ValueError):
        raise UnreadableInput(_MALFORMED.format("a scan header is cut short")) from None
    return Scan(
        tuple(component for component, _ in pairs),
        tuple((tables >> 4, tables & 15) for _, tables in pairs),
        start,
        end,
        approximation,
    )
