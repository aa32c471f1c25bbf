"""What a person asks of the running gateway, filed by the page or the command line and carried out by a role."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class RequestKind(Enum):
    """The verbs, with the payload keys each one takes.

    - ``assign``: ``acquisitions`` (ids, comma separated), ``step`` (number) - tie held acquisitions to a step
    - ``unscheduled``: ``acquisitions``, and a patient without an order: ``patient_id`` (empty: one is given),
      ``patient_name``, ``birth_date``, ``sex``, ``age``, ``accession_number`` (only a hint), ``description``; or
      ``local_study`` (number), one that is known - send without order
    - ``open_unscheduled``: ``device``, such a patient, and optionally ``confirmed`` - make it the active one
    - ``reconcile``: ``local_study``, ``step`` (numbers), ``operator``, ``although`` (yes: nothing suggests it), ``way``
      (notice: send nothing) - this is its order; ``not_the_same``: ``suggestion``, ``operator``;
      ``stay_unscheduled``: ``local_study``, ``operator`` - look for no order; ``notice_done``: ``notice``, ``operator``
    - ``split``: ``acquisitions`` (held, of one exam; with ``and_later`` yes: that one and what came after it) - make
      them an exam of their own; ``discard``: ``acquisitions``, ``reason``, ``operator`` - set held ones aside
    - ``correct``: ``acquisitions``, ``reason``, ``operator``, and whose they are: ``step`` (number), or
      ``unscheduled`` (yes) with its identity, or ``note_only`` (yes) - reject what was built and build it anew
    - ``open_step``: ``device``, ``step`` - make a step the active one; ``close_step``: ``device``,
      and optionally ``performed`` (number) and ``discontinue`` (a code of CID 9300)
    - ``retry_report``: ``report`` - make the report of a performed step due now
    - ``retry``: ``deliveries`` (ids, comma separated; one under ``delivery`` as well) - make them due now
    - ``hold_back``: ``deliveries`` - do not try them until released; ``let_go``: ``deliveries`` - release such ones
    - ``retarget``: ``deliveries`` or ``source`` (all that a destination is owed), ``destination`` - owe them to another
    - ``drop``: ``deliveries``, ``reason``, ``operator`` - give them up; ``take_back``: ``deliveries`` - undo that
    - ``rebuild``: ``deliveries`` - make a damaged spooled object again from its acquisition
    - ``release``: ``acquisition`` - give a quarantined acquisition another try
    - ``echo``: ``destination`` - C-ECHO, its answer by layer in the outcome
    - ``learn_anew``: ``destination`` - ask it now what it accepts
    - ``refresh``: ``provider`` - query that worklist now
    - ``look_up``: ``provider`` (empty: all), ``patient_id``, ``accession_number``, ``requested_procedure_id``,
      ``patient_name`` - ask for one patient or order, whatever the broad query covers
    - ``accept_step``: ``step`` (number) - its changed patient or reused number was compared and is right
    - ``scan``: ``device``, ``code``, ``scanner`` (empty: typed) - open the one step that a scanned code fits;
      ``confirmed`` (yes) - although the patient who is open had pictures a moment ago
    - ``import_orders``: ``content`` (a list in CSV, base64), ``whole`` (yes: what it does not name is taken off)
    - ``add_order``: an order by the columns of such a list; ``remove_order``: ``step`` (number) of the local list
    """

    ASSIGN = "assign"
    UNSCHEDULED = "unscheduled"
    OPEN_UNSCHEDULED = "open_unscheduled"
    RECONCILE = "reconcile"
    NOT_THE_SAME = "not_the_same"
    STAY_UNSCHEDULED = "stay_unscheduled"
    NOTICE_DONE = "notice_done"
    SPLIT = "split"
    DISCARD = "discard"
    CORRECT = "correct"
    OPEN_STEP = "open_step"
    CLOSE_STEP = "close_step"
    RETRY = "retry"
    HOLD_BACK = "hold_back"
    LET_GO = "let_go"
    RETARGET = "retarget"
    DROP = "drop"
    TAKE_BACK = "take_back"
    REBUILD = "rebuild"
    RETRY_REPORT = "retry_report"
    RELEASE = "release"
    ECHO = "echo"
    LEARN_ANEW = "learn_anew"
    REFRESH = "refresh"
    LOOK_UP = "look_up"
    ACCEPT_STEP = "accept_step"
    SCAN = "scan"
    IMPORT_ORDERS = "import_orders"
    ADD_ORDER = "add_order"
    REMOVE_ORDER = "remove_order"


@dataclass(frozen=True, slots=True)
class Request:
    """One filed request; `id` is unique for ever, so that it is carried out once."""

    id: str
    kind: RequestKind
    payload: Mapping[str, str]
    filed_by: str
    filed_at: datetime
