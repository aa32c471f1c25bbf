"""The benchmark's rows have the form that its readers were promised; no figure of time is judged."""

import json

import pytest

from gateway.codec.options import EncodeOptions
from gateway.codec.registry import lookup
from tests.benchmarks import codec
from tests.benchmarks.codec_frames import load
from tests.benchmarks.codec_peers import BASELINE, RLE, SV1


@pytest.mark.parametrize(
    ("uid", "peers"),
    [
        (RLE, {"DCMTK", "GDCM", "pylibjpeg-rle"}),
        (SV1, {"DCMTK", "GDCM", "pyjpegls", "pylibjpeg-openjpeg"}),
        (BASELINE, {"DCMTK", "Pillow"}),
    ],
)
def test_a_row_names_frame_figures_and_peers(uid: str, peers: set[str]) -> None:
    frame = load("RGB 120x256", "color-px.dcm")
    row = json.loads(json.dumps(codec.measure(codec.Case(uid, frame, EncodeOptions(), frame.name), quick=True)))
    assert {"transfer_syntax", "frame", "frame_bytes", "encode_mb_s", "compression_ratio", "peak_mb", "peers"} <= set(
        row
    )
    assert (row["transfer_syntax"], row["frame_bytes"]) == (uid, 120 * 256 * 3)
    assert set(row["peers"]) == peers
    for figures in row["peers"].values():
        assert set(figures) == {"encode_mb_s", "compression_ratio"}
        # the same work: nobody's stream is half or twice as long but for another codec's better ratio
        assert figures["compression_ratio"] > row["compression_ratio"] / 2
    assert row["peak_mb"] < 32
    text = codec.table([row])
    assert lookup(uid).name in text
    assert "Faster than ours: " in text


def test_every_encoder_of_the_registry_is_measured() -> None:
    measured = {case.uid for case in codec.cases(quick=True)}
    assert measured == set(codec.UIDS)
