"""What people ask of the role with the network and the keys: test a destination, ask a worklist now."""

import json
from collections.abc import Mapping, Sequence

from gateway.bootstrap.destination_verbs import destination_verbs
from gateway.bootstrap.parts import Parts
from gateway.bootstrap.ris import refresh_stage
from gateway.domain.errors import GatewayError
from gateway.domain.requests import Request, RequestKind
from gateway.spool.database import Database
from gateway.stages.beat import Beat
from gateway.stages.refresh import RefreshStage
from gateway.stages.requests import NetworkVerb
from gateway.worklist.query import WorklistFilter

_ASKED = ("patient_id", "accession_number", "requested_procedure_id", "patient_name")
_LONGEST = 64


def network_verbs(parts: Parts, database: Database, beat: Beat) -> Mapping[RequestKind, NetworkVerb]:
    """The verbs that need the network and the keys."""

    def refresh(request: Request) -> tuple[bool, str, str]:
        wanted = request.payload.get("provider", "")
        named = [one for one in parts.settings.worklist if wanted in ("", one.name)]
        count = sum(refresh_stage(parts, one, database, beat).ask() for one in named)
        return bool(named), f"{count} step(s) of {len(named)} provider(s)", ""

    def look_up(request: Request) -> tuple[bool, str, str]:
        wanted = WorklistFilter(
            **{key: request.payload.get(key, "").strip() for key in _ASKED}  # type: ignore[arg-type]  # texts all
        )
        provider = request.payload.get("provider", "")
        named = [one for one in parts.settings.worklist if provider in ("", one.name)]
        stages = [(one.name, refresh_stage(parts, one, database, beat)) for one in named]
        return looked_up(wanted, stages)

    return {**destination_verbs(parts, database), RequestKind.REFRESH: refresh, RequestKind.LOOK_UP: look_up}


def looked_up(wanted: WorklistFilter, stages: Sequence[tuple[str, RefreshStage]]) -> tuple[bool, str, str]:
    """Ask every provider for one patient or order; one that fails does not keep the others from answering.

    The detail is JSON: the keys of the steps found, for page and command line to show them beside the cache.
    """
    asked = (wanted.patient_id, wanted.accession_number, wanted.requested_procedure_id, wanted.patient_name)
    if not stages:
        return False, "There is no worklist provider of that name that could be asked.", ""
    if not any(text.strip("*?^ ") for text in asked):
        return False, "Say whom to look for: a patient id, an accession number, a procedure id or a name.", ""
    if not all(text.isprintable() and "\\" not in text and len(text) <= _LONGEST for text in asked):
        return False, f"What is looked for is plain text of at most {_LONGEST} characters.", ""
    told, keys, answered = [], [], False
    for name, stage in stages:
        try:
            steps, note = stage.look_up(wanted)
        except GatewayError as fault:
            told.append(f"{name}: {fault}")
            continue
        answered = True
        told.append(f"{name}: {len(steps)} step(s) found{f', and maybe more: {note}' if note else ''}.")
        keys += [[step.key.provider, step.key.study_instance_uid, step.key.step_id] for step in steps]
    return answered, " ".join(told), json.dumps(keys)
