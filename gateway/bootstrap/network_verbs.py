"""What people ask of the role with the network and the keys: test a destination, ask a worklist now."""

import json
from collections.abc import Mapping, Sequence

from gateway.bootstrap import peer_settings as mapped
from gateway.bootstrap.parts import Parts
from gateway.bootstrap.ris import refresh_stage
from gateway.dicomweb.probe import LAYERS, ProbeStep, probe
from gateway.dimse.echo import EchoStep, echo
from gateway.domain.requests import Request, RequestKind
from gateway.spool.database import Database
from gateway.stages.loop import Beat
from gateway.stages.requests import NetworkVerb


def network_verbs(parts: Parts, database: Database, beat: Beat) -> Mapping[RequestKind, NetworkVerb]:
    """The verbs that need the network and the keys."""

    def test(request: Request) -> tuple[bool, str, str]:
        wanted = request.payload.get("destination", "")
        for one in parts.settings.destination:
            if one.name == wanted and one.kind == "stow":
                return _probe_outcome(probe(mapped.stow_peer(one, parts.credentials)))
            if one.name == wanted:
                return _echo_outcome(echo(mapped.destination_peer(parts.settings, one, parts.credentials)))
        return False, f"There is no destination {wanted}.", ""

    def refresh(request: Request) -> tuple[bool, str, str]:
        wanted = request.payload.get("provider", "")
        named = [one for one in parts.settings.worklist if wanted in ("", one.name)]
        count = sum(refresh_stage(parts, one, database, beat).ask() for one in named)
        return bool(named), f"{count} step(s) of {len(named)} provider(s)", ""

    return {RequestKind.ECHO: test, RequestKind.REFRESH: refresh}


def _echo_outcome(steps: Sequence[EchoStep]) -> tuple[bool, str, str]:
    """A probe as the outcome of a request: a sentence, and the layers as JSON for page and command line."""
    return _outcome(steps, "C-ECHO answered")


def _probe_outcome(steps: Sequence[ProbeStep]) -> tuple[bool, str, str]:
    """As `_echo_outcome`, for a service; the layers that were not reached are told too, for they are its own."""
    passed, sentence, layers = _outcome(steps, f"the service {steps[-1].detail}")
    missing = [{"layer": name, "ok": None, "detail": "not reached"} for name in LAYERS[len(steps) :]]
    return passed, sentence, json.dumps([*json.loads(layers), *missing], ensure_ascii=False)


def _outcome(steps: Sequence[EchoStep] | Sequence[ProbeStep], answered: str) -> tuple[bool, str, str]:
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
