"""What the tests of this folder share: certificates, one Orthanc for all, instances, settings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.dimse.peer import Peer, Timeouts
from gateway.dimse.tls import TlsFiles
from tests.support.dicom_files import secondary_capture
from tests.support.node_peers import install
from tests.support.peers import Orthanc
from tests.support.pki import Pki, make_pki

PATIENT = Timeouts(connect_s=20, tls_s=20, association_s=20, response_s=30, stall_s=20, release_s=5)
HASTY = Timeouts(connect_s=20, tls_s=20, association_s=20, response_s=2, response_s_per_megabyte=0, stall_s=2)
"""For a peer that answers too late: whoever answers in time may be slow, as the whole machine may be."""
Instance = tuple[Path, str, str, str]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory, pki: Pki) -> Iterator[Orthanc]:
    with Orthanc(tmp_path_factory.mktemp("orthanc"), pki) as peer:
        yield peer


@pytest.fixture(scope="session")
def dcmjs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("dcmjs"))


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    path = tmp_path / "instance.dcm"
    return (path, *secondary_capture(path))


def peer_at(port: int, called: str, tls: TlsFiles | None = None, timeouts: Timeouts = PATIENT) -> Peer:
    """Settings for a peer on this machine."""
    return Peer("the peer", "localhost", port, called, "BOX", tls, timeouts)
