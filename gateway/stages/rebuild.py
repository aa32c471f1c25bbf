"""Makes damaged spooled objects again from their acquisitions, as long as those are whole and nobody saw the first."""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from gateway.capture.image_files import open_picture
from gateway.codec.errors import CodecError
from gateway.domain.errors import Disposition, GatewayError, InvalidObject, Phase
from gateway.domain.identifiers import Uid
from gateway.domain.instance import SpooledObject
from gateway.domain.objects import Station
from gateway.objects.profile import as_class
from gateway.objects.rejection_note import write_rejection_note
from gateway.spool.acquisitions import ClaimedAcquisition
from gateway.spool.files import digest_of, is_whole, make_folder, storage_faults
from gateway.spool.rebuilds import DamagedInstance, RebuildLedger
from gateway.spool.rejections import RejectionLedger
from gateway.stages.beat import Beat
from gateway.stages.build import ObjectBuilder
from gateway.stages.decide import DeviceRules
from gateway.stages.encoding import EncodingPolicy, is_native
from gateway.stages.reject import order_of
from gateway.stages.sources import Sources

_log = logging.getLogger(__name__)
_REST_S = 30.0
DAMAGED = "damaged"
"""Folder of spooled objects that were not as they were frozen, kept for whoever looks into it."""


class RebuildStage:
    """The work of the rebuilding loop."""

    def __init__(
        self,
        *,
        rebuilds: RebuildLedger,
        sources: Sources,
        notes: RejectionLedger,
        station: Station,
        builder: ObjectBuilder,
        beat: Beat,
    ) -> None:
        self._rebuilds = rebuilds
        self._sources = sources
        self._files = sources.files
        self._notes = notes
        self._station = station
        self._builder = builder
        self._beat = beat

    def round(self) -> float:
        """Make the oldest damaged object again, or say why not; rest when there is none."""
        damaged = self._rebuilds.next_damaged()
        if damaged is None:
            return _REST_S
        uid = damaged.identity.sop_instance_uid
        try:
            done = self._rebuild(damaged)
        except GatewayError as fault:
            if fault.disposition in (Disposition.HALT, Disposition.RETRY):
                raise
            _log.error("sop_instance=%s rebuilt=no error=%s", uid, fault.message)
            self._rebuilds.refused(damaged, fault)
            done = True
        self._beat()
        return 0.0 if done else 1.0

    def close(self) -> None:
        """Nothing to release."""

    def _rebuild(self, damaged: DamagedInstance) -> bool:
        frozen = self._files.absolute(damaged.spooled.path)
        if is_whole(frozen, damaged.spooled.digest):
            return self._rebuilds.rebuilt(damaged, damaged.spooled, _nothing)
        write = self._writer_of(damaged)
        with self._files.new_file() as (stream, temporary):
            syntax = write(stream)
        digest, size = digest_of(temporary), temporary.stat().st_size
        if digest != damaged.spooled.digest and damaged.may_be_seen:
            temporary.unlink(missing_ok=True)
            raise InvalidObject(
                "Made again it has other bytes than before, and the first ones were sent or exported, or may have been:"
                " one SOP Instance UID never names two objects.",
                remedy="Look whether the PACS has it. If so, drop the delivery with that as the reason.",
                phase=Phase.SPOOL,
            )
        spooled = SpooledObject(damaged.spooled.path, digest, size, damaged.spooled.sop_class_uid, syntax)
        done = self._rebuilds.rebuilt(damaged, spooled, lambda: self._put_in_place(damaged, temporary))
        if not done:
            temporary.unlink(missing_ok=True)
        else:
            _log.warning(
                "sop_instance=%s rebuilt=yes same=%s",
                damaged.identity.sop_instance_uid,
                digest == damaged.spooled.digest,
            )
        return done

    def _writer_of(self, damaged: DamagedInstance) -> Callable[[BinaryIO], Uid]:
        """What writes the object once more: a rejection note comes from the ledger, all else from its acquisition."""
        note = self._notes.of_instance(damaged.identity.instance_id)
        if note is not None:
            order = order_of(note, self._station)
            return lambda stream: Uid(write_rejection_note(order, stream))
        claimed, device = self._sources.of(damaged.acquisition, kept=damaged.source_kept)
        return lambda stream: self._write(damaged, claimed, device, stream)

    def _write(
        self, damaged: DamagedInstance, claimed: ClaimedAcquisition, device: DeviceRules, stream: BinaryIO
    ) -> Uid:
        """Write the object as it was first made: the same identity, subject, moments and transfer syntax."""
        picture = open_picture(self._files.absolute(claimed.acquisition.path), max_pixels=device.max_pixels)
        frozen = damaged.spooled
        native = is_native(frozen.transfer_syntax_uid)
        policy = EncodingPolicy("none") if native else EncodingPolicy("list", (frozen.transfer_syntax_uid,))
        profile = as_class(device.profile, frozen.sop_class_uid) if damaged.stands_in else device.profile
        plan = self._builder.plan(picture, profile, policy, None, lossy=device.lossy)
        if plan.sop_class_uid != frozen.sop_class_uid:
            raise InvalidObject(
                "The device's profile asks for another SOP Class by now.",
                remedy="Set the profile back to what it was, then ask: gateway queue rebuild",
                phase=Phase.CONFIGURE,
            )
        about = self._sources.about(claimed, damaged.study_started_at)
        try:
            self._builder.write(plan, picture, profile=profile, identity=damaged.identity, about=about, target=stream)
        except CodecError as fault:
            raise InvalidObject(f"Its pixels could not be compressed again: {fault.message}") from fault
        return Uid(plan.transfer_syntax_uid)

    def _put_in_place(self, damaged: DamagedInstance, temporary: Path) -> None:
        """Keep the damaged file aside and give its name to the new one, without a moment in which there is neither."""
        path = self._files.absolute(damaged.spooled.path)
        aside = self._files.absolute(f"{DAMAGED}/{damaged.identity.sop_instance_uid}.{damaged.tries + 1}")
        with storage_faults():
            make_folder(aside.parent)
            if path.is_file() and not aside.exists():
                os.link(path, aside)
        folder, _, name = damaged.spooled.path.rpartition("/")
        self._files.place(temporary, folder, name)


def _nothing() -> None:
    """Leave the file as it is: it reads as it was frozen after all."""
