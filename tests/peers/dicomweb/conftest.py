"""What the tests of this folder share: certificates, one Orthanc, and nginx before it."""

from collections.abc import Iterator

import pytest

from tests.support.dicomweb import Nginx, orthanc_with_dicomweb
from tests.support.peers import Orthanc
from tests.support.pki import Pki, make_pki


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc_with_dicomweb(tmp_path_factory.mktemp("orthanc")) as peer:
        yield peer


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory, pki: Pki, orthanc: Orthanc) -> Iterator[Nginx]:
    with Nginx(tmp_path_factory.mktemp("nginx"), pki, orthanc) as peer:
        yield peer
