"""Makes an object of another SOP class for a destination that refuses the device's own, where the settings name one."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from gateway.capture.image_files import open_picture
from gateway.codec.errors import CodecError
from gateway.domain.errors import ConfigurationError, Disposition, GatewayError, InvalidObject, Phase
from gateway.domain.frames import Picture
from gateway.domain.identifiers import Uid
from gateway.domain.instance import SpooledObject
from gateway.objects.profile import as_class
from gateway.spool.fallbacks import FallbackLedger, RefusedClass, StandInInstance
from gateway.stages.beat import Beat
from gateway.stages.build import ObjectBuilder, Plan, Subject, without_compression
from gateway.stages.decide import DeviceRules
from gateway.stages.sources import Sources

_log = logging.getLogger(__name__)
_REST_S = 30.0


class FallbackStage:
    """The work of the loop of the assembling role that meets refused classes."""

    def __init__(
        self,
        *,
        ledger: FallbackLedger,
        sources: Sources,
        refused: Callable[[str, str], frozenset[str]],
        builder: ObjectBuilder,
        beat: Beat,
    ) -> None:
        """`refused` names the transfer syntaxes that a destination refuses for a SOP class."""
        self._ledger = ledger
        self._sources = sources
        self._refused = refused
        self._builder = builder
        self._beat = beat

    def round(self) -> float:
        """Make the object for the oldest refused delivery, or say why not; rest when there is none."""
        refused = self._ledger.next_refused()
        if refused is None:
            return _REST_S
        try:
            self._make(refused)
        except GatewayError as fault:
            if fault.disposition in (Disposition.HALT, Disposition.RETRY) and not isinstance(fault, ConfigurationError):
                raise
            _log.error("delivery=%d fallback=no error=%s", refused.delivery, fault.message)
            self._ledger.refused(refused, fault)
        self._beat()
        return 0.0

    def close(self) -> None:
        """Nothing to release."""

    def _make(self, refused: RefusedClass) -> None:
        if refused.perhaps_there:
            raise InvalidObject(
                f"{refused.destination} may hold the first object: a try ended without an answer, or a stick holds it.",
                remedy="Ask its administrator for this SOP Instance UID; then retry or drop the delivery.",
                phase=Phase.SPOOL,
            )
        made, spooled, new = self._frozen(refused)
        if not self._ledger.moved(refused, made, spooled):
            _log.info("delivery=%d fallback=no longer wanted", refused.delivery)
            if new:
                self._sources.files.remove(spooled.path)
            return
        _log.warning(
            "delivery=%d refused_class=%s sop_class=%s sop_instance=%s",
            refused.delivery,
            refused.refused_class_uid,
            spooled.sop_class_uid,
            made.identity.sop_instance_uid,
        )

    def _frozen(self, refused: RefusedClass) -> tuple[StandInInstance, SpooledObject, bool]:
        """The instance that stands in, made unless another destination wanted it before; whether it is new."""
        claimed, device = self._sources.of(refused.acquisition, kept=refused.source_kept)
        device = replace(device, profile=as_class(device.profile, refused.sop_class_uid))
        path = self._sources.files.absolute(claimed.acquisition.path)
        picture = open_picture(path, max_pixels=device.max_pixels)
        plan = self._plan(refused, picture, device)
        made = self._ledger.reserve(refused, plan.sop_class_uid)
        if made.spooled is not None:
            return made, made.spooled, False
        about = self._sources.about(claimed, made.study_started_at)
        write = partial(
            self._builder.write, picture=picture, profile=device.profile, identity=made.identity, about=about
        )
        try:
            return made, self._written(plan, made, about, write), True
        except CodecError as fault:  # the pixels are sound: only their compression is at fault
            return made, self._written(without_compression(plan, picture, fault), made, about, write), True

    def _plan(self, refused: RefusedClass, picture: Picture, device: DeviceRules) -> Plan:
        policy = device.encoding_for.get(refused.destination, device.encoding)
        encoding = replace(policy, refused=self._refused(refused.destination, refused.sop_class_uid))
        return self._builder.plan(picture, device.profile, encoding, None, lossy=device.lossy)

    def _written(
        self, plan: Plan, made: StandInInstance, about: Subject, write: Callable[..., tuple[str, ...]]
    ) -> SpooledObject:
        files = self._sources.files
        with files.new_file() as (stream, temporary):
            write(plan, target=stream)
        path, digest, size = files.place_object(temporary, about.captured_at, made.identity.sop_instance_uid)
        return SpooledObject(path, digest, size, plan.sop_class_uid, Uid(plan.transfer_syntax_uid))
