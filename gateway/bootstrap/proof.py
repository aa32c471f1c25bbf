"""The loops that prove what destinations keep: asking them, and listening for their reports."""

from collections.abc import Mapping
from functools import partial

from gateway.bootstrap import peer_settings as mapped
from gateway.bootstrap.parts import Parts
from gateway.config.destination import Destination
from gateway.config.model import Configuration
from gateway.dimse.listener import Listening, ReportListener
from gateway.domain.errors import ConfigurationError
from gateway.spool.commitments import CommitmentLedger
from gateway.spool.database import Database
from gateway.spool.health import HealthLedger
from gateway.spool.proof_outcomes import ProofPace
from gateway.stages.beat import Beat
from gateway.stages.confirm import CommitmentProver, ConfirmStage, ProofRules, Prover, QueryProver
from gateway.stages.listen import ListenStage, reporter_of_its_own
from gateway.stages.qido_prover import QidoProver
from gateway.stages.retry import BackOff


def unproven_by_status(settings: Configuration) -> list[Destination]:
    """The destinations that must be asked for more than their answer "stored"."""
    return [one for one in settings.destination if one.proof != "status"]


def confirm_stage(parts: Parts, destination: Destination, database: Database, beat: Beat) -> ConfirmStage:
    """The work of one destination's proof loop."""
    policy = destination.commitment
    commitments = CommitmentLedger(database, parts.clock, _paces(parts.settings))
    return ConfirmStage(
        destination=destination.name,
        rules=ProofRules(policy.batch, policy.rounds, BackOff(destination.retry.base_s, destination.retry.cap_s)),
        prover=_prover(parts, destination, commitments, beat),
        commitments=commitments,
        health=HealthLedger(database, parts.clock),
        clock=parts.clock,
    )


def _prover(parts: Parts, destination: Destination, commitments: CommitmentLedger, beat: Beat) -> Prover:
    """What asks for proof in the destination's protocol."""
    if destination.kind == "stow":
        return QidoProver(mapped.stow_peer(destination, parts.credentials), commitments, beat=beat)
    peer = mapped.destination_peer(parts.settings, destination, parts.credentials)
    if destination.proof == "commitment":
        return CommitmentProver(peer, commitments, wait_s=destination.commitment.wait_s, beat=beat)
    return QueryProver(peer, commitments, beat=beat)


def listen_stage(parts: Parts, _: Database, __: Beat) -> ListenStage:
    """The work of the loop that takes commitment reports over new associations."""
    settings, listener = parts.settings, parts.settings.listener
    if listener is None:
        raise ConfigurationError("There is no table listener in the configuration.")
    titles = {settings.station.ae_title, *(one.calling_ae_title for one in settings.destination)} - {""}
    listening = Listening(
        host=listener.host,
        port=listener.port,
        ae_titles=frozenset(titles),
        tls=None if listener.tls is None else mapped.tls_files(listener.tls, parts.credentials),
    )
    take = reporter_of_its_own(partial(Database, settings.spool.path), parts.clock, _paces(settings))
    return ListenStage(ReportListener(listening, take))


def _paces(settings: Configuration) -> Mapping[str, ProofPace]:
    return {
        one.name: ProofPace(
            idle_s=one.commitment.idle_s,
            report_s=one.commitment.report_h * 3600,
            early_s=one.commitment.early_s,
            again_s=one.commitment.again_s,
        )
        for one in settings.destination
    }
