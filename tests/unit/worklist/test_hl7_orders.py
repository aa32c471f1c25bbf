"""HL7 messages to news for the worklist: fields, character sets, cancels, patient updates, and what is refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.identifiers import is_valid_uid
from gateway.domain.orders import HeardMessage, OrderCancelled, OrderPlaced, PatientChanged, PatientMerged
from gateway.domain.procedure import Step
from gateway.worklist.hl7_message import acknowledgement
from gateway.worklist.hl7_orders import FeedRules, read_message
from gateway.worklist.mllp import LARGEST_MESSAGE, FrameReader, framed

MSH = "MSH|^~\\&|HIS|HOSP|BOX|ROOM|20261121080000||{kind}|42|P|2.5.1||||||{charset}"
PID = "PID|1||P1^^^HOSP^PI~999^^^STATE^NI||Rao^Asha^K^^Dr||19710402|F"
PV1 = "PV1|1|O|EYE^2^B|||||77^Iyer^Ravi|||||||||||V9"
ORC = "ORC|NW|PL1|FI1"
OBR = "OBR|1|PL1|FI1|FUN^Fundus both eyes^L||||||||||||||A1|RP1|SPS1||||OP|||^^^20261121103000^^S"
ZDS = "ZDS|1.2.3.4^HIS^Application^DICOM"
RULES = FeedRules("RIS", UTC, b"box")
NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def message(*segments: str, kind: str = "ORM^O01", charset: str = "", codec: str = "utf-8") -> bytes:
    return "\r".join((MSH.format(kind=kind, charset=charset), *segments, "")).encode(codec)


def read(*segments: str, rules: FeedRules = RULES, kind: str = "ORM^O01", charset: str = "") -> HeardMessage:
    return read_message(message(*segments, kind=kind, charset=charset), rules)


def placed(heard: HeardMessage) -> Step:
    (news,) = heard.news
    assert isinstance(news, OrderPlaced), heard.fault
    return news.step


def test_an_orm_becomes_a_step() -> None:
    heard = read(PID, PV1, ORC, OBR, ZDS)
    step = placed(heard)
    assert (heard.answer, heard.kind, heard.control_id) == ("AA", "ORM^O01", "42")
    assert (step.usable, step.faults) == (True, ())
    assert step.patient.patient_id == "P1"
    assert (step.patient.issuer, step.patient.name, step.patient.birth_date) == ("HOSP", "Rao^Asha^K^Dr", "19710402")
    assert (step.accession_number, step.requested_procedure_id, step.modality) == ("A1", "RP1", "OP")
    assert (step.key.study_instance_uid, step.key.step_id, step.priority) == ("1.2.3.4", "SPS1", "STAT")
    assert step.start == datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
    for said in ("Iyer^Ravi", "EYE-2-B", "V9", "PL1", "FI1"):
        assert said in step.identifier


def test_an_omi_gives_its_imaging_identifiers_in_ipc() -> None:
    tq1 = "TQ1|1||||||20261121113000+0530||R"
    ipc = "IPC|A7^HIS|RP7|1.2.7^HIS|SPS7|OP|X^Disc photo||ROOM2|BOX_AE"
    step = placed(read(PID, ORC, tq1, "OBR|1|PL1|FI1|FUN^Fundus", ipc, kind="OMI^O23^OMI_O23"))
    assert (step.accession_number, step.key.study_instance_uid, step.key.step_id) == ("A7", "1.2.7", "SPS7")
    assert (step.station_ae_title, step.description, step.priority) == ("BOX_AE", "Disc photo", "ROUTINE")
    assert step.start == datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def test_without_a_study_uid_the_same_order_gives_the_same_study() -> None:
    first, again = placed(read(PID, ORC, OBR)), placed(read(PID, ORC.replace("NW", "XO"), OBR))
    assert is_valid_uid(first.key.study_instance_uid)
    assert first.key == again.key
    assert placed(read(PID.replace("|P1^", "|P2^"), ORC, OBR)).key != first.key


def test_without_an_accession_number_the_fillers_number_serves() -> None:
    assert placed(read(PID, ORC, "OBR|1|PL1|FI1|FUN^Fundus")).accession_number == "FI1"


def test_one_message_may_hold_several_orders() -> None:
    second = OBR.replace("|A1|", "|A2|")
    found = read(PID, ORC, OBR, ORC, second).news
    assert [news.step.accession_number for news in found if isinstance(news, OrderPlaced)] == ["A1", "A2"]
    assert read(PID, ORC, OBR, ORC, second, ZDS).answer == "AE"


@pytest.mark.parametrize("control", ["CA", "DC", "OC", "SC|PL1|FI1||CM"])
def test_what_is_cancelled_or_done_is_taken_off(control: str) -> None:
    (news,) = read(PID, f"ORC|{control}", OBR).news
    assert news == OrderCancelled("P1", "A1", "")


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("UNICODE UTF-8", "utf-8"), ("8859/1", "latin-1"), ("8859/1~ISO IR87", "latin-1"), ("", "utf-8")],
)
def test_character_sets(charset: str, codec: str) -> None:
    data = message(PID.replace("Rao", "Müller"), ORC, OBR, charset=charset, codec=codec)
    heard = read_message(data, FeedRules("RIS", UTC, b"box", "UNICODE UTF-8"))
    assert placed(heard).patient.name == "Müller^Asha^K^Dr"


@pytest.mark.parametrize(
    ("charset", "codec", "answer"), [("", "utf-8", "AE"), ("UNICODE UTF-8", "latin-1", "AE"), ("BIG-5", "utf-8", "AR")]
)
def test_a_wrong_character_set_is_refused(charset: str, codec: str, answer: str) -> None:
    heard = read_message(message(PID.replace("Rao", "Müller"), ORC, OBR, charset=charset, codec=codec), RULES)
    assert (heard.answer, heard.news) == (answer, ())
    assert "character set" in heard.fault


def test_escapes_of_separators_are_resolved_and_others_refused() -> None:
    assert placed(read(PID.replace("P1^", "P\\T\\1^"), ORC, OBR)).patient.patient_id == "P&1"
    for bad in ("P\\X41\\", "P\\.sp999999999\\", "P\\1"):
        assert read(PID.replace("P1^", f"{bad}^"), ORC, OBR).answer == "AE"


@pytest.mark.parametrize(
    ("pid", "why"),
    [
        (PID.replace("P1^^^HOSP^PI~999^^^STATE^NI", ""), "no Patient ID"),
        (PID.replace("^PI~", "^XX~"), "no Patient ID"),
        (PID.replace("|P1^", f"|{'P' * 65}^"), "Patient ID is longer"),
        (PID.replace("|P1^", "|P\\E\\1^"), "Patient ID has several values"),
    ],
)
def test_an_order_without_a_sure_patient_is_never_usable(pid: str, why: str) -> None:
    step = placed(read(pid, ORC, OBR))
    assert not step.usable
    assert why in " ".join(step.faults)


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", "AR"),
        (b"hello", "AR"),
        (b"MSH|^~\\&", "AR"),
        (b"MSH|||||||||", "AR"),
        (message(PID, ORC), "AE"),
        (message(ORC, OBR), "AE"),
        (message(PID), "AE"),
        (message(PID, OBR), "AE"),
        (message(PID, PID, ORC, OBR), "AE"),
        (message(PID, ORC.replace("NW", "ZZ"), OBR), "AR"),
        (message(PID, ORC, OBR, kind="ORU^R01"), "AR"),
        (message(PID, ORC, OBR).replace(b"|P|2.5.1", b"|T|2.5.1"), "AR"),
        (message(PID, ORC, OBR).replace(b"|42|", b"||"), "AR"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(data: bytes, answer: str) -> None:
    heard = read_message(data, RULES)
    assert (heard.answer, heard.news) == (answer, ())
    assert heard.fault
    assert "Rao" not in heard.fault


def test_another_sending_application_is_refused() -> None:
    assert read(PID, ORC, OBR, rules=FeedRules("RIS", UTC, b"", "", "HIS")).answer == "AA"
    assert read(PID, ORC, OBR, rules=FeedRules("RIS", UTC, b"", "", "OTHER")).answer == "AR"


def test_patient_updates_merges_and_other_events() -> None:
    (changed,) = read(PID, kind="ADT^A08").news
    assert isinstance(changed, PatientChanged)
    assert (changed.patient.patient_id, changed.patient.name) == ("P1", "Rao^Asha^K^Dr")
    assert read(PID, "MRG|P0^^^HOSP", kind="ADT^A40").news == (PatientMerged("P0"),)
    assert read(PID, kind="ADT^A40").answer == "AE"
    assert (read(PID, kind="ADT^A04").news, read(PID, kind="ADT^A04").answer) == ((), "AA")
    assert read(PID.replace("P1^^^HOSP^PI~999^^^STATE^NI", ""), kind="ADT^A08").answer == "AE"


def test_the_acknowledgement_turns_the_header_round() -> None:
    told = acknowledgement(message(PID), "AE", "A | bad\rthing", NOW, "7").decode().split("\r")
    assert told[0] == "MSH|^~\\&|BOX|ROOM|HIS|HOSP|20261121080000+0000||ACK^O01|7|P|2.5.1"
    assert told[1] == "MSA|AE|42|A   bad thing"


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(data: bytes) -> None:
    heard = read_message(data, RULES)
    assert b"MSA|" in acknowledgement(data, heard.answer, heard.fault, NOW, "1")


@given(st.data())
def test_a_mutated_order_is_answered_and_usable_only_when_identified(data: st.DataObject) -> None:
    content = bytearray(message(PID, PV1, ORC, OBR, ZDS))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    heard = read_message(bytes(content[: data.draw(st.integers(0, len(content)))]), RULES)
    assert acknowledgement(heard.body, heard.answer, heard.fault, NOW, "1").startswith(b"MSH|")
    for news in heard.news:
        if isinstance(news, OrderPlaced) and news.step.usable:
            assert news.step.patient.patient_id
            assert is_valid_uid(news.step.key.study_instance_uid)


@given(st.lists(st.binary(min_size=1, max_size=40).filter(lambda part: not set(part) & {0x0B, 0x1C})), st.data())
def test_frames_come_out_however_they_are_cut(contents: list[bytes], data: st.DataObject) -> None:
    stream, reader, found = b"".join(framed(content) for content in contents), FrameReader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:size])
        stream = stream[size:]
    assert [(frame.content, frame.fault) for frame in found] == [(content, "") for content in contents]
    assert reader.end() == []


def test_what_is_no_whole_frame_is_named() -> None:
    reader = FrameReader()
    assert [frame.fault for frame in reader.feed(b"GET / HTTP/1.1\r\n\x0bhalf\x0bwhole\x1c\r")] == [
        "There are bytes outside of any message.",
        "The message was cut off: another one begins inside it.",
        "",
    ]
    assert reader.feed(b"\x0b" + b"x" * LARGEST_MESSAGE)[0].fault.startswith("The message is longer")
    reader.feed(b"\x0bhalf")
    assert reader.is_inside
    assert "its end never came" in reader.end()[0].fault


def test_a_moment_that_is_none_is_named() -> None:
    step = placed(read(PID, ORC, OBR.replace("20261121103000", "tomorrow")))
    assert (step.start, step.usable) == (None, True)
