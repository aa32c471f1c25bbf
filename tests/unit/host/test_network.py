"""The network's digest changes with routes and addresses, and not with traffic."""

from pathlib import Path

from gateway.host.network import network_state

ROUTE = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    "eth0\t00000000\t0100000A\t0003\t{refs}\t{use}\t0\t00000000\n"
)


def proc(folder: Path, text: str) -> Path:
    (folder / "net").mkdir(exist_ok=True)
    (folder / "net" / "route").write_text(text)
    return folder


def test_routes_count_and_usage_does_not(tmp_path: Path) -> None:
    first = network_state(proc(tmp_path, ROUTE.format(refs=0, use=0)))
    assert network_state(proc(tmp_path, ROUTE.format(refs=3, use=99))) == first
    assert network_state(proc(tmp_path, ROUTE.format(refs=0, use=0).replace("0100000A", "0200000A"))) != first


def test_a_new_address_counts(tmp_path: Path) -> None:
    folder = proc(tmp_path, "")
    before = network_state(folder)
    (folder / "net" / "if_inet6").write_text("fe80 02 40 20 80 eth0\n")
    assert network_state(folder) != before


def test_this_machine_stands_still() -> None:
    assert network_state() == network_state()
