"""What a store answer says of each instance, in JSON and XML as services really write them, and in rubbish."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dicomweb.answer import StoreAnswer, read_datasets, read_store_answer, text_of
from gateway.dicomweb.http_session import HttpAnswer

# As Orthanc 1.10.1 answers a batch of a good instance and a part that is no DICOM, with status 400.
ORTHANC_400 = b"""{
   "00081190" : { "Value" : [ "https://localhost/dicom-web/studies/1.2" ], "vr" : "UR" },
   "00081198" : { "vr" : "SQ" },
   "00081199" : { "Value" : [ {
      "00081150" : { "Value" : [ "1.2.840.10008.5.1.4.1.1.7" ], "vr" : "UI" },
      "00081155" : { "Value" : [ "1.2.3.4" ], "vr" : "UI" },
      "00081190" : { "Value" : [ "https://localhost/dicom-web/studies/1.2/series/1.3/instances/1.2.3.4" ], "vr" : "UR" }
   } ], "vr" : "SQ" }
}"""

NATIVE_XML = b"""<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
  <DicomAttribute tag="00081198" vr="SQ" keyword="FailedSOPSequence">
    <Item number="1">
      <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.5</Value></DicomAttribute>
      <DicomAttribute tag="00081197" vr="US"><Value number="1">49442</Value></DicomAttribute>
    </Item>
  </DicomAttribute>
  <DicomAttribute tag="00081199" vr="SQ" keyword="ReferencedSOPSequence">
    <Item number="1"><DicomAttribute tag="00081155" vr="UI"><Value number="1">1.6</Value></DicomAttribute></Item>
    <Item number="2">
      <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.7</Value></DicomAttribute>
      <DicomAttribute tag="00081196" vr="US"><Value number="1">45056</Value></DicomAttribute>
    </Item>
  </DicomAttribute>
</NativeDicomModel>"""


def read(body: bytes, media_type: str = "application/dicom+json", status: int = 200) -> StoreAnswer:
    return read_store_answer(HttpAnswer(status, {"content-type": media_type}, body))


def test_orthanc_names_what_it_stored_though_it_says_400() -> None:
    assert read(ORTHANC_400, status=400) == StoreAnswer(readable=True, stored={"1.2.3.4": 0})


def test_warnings_failures_and_unreadable_parts() -> None:
    body = {
        "00081199": {"Value": [{"00081155": {"Value": ["1.1"]}, "00081196": {"Value": [0xB006]}}]},
        "00081198": {"Value": [{"00081155": {"Value": ["1.2\0"]}, "00081197": {"Value": ["42752"]}}]},
        "0008119A": {"Value": [{"00081197": {"Value": [0x0110]}}]},
    }
    wanted = StoreAnswer(readable=True, stored={"1.1": 0xB006}, failed={"1.2": 0xA700}, others=1)
    assert read(json.dumps(body).encode()) == wanted
    assert read(json.dumps([body]).encode(), "text/plain") == wanted


def test_a_failure_without_a_reason_is_a_processing_failure() -> None:
    assert read(b'{"00081198": {"Value": [{"00081155": {"Value": ["1.2"]}}]}}').failed == {"1.2": 0x0110}


@pytest.mark.parametrize(
    "media_type", ["application/dicom+xml", "application/dicom+xml; charset=utf-8", "", "text/plain"]
)
@pytest.mark.parametrize("prefix", [b"", b"dcm:"])
def test_the_native_model_in_xml(media_type: str, prefix: bytes) -> None:
    body = NATIVE_XML
    if prefix:
        body = body.replace(b"xmlns=", b"xmlns:dcm=").replace(b"</", b"</dcm:").replace(b"<Native", b"<dcm:Native")
        for name in (b"DicomAttribute", b"Item", b"Value"):
            body = body.replace(b"<" + name, b"<dcm:" + name)
    wanted = StoreAnswer(readable=True, stored={"1.6": 0, "1.7": 0xB000}, failed={"1.5": 0xC122})
    assert read(body, media_type) == wanted


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"<html><body>Log in</body></html>",
        b"<NativeDicomModel><Dicom",
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><NativeDicomModel>&b;</NativeDicomModel>",
        b"null",
        b"[]",
        b"{}",
        b'[1, "00081199", null]',
        b'{"00080018": {"Value": ["1.2"]}}',
        b"[" * 200_000,
        b"\xff\xfe{",
    ],
)
def test_what_is_no_store_answer_names_nobody(body: bytes) -> None:
    assert read(body) == StoreAnswer()
    assert read(body, "application/xml") == StoreAnswer()


@pytest.mark.parametrize(
    "sequence",
    ["null", "{}", '{"Value": null}', '{"Value": {}}', '{"Value": [null, 3, {}]}', '{"Value": [{"00081155": 3}]}',
     '{"Value": [{"00081155": {"Value": [3]}}]}', '{"Value": [{"00081155": {"Value": []}}]}'],
)  # fmt: skip
def test_odd_sequences_name_nobody(sequence: str) -> None:
    found = read(f'{{"00081199": {sequence}, "00081198": {sequence}}}'.encode())
    assert found == StoreAnswer(readable=True)


def test_items_nested_without_end_are_refused() -> None:
    inner = b"<DicomAttribute tag='00081199'><Item number='1'>"
    assert read(inner * 1000, "application/xml") == StoreAnswer()


def test_the_data_sets_of_a_query() -> None:
    body = b'[{"00080018": {"vr": "UI", "Value": ["1.9"]}}, {"00080016": {"vr": "UI"}}]'
    rows = read_datasets(HttpAnswer(200, {"content-type": "application/dicom+json"}, body))
    assert [text_of(row, "00080018") for row in rows] == ["1.9", ""]


@given(st.binary(max_size=200), st.sampled_from(["application/dicom+json", "application/xml", ""]))
def test_no_bytes_raise(body: bytes, media_type: str) -> None:
    assert not read(body, media_type).stored
