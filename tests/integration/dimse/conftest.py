"""What the tests of this folder share: certificates and a small instance."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.dimse.peer import Peer, Timeouts
from gateway.dimse.store import StoreSession
from gateway.dimse.tls import TlsFiles
from gateway.domain.instance import StoreOutcome
from tests.support.dicom_files import secondary_capture
from tests.support.pki import Pki, make_pki

PATIENT = Timeouts(connect_s=20, tls_s=20, association_s=20, response_s=20, stall_s=20, release_s=5)
HASTY = Timeouts(
    connect_s=20, tls_s=2, association_s=2, response_s=2, response_s_per_megabyte=0, stall_s=2, release_s=1
)
"""For a peer that is silent: whoever answers may be slow, as the whole machine may be."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A Part 10 file and what it holds."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.sop_class_uid, self.transfer_syntax_uid

    def store(self, session: StoreSession, *, sent_before: bool = True) -> StoreOutcome:
        return session.store(
            self.path,
            sop_class_uid=self.sop_class_uid,
            sop_instance_uid=self.sop_instance_uid,
            transfer_syntax_uid=self.transfer_syntax_uid,
            sent_before=sent_before,
        )


class Peers:
    """Settings for peers on this machine."""

    def __call__(
        self,
        port: int,
        *,
        tls: TlsFiles | None = None,
        called: str = "DEMOPACS",
        host: str = "127.0.0.1",
        hasty: bool = False,
    ) -> Peer:
        return Peer("the peer", host, port, called, "BOX", tls, HASTY if hasty else PATIENT)


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return make_pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    path = tmp_path / "instance.dcm"
    return Instance(path, *secondary_capture(path))


@pytest.fixture
def big_instance(tmp_path: Path) -> Instance:
    """64 MB, more than any socket buffer holds."""
    path = tmp_path / "big.dcm"
    return Instance(path, *secondary_capture(path, rows=8000, columns=8000))


@pytest.fixture
def peers() -> Peers:
    return Peers()
