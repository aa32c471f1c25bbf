"""Sidecars of four formats, in their encodings, whole and damaged."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.capture.sidecar import SidecarReader, SidecarSettings, sidecar_reader
from gateway.domain.errors import ConfigurationError, GatewayError, UnreadableInput

MAPS: Mapping[str, dict[str, str]] = MappingProxyType(
    {
        "xml": {"accession_number": "/exam/@acc", "patient_id": "/exam/patient/id", "birth_date": "/exam/patient/born"},
        "json": {"accession_number": "exam.acc", "patient_id": "/exam/patient/0/id", "birth_date": "exam.born"},
        "csv": {"accession_number": "Acc", "patient_id": "Id", "birth_date": "Born"},
        "ini": {"accession_number": "exam.acc", "patient_id": "patient.id", "birth_date": "patient.born"},
    }
)
WHOLE: Mapping[str, str] = MappingProxyType(
    {
        "xml": '<exam acc="A1"><patient><id>0012</id><born>1970-01-02</born></patient></exam>',
        "json": '{"exam": {"acc": "A1", "patient": [{"id": 12}], "born": "1970-01-02"}}',
        "csv": "File;Acc;Id;Born\nother.jpg;A9;99;\nD:\\out\\IMG.JPG;A1;0012;1970-01-02\n",
        "ini": "[exam]\nacc = A1\n[patient]\nid = 0012\nborn = 1970-01-02\n",
    }
)


def reader(kind: str, **options: Any) -> SidecarReader:
    column = {"match_column": "File"} if kind == "csv" else {}
    options = {"locators": MAPS[kind], "name": "{stem}." + kind, **column, **options}
    return sidecar_reader(SidecarSettings(**options), setting="sidecar")


def values(kind: str, data: bytes, **options: Any) -> dict[str, str]:
    found = reader(kind, **options).hints(data, sidecar="img." + kind, picture=b"img.jpg")
    return {hint.kind.value: hint.value for hint in found}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_values_stand_where_the_map_says(kind: str, encoding: str) -> None:
    found = values(kind, WHOLE[kind].encode(encoding))
    identity = "12" if kind == "json" else "0012"
    assert found == {"accession_number": "A1", "patient_id": identity, "birth_date": "19700102"}


def test_namespaces_predicates_and_cdata_of_xml() -> None:
    data = b'<e:exam xmlns:e="urn:x"><e:item k="ID"><![CDATA[77]]></e:item><e:item k="B">x</e:item></e:exam>'
    found = values("xml", data, locators={"patient_id": "/exam/item[@k='ID']"})
    assert found == {"patient_id": "77"}


def test_different_values_at_one_place_are_all_given() -> None:
    sidecar = reader("xml", locators={"patient_id": "/exam/id"})
    found = sidecar.hints(b"<exam><id>1</id><id>2</id><id>1</id></exam>", sidecar="a.xml", picture=b"a.jpg")
    assert [hint.value for hint in found] == ["1", "2"]
    assert found[0].origin == "sidecar a.xml /exam/id"


def test_a_declared_encoding_counts() -> None:
    data = '<?xml version="1.0" encoding="windows-1251"?><exam><id>Иван</id></exam>'.encode("windows-1251")
    assert values("xml", data, locators={"patient_name": "/exam/id"}) == {"patient_name": "Иван"}


def test_undeclared_latin_1_is_read_with_a_note() -> None:
    found = reader("ini", locators={"patient_name": "p.n"}).hints(
        "[p]\nn=Müller".encode("latin-1"), sidecar="s", picture=b""
    )
    assert found[0].value == "Müller"
    assert found[0].origin.endswith("(read as Latin-1)")


def test_without_a_match_column_the_first_row_counts() -> None:
    assert values("csv", b"Acc,Id\nA1,7\nA2,8\n", locators={"patient_id": "Id"}, match_column="") == {"patient_id": "7"}


def test_no_row_for_the_picture_gives_no_hints() -> None:
    assert values("csv", b"File,Acc,Id,Born\nelse.jpg,A,1,\n") == {}


@pytest.mark.parametrize(
    ("kind", "data", "word"),
    [
        ("xml", b"<exam>\n<id>\n</exam>", "line 3"),
        ("xml", b'<!DOCTYPE x [<!ENTITY a "b">]>\n<exam>&a;</exam>', "document type"),
        ("xml", b"<a>" * 100, "nested too deeply"),
        ("xml", b'<?xml version="1.0" encoding="nonsense"?><a/>', "nonsense"),
        ("json", b'{"exam":\n {]}', "line 2"),
        ("json", b"[" * 100000, "nested too deeply"),
        ("csv", b'File,Acc,Id,Born\n"half', "line"),
        ("csv", b"File,Acc\n", "no column Born"),
        ("ini", b"acc = 1\n", "line 1"),
        ("ini", b"[p]\nid = 1\nid = 2\n", "line 3"),
        ("ini", b"[p]\n?\n", "line 2"),
    ],
)
def test_damage_names_the_file_and_the_line(kind: str, data: bytes, word: str) -> None:
    with pytest.raises(UnreadableInput, match=word) as caught:
        values(kind, data)
    assert f"Sidecar img.{kind}" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"locators": {"patient_di": "/a"}}, "patient_di"),
        ({"locators": {}}, "names no hint"),
        ({"locators": {"patient_id": "a/b"}}, "no absolute path"),
        ({"locators": {"patient_id": "/a/b["}}, "no path"),
        ({"name": "{stem}.doc"}, "doc"),
        ({"name": "../{stem}.xml"}, "own folder"),
        ({"encoding": "klingon"}, "klingon"),
    ],
)
def test_faulty_settings_are_named(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigurationError, match=word) as caught:
        reader("xml", **options)
    assert str(caught.value).startswith("sidecar.")


def test_names_of_sidecars() -> None:
    assert reader("xml").file_name(b"a.b.jpg") == b"a.b.xml"
    assert reader("xml", name="{name}.xml").file_name(b"a.jpg") == b"a.jpg.xml"
    assert reader("xml", name="exam.xml").file_name(b"a.jpg") == b"exam.xml"
    assert reader("xml").claims(b"A.XML")
    assert not reader("xml").claims(b"a.jpg")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(WHOLE)), st.binary(max_size=200))
def test_random_bytes_end_in_hints_or_a_fault(kind: str, noise: bytes) -> None:
    for data in (noise, WHOLE[kind].encode()[: len(noise)] + noise):
        try:
            values(kind, data)
        except GatewayError:
            continue
