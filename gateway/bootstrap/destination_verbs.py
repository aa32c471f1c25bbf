"""What people ask about a destination: whether it answers, and what it accepts. Needs the network and the keys."""

import json
from collections.abc import Mapping, Sequence

from gateway.bootstrap import peer_settings as mapped
from gateway.bootstrap.parts import Parts
from gateway.config.destination import Destination
from gateway.config.model import Configuration
from gateway.dicomweb.probe import LAYERS, ProbeStep, probe
from gateway.dimse.echo import EchoStep, echo
from gateway.dimse.store import UNCOMPRESSED, StoreSession
from gateway.domain.errors import GatewayError
from gateway.domain.requests import Request, RequestKind
from gateway.host.credentials import Credentials
from gateway.objects.iods import iod_named
from gateway.spool.accepted import AcceptedLedger
from gateway.spool.database import Database
from gateway.stages.requests import NetworkVerb

Outcome = tuple[bool, str, str]
"""Whether it went well, a sentence, and a detail as JSON."""


def destination_verbs(parts: Parts, database: Database) -> Mapping[RequestKind, NetworkVerb]:
    """The verbs, as the role with the network carries them out."""

    def test(request: Request) -> Outcome:
        return test_destination(parts.settings, parts.credentials, request.payload.get("destination", ""))

    def learn_anew(request: Request) -> Outcome:
        one = _named(parts.settings, request.payload.get("destination", ""))
        if one is None:
            return _unknown(request.payload.get("destination", ""))
        return _learn(parts, one, AcceptedLedger(database, parts.clock), by=request.filed_by)

    return {RequestKind.ECHO: test, RequestKind.LEARN_ANEW: learn_anew}


def test_destination(settings: Configuration, credentials: Credentials, name: str) -> Outcome:
    """Test a destination, or a peer of the RIS, layer by layer; the layers stand in the detail."""
    one = _named(settings, name)
    if one is None:
        return _test_ris(settings, credentials, name)
    if one.kind == "stow":
        return _probe_outcome(probe(mapped.stow_peer(one, credentials)))
    return _outcome(echo(mapped.destination_peer(settings, one, credentials)), "C-ECHO answered")


def _test_ris(settings: Configuration, credentials: Credentials, name: str) -> Outcome:
    """Test the worklist provider and the peer of performed steps of that name; the first fault ends it."""
    outcome: Outcome = (False, f"There is no destination, worklist or mpps peer {name}.", "")
    for peer in mapped.ris_peers(settings, name, credentials):
        outcome = _outcome(echo(peer), "C-ECHO answered")
        if not outcome[0]:
            return outcome
    return outcome


def _learn(parts: Parts, one: Destination, memory: AcceptedLedger, *, by: str) -> Outcome:
    """Ask a destination now what it accepts, of all classes that are made here or were sent to it."""
    if one.kind == "stow":
        memory.forget(one.name, by=by)
        return (
            True,
            "A service does not say beforehand what it takes. What it refused is forgotten, and tried again.",
            "",
        )
    made = [iod_named(device.settings.object.sop_class).sop_class_uid for device in parts.settings.devices]
    classes = dict.fromkeys([*made, *memory.classes(one.name)])
    syntaxes = mapped.offered_syntaxes(parts.settings, one)
    pairs = [(sop_class, syntax) for sop_class in classes for syntax in syntaxes or UNCOMPRESSED[:1]]
    try:
        with StoreSession.open(mapped.destination_peer(parts.settings, one, parts.credentials), pairs) as session:
            said = {pair: pair[1] in session.accepted(pair[0]) for pair in pairs if session.proposed(*pair)}
            said |= {(uid, syntax): True for uid in classes for syntax in session.accepted(uid)}
            longest = session.peer_max_pdu_bytes
    except GatewayError as fault:
        return False, f"{fault} What was known before stays.", ""
    memory.forget(one.name, by=by)
    memory.learn(one.name, said, longest)
    return True, f"{one.name} takes {sum(said.values())} of {len(said)} kinds that were offered.", ""


def _named(settings: Configuration, name: str) -> Destination | None:
    return next((one for one in settings.destination if one.name == name), None)


def _unknown(name: str) -> Outcome:
    return False, f"There is no destination {name}.", ""


def _probe_outcome(steps: Sequence[ProbeStep]) -> Outcome:
    """The layers of a service; those that were not reached are told too, for they are its own."""
    passed, sentence, layers = _outcome(steps, f"the service {steps[-1].detail}")
    missing = [{"layer": name, "ok": None, "detail": "not reached"} for name in LAYERS[len(steps) :]]
    return passed, sentence, json.dumps([*json.loads(layers), *missing], ensure_ascii=False)


def _outcome(steps: Sequence[EchoStep] | Sequence[ProbeStep], answered: str) -> Outcome:
    """A probe as the outcome of a request: a sentence, and the layers as JSON for page and command line."""
    last = steps[-1]
    layers = [
        {
            "layer": step.layer,
            "ok": step.ok,
            "detail": f"{step.detail} {step.remedy}".rstrip(),
            "ms": round(step.milliseconds, 1),
        }
        for step in steps
    ]
    sentence = answered if last.ok else f"failed at {last.layer}: {last.detail} {last.remedy}".rstrip()
    return last.ok, sentence, json.dumps(layers, ensure_ascii=False)
