"""Modality Performed Procedure Step as SCU: N-CREATE and N-SET over one association, each with its own answer.

What a status means depends on what was sent before: a repeated N-CREATE that is a duplicate was taken the first time,
and so was a repeated N-SET that comes too late. The tables here say the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode

from gateway.dimse import messages
from gateway.dimse.association import Association
from gateway.dimse.link import Beat, no_beat
from gateway.dimse.messages import Message
from gateway.dimse.negotiation import ContextResult, Proposal
from gateway.dimse.opening import open_association
from gateway.dimse.peer import Peer
from gateway.dimse.rejections import CONTEXT_RESULTS
from gateway.dimse.status import Category, PeerRefused, StatusMeaning
from gateway.domain.errors import Disposition, GatewayError, Phase
from gateway.domain.performed_step import PERFORMED_STEP_UID

N_SET_RQ, N_SET_RSP = 0x0120, 0x8120
N_CREATE_RQ, N_CREATE_RSP = 0x0140, 0x8140
NO_LONGER_UPDATED = 0xA710
"""Error ID of an N-SET to a performed step that is final already (PS3.4 F.7.2.2.3)."""
DUPLICATE, PROCESSING_FAILURE, UNKNOWN_INSTANCE = 0x0111, 0x0110, 0x0112
_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
_LARGEST_ANSWER = 4_194_304
_WITH_DATA_SET = 0x0001
_RETRY, _PARK, _DONE = Disposition.RETRY, Disposition.PARK, Disposition.DONE
_LOG_OF_PEER = "Ask the administrator of the peer to look into its log."
_ALLOW = "Ask the administrator of the peer to allow this box to report performed steps."
_WAITS = "The gateway keeps trying; images are stored all the same."


def _refused(text: str, disposition: Disposition = _PARK, remedy: str = _LOG_OF_PEER) -> StatusMeaning:
    return StatusMeaning(Category.FAILURE, text, disposition, remedy)


def _taken(text: str) -> StatusMeaning:
    return StatusMeaning(Category.WARNING, text, _DONE)


MPPS_STATUS: Mapping[int, StatusMeaning] = MappingProxyType(
    {
        0x0000: StatusMeaning(Category.SUCCESS, "taken", _DONE),
        0x0001: _taken("taken, with an unnamed warning"),
        0x0105: _refused("the peer does not know an attribute of the performed step"),
        0x0106: _refused("the peer finds a value of the performed step invalid"),
        0x0107: _taken("taken, but the peer left out attributes that it does not know"),
        PROCESSING_FAILURE: _refused("the peer failed while processing the performed step", _RETRY, _WAITS),
        DUPLICATE: _refused("the peer already has a performed step of this UID, which this box never sent"),
        UNKNOWN_INSTANCE: _refused("the peer does not know the performed step", _RETRY, "It is created there again."),
        0x0115: _refused("the peer finds an argument of the request invalid"),
        0x0116: _taken("taken, but the peer finds a value out of range"),
        0x0117: _refused("the peer finds the UID of the performed step invalid"),
        0x0118: _refused("the peer does not know the SOP class"),
        0x0119: _refused("the peer holds this UID under another SOP class"),
        0x0120: _refused("the peer misses an attribute in the performed step"),
        0x0121: _refused("the peer misses a value in the performed step"),
        0x0122: _refused("the peer does not take performed steps", _PARK, _ALLOW),
        0x0124: _refused("the peer does not allow this box to report performed steps", _PARK, _ALLOW),
        0x0210: _refused("the peer says that this message was already sent", _RETRY, _WAITS),
        0x0211: _refused("the peer does not know the operation"),
        0x0212: _refused("the peer finds an argument of the request mistyped"),
        0x0213: _refused("the peer is short of resources", _RETRY, _WAITS),
    }
)
"""N-CREATE and N-SET: PS3.4 F.7.2.1.3 and F.7.2.2.3, PS3.7 Annex C."""

FINAL_ALREADY = _refused(
    "the performed step is final there already, and not by this box",
    _PARK,
    "Somebody ended it at the peer. Compare its list of images with that of this box, then retry or leave it.",
)
_UNKNOWN = _refused("the peer answered with a status that the standard does not have")
_UNKNOWN_WARNING = _taken("taken, with a warning that the standard does not have")


def mpps_meaning(status: int) -> StatusMeaning:
    """What `status` (0 to 0xFFFF) of an N-CREATE or N-SET response means by itself; total."""
    row = MPPS_STATUS.get(status)
    if row is not None:
        return row
    return _UNKNOWN_WARNING if status & 0xF000 == 0xB000 else _UNKNOWN  # noqa: PLR2004 - Bxxx, a warning


@dataclass(frozen=True, slots=True)
class MppsOutcome:
    """A peer's answer that counts as taken; `text` says why, where it is not plain success."""

    status: int
    text: str = ""


class MppsSession:
    """One association for reports of performed steps; use it from one thread, close it when done.

    Raises
    ------
    GatewayError
        From `open`: in phase RESOLVE, CONNECT, TLS or NEGOTIATE. From `create` and `update`: in phase TRANSFER or
        RESPONSE without a code when the link failed and the outcome is unknown, with the status as code when the peer
        refused.

    References
    ----------
    PS3.4 Annex F.7; PS3.7 sections 10.1.3 (N-SET) and 10.1.5 (N-CREATE).
    """

    def __init__(self, association: Association, context: ContextResult) -> None:
        self._association = association
        self._context = context

    @classmethod
    def open(cls, peer: Peer, *, beat: Beat = no_beat) -> "MppsSession":
        """Call `peer` and agree on the Performed Procedure Step."""
        association = open_association(peer, (Proposal(PERFORMED_STEP_UID, _SYNTAXES),), beat=beat)
        context = association.agreement.context_for(PERFORMED_STEP_UID, _SYNTAXES)
        if context is None:
            result = association.agreement.contexts[0].result
            association.release()
            raise GatewayError(
                f"{peer.name} does not take performed steps ({CONTEXT_RESULTS.get(result, 'no reason')}).",
                disposition=_PARK,
                phase=Phase.NEGOTIATE,
                remedy="Check address and AE title of the MPPS peer, or take its table out of the configuration.",
                code=f"context {result}",
            )
        return cls(association, context)

    def usable(self) -> bool:
        """Whether the association still stands."""
        return self._association.usable()

    def close(self) -> None:
        """Release the association."""
        self._association.release()

    def create(self, sop_instance_uid: str, attributes: Dataset, *, sent_before: bool) -> MppsOutcome:
        """N-CREATE a performed step.

        Parameters
        ----------
        sop_instance_uid
            Its Affected SOP Instance UID.
        attributes
            The attribute list.
        sent_before
            Whether this box may have sent it already: then a duplicate (0111) is what it made itself.
        """
        command = _command(N_CREATE_RQ, "Affected", sop_instance_uid, self._association.next_message_id())
        answer, status = self._ask(command, attributes, N_CREATE_RSP, "N-CREATE")
        if status == DUPLICATE and sent_before:
            return MppsOutcome(status, "the peer has it since an earlier try")
        return self._outcome(mpps_meaning(status), status, answer)

    def update(self, sop_instance_uid: str, modifications: Dataset, *, maybe_taken: bool) -> MppsOutcome:
        """N-SET a performed step to its final state.

        Parameters
        ----------
        sop_instance_uid
            Its Requested SOP Instance UID.
        modifications
            The modification list.
        maybe_taken
            Whether an earlier try of this message had no answer: then a step that is final already was made so by it.
        """
        command = _command(N_SET_RQ, "Requested", sop_instance_uid, self._association.next_message_id())
        answer, status = self._ask(command, modifications, N_SET_RSP, "N-SET")
        error_id = answer.command.get("ErrorID")
        if status == PROCESSING_FAILURE and error_id in {None, NO_LONGER_UPDATED} and maybe_taken:
            return MppsOutcome(status, "the peer had taken an earlier try whose answer was lost")
        final = status == PROCESSING_FAILURE and error_id == NO_LONGER_UPDATED
        return self._outcome(FINAL_ALREADY if final else mpps_meaning(status), status, answer)

    def _outcome(self, meaning: StatusMeaning, status: int, answer: Message) -> MppsOutcome:
        if meaning.category is Category.FAILURE:
            raise PeerRefused(self._association.peer, meaning, status, answer.comment, Phase.RESPONSE)
        return MppsOutcome(status, "" if meaning.category is Category.SUCCESS else meaning.text)

    def _ask(self, command: Dataset, data: Dataset, response: int, what: str) -> tuple[Message, int]:
        association, peer = self._association, self._association.peer
        encoded = self._encoded(data)
        association.send(self._context.context_id, messages.encode_command(command), encoded)
        answer = association.receive(
            peer.timeouts.for_response(len(encoded)), max_data_bytes=_LARGEST_ANSWER, what=f"the {what}"
        )
        return answer, association.expect(answer, response, int(command.MessageID))

    def _encoded(self, data: Dataset) -> bytes:
        implicit = self._context.transfer_syntax == ImplicitVRLittleEndian
        encoded = encode(data, is_implicit_vr=implicit, is_little_endian=True)
        if encoded is None:
            raise GatewayError(
                "The message about the performed step cannot be encoded.",
                disposition=_PARK,
                phase=Phase.BUILD,
                remedy="Report this as a fault of the gateway; images are stored all the same.",
            )
        return bytes(encoded)


def _command(field: int, role: str, sop_instance_uid: str, message_id: int) -> Dataset:
    """The command set of an N-CREATE-RQ or N-SET-RQ with a data set (PS3.7 sections 10.3.5.1 and 10.3.3.1)."""
    command = Dataset()
    setattr(command, f"{role}SOPClassUID", PERFORMED_STEP_UID)
    command.CommandField = field
    command.MessageID = message_id
    command.CommandDataSetType = _WITH_DATA_SET
    setattr(command, f"{role}SOPInstanceUID", sop_instance_uid)
    return command
