"""Receipts: only one that was filled in says anything, a listing needs somebody who vouches, and any bytes are met."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import GatewayError
from gateway.domain.exports import ReceiptEntry
from gateway.stages.receipt import NoReceipt, read_receipt

DIGEST = "ab" * 32
FULL = {
    "fileset_uid": "2.25.7",
    "destination": "main",
    "imported_by": "Radiology",
    "all_imported": True,
    "instances": [{"sop_instance_uid": "1.2.3", "sha256": DIGEST.upper()}],
}


def document(**changes: object) -> bytes:
    return json.dumps({**FULL, **changes}).encode()


def test_the_filled_in_template() -> None:
    receipt = read_receipt(document())
    assert (receipt.kind, receipt.importer, receipt.destination, receipt.fileset_uid) == (
        "receipt",
        "Radiology",
        "main",
        "2.25.7",
    )
    assert receipt.entries == (ReceiptEntry("1.2.3", DIGEST),)
    assert len(receipt.document_digest) == 64
    assert read_receipt(b"\xef\xbb\xbf" + document(), destination="archive").destination == "archive"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (document(all_imported=False), "does not say that its instances were imported"),
        (document(all_imported="true"), "does not say that its instances were imported"),
        (document(imported_by=" "), "who imported"),
        (document(destination="\ud800"), "signs in it that no name has"),
        (document(fileset_uid="2.25\ud800"), "signs in it that no name has"),
        (document(instances=[]), "names no instance"),
        (document(instances="all"), "neither a receipt nor a listing"),
        (document(instances=["1.2.3"]), "neither a receipt nor a listing"),
        (document(instances=[{"sop_instance_uid": "1.2.3"}]), "SHA-256"),
        (document(instances=[{"sop_instance_uid": "1.2.x", "sha256": DIGEST}]), "SOP Instance UID"),
        (b"[]", "names no instance"),
        (b'[{"00080018": {"vr": "UI"}}]', "neither"),
        (b'["1.2.3"]', "who imported"),
        (b"", "names no instance"),
        (b"\xff\xfe", "neither"),
        (b"1.2.3 4 5", "neither"),
        (b"7", "neither"),
        (b"[" * 100_000, "neither"),
    ],
)
def test_what_proves_nothing(content: bytes, sentence: str) -> None:
    with pytest.raises(NoReceipt, match=sentence):
        read_receipt(content)


def test_lines() -> None:
    text = (
        f"# what arrived\r\nimported_by: Radiology\r\nfileset_uid: 2.25.7\r\n\r\n1.2.3 {DIGEST}\r\n1.2.4 {DIGEST}\r\n"
    )
    receipt = read_receipt(text.encode())
    assert (receipt.importer, receipt.fileset_uid, len(receipt.entries)) == ("Radiology", "2.25.7", 2)


@pytest.mark.parametrize(
    "listing",
    [
        [{"00080018": {"vr": "UI", "Value": ["1.2.3"]}, "00080016": {"vr": "UI", "Value": ["1.2.9"]}}],
        [{"SOPInstanceUID": "1.2.3"}, {"SOPInstanceUID": "1.2.3"}],
        ["1.2.3"],
    ],
)
def test_listings(listing: list[object]) -> None:
    receipt = read_receipt(json.dumps(listing).encode(), importer="PACS team", destination="main")
    assert (receipt.kind, receipt.importer, receipt.entries) == ("listing", "PACS team", (ReceiptEntry("1.2.3"),))


@given(
    st.one_of(st.binary(), st.recursive(st.none() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
)
def test_any_document_is_read_or_named(content: object) -> None:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    with suppress(GatewayError):
        read_receipt(raw, importer="x")
