"""What a service refused is known after a power cut, on the page and the command line, until it is asked anew."""

from pathlib import Path

from click.testing import CliRunner

from gateway.bootstrap.people import clock_of, open_sent
from gateway.cli.main import main
from gateway.domain.checkpoints import Checkpoint
from gateway.spool.requests import SpoolRequestDesk
from gateway.web.app import create_app
from gateway.web.security.password import ensure_password
from tests.integration.dicomweb.test_store import Archive, stores_all
from tests.support.dicomweb import Caller, Request, store_answer, stow_table
from tests.support.fake_page import FakePage
from tests.support.house import House, KillAt
from tests.support.page_visitor import Visitor
from tests.support.pki import Pki

RLE = "1.2.840.10008.1.2.5"
_NO_PORT = 9


class Learner(Archive):
    """Refuses RLE until it has learnt it."""

    def __init__(self, pki: Pki) -> None:
        self.has_learnt = False
        super().__init__(pki, self._reply)

    def _reply(self, caller: Caller, request: Request) -> None:
        if syntaxes(request) == {RLE} and not self.has_learnt:
            caller.answer(409, store_answer([], dict.fromkeys(request.uids, 0xC122)))
        else:
            stores_all(caller, request)


def syntaxes(request: Request) -> set[str]:
    """The transfer syntaxes of the parts, from their File Meta Information: (0002,0010) UI."""
    found = request.body.split(b"\x02\x00\x10\x00UI")[1:]
    return {part[2 : 2 + int.from_bytes(part[:2], "little")].rstrip(b"\0").decode() for part in found}


def house_before(archive: Archive, pki: Pki, root: Path) -> House:
    """A gateway whose only destination is the service; what it makes is RLE at first."""
    house = House(root / "house", _NO_PORT)
    dimse = f'address = "127.0.0.1:{_NO_PORT}"\nae_title = "PACS"\n'
    text = house.config.read_text()
    assert dimse in text
    house.config.write_text(text.replace(dimse, stow_table(archive.url, pki, password=root / "password")))
    return house


def shown_by_command(house: House, *more: str) -> str:
    """What the command line says of the service and RLE."""
    result = CliRunner().invoke(main, ["--config", str(house.config), "destinations", *more])
    assert result.exit_code == 0, result.output
    return result.output


def page_of(house: House) -> Visitor:
    """The real page over this ledger, with a person who has signed in."""
    state = house.root / "page"
    state.mkdir()
    password = ensure_password(state) or ""
    clock = clock_of(house.settings)
    app = create_app(
        reader=house.status(),
        desk=SpoolRequestDesk(house.spool, clock),
        clock=clock,
        state_dir=state,
        station_name="test",
        sent=open_sent(house.settings),
    )
    page = FakePage.__new__(FakePage)  # a real application: the fakes behind it are not there
    page.app, page.password, page.state_dir = app, password, state
    visitor = Visitor(page, app.test_client())
    visitor.sign_in()
    return visitor


def assemble(house: House, *numbers: int) -> None:
    for number in numbers:
        house.drop(number)
    for role in ("capture/camera", "assemble"):
        assert house.live(role) == 0


def test_a_refusal_is_remembered_through_a_power_cut_and_forgotten_on_demand(pki: Pki, tmp_path: Path) -> None:
    with Learner(pki) as archive:
        house = house_before(archive, pki, tmp_path)
        assemble(house, *range(1, 13))
        assert {row.transfer_syntax for row in house.status().acquisitions()} == {RLE}
        assert house.live("forward", KillAt(Checkpoint.DELIVER_COMMITTED)) != 0
        refused, taken = (syntaxes(request) for request in archive.requests)
        assert refused == {RLE} != taken
        archive.requests.clear()
        assert house.live("forward") == 0
        assert archive.requests
        assert all(RLE not in syntaxes(request) for request in archive.requests), "no needless sending any more"

        (rle,) = [line for line in shown_by_command(house).splitlines() if "RLE Lossless" in line]
        assert "refuses" in rle
        page = page_of(house)
        told = page.text("/destinations/accepts?name=main")
        assert "main refuses 1 of" in told
        assert "RLE Lossless refused since" in told
        assert "PDU" not in told

        assemble(house, 13)
        assert {row.transfer_syntax for row in house.status().acquisitions()} > {RLE}, "not even made as RLE"

        archive.has_learnt = True
        assert "RLE Lossless" not in shown_by_command(house, "--ask-anew", "main")
        assemble(house, 14)
        assert house.live("forward") == 0
        assert RLE in set().union(*(syntaxes(request) for request in archive.requests))
        (rle,) = [line for line in shown_by_command(house).splitlines() if "RLE Lossless" in line]
        assert "accepts" in rle
        assert "RLE Lossless accepted since" in page.text("/destinations/accepts?name=main")
