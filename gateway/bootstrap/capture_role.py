"""The capturing role of one device."""

from functools import partial

from gateway.bootstrap.capture_settings import source_settings
from gateway.bootstrap.parts import LONG_BOUND_S, LoopPlan, Parts
from gateway.bootstrap.scanning import code_reader
from gateway.capture.registry import open_source
from gateway.config.device import Device
from gateway.config.scanner import Scanner
from gateway.domain.identifiers import DeviceName
from gateway.spool.captures import CaptureLedger, DeviceMemory
from gateway.spool.database import Database
from gateway.spool.health import HealthLedger
from gateway.spool.requests import SpoolRequestDesk
from gateway.stages.beat import Beat
from gateway.stages.capture import CaptureStage
from gateway.stages.scan import ScanStage


def works(parts: Parts, device: str) -> list[LoopPlan]:
    """The loop of a device, and those of the scanners that open steps on it."""
    scanners = [one for one in parts.settings.scanner if one.device == device]
    return [
        LoopPlan("capture", partial(capture_stage, parts, parts.settings.device(device)), LONG_BOUND_S),
        *(LoopPlan(f"scan {one.name}", partial(scan_stage, parts, one)) for one in scanners),
    ]


def capture_stage(parts: Parts, device: Device, database: Database, beat: Beat) -> CaptureStage:
    """The work of one device's loop."""
    name = DeviceName(device.name)
    return CaptureStage(
        device=name,
        source=open_source(
            device.settings.source.kind,
            source_settings(device),
            memory=DeviceMemory(database, name, parts.clock),
            clock=parts.clock,
        ),
        captures=CaptureLedger(database, parts.clock),
        files=parts.files,
        health=HealthLedger(database, parts.clock),
        clock=parts.clock,
        passage=parts.passage,
        beat=beat,
    )


def scan_stage(parts: Parts, scanner: Scanner, database: Database, beat: Beat) -> ScanStage:
    """The work of one scanner's loop."""
    from gateway.capture.serial_codes import CodeLine, SerialCodes  # noqa: PLC0415 - few devices have a scanner

    line = CodeLine(
        name=scanner.name,
        port=scanner.port,
        baud=scanner.baud,
        data_bits=scanner.data_bits,
        parity=scanner.parity,
        stop_bits=scanner.stop_bits,
        terminator=scanner.terminator,
    )
    return ScanStage(
        name=scanner.name,
        device=scanner.device,
        codes=SerialCodes(line),
        read_code=code_reader(parts.settings),
        desk=SpoolRequestDesk(parts.settings.spool.path, parts.clock),
        health=HealthLedger(database, parts.clock),
        beat=beat,
    )
