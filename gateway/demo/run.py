"""Runs the demo: peers in this process, the real gateway in child processes, pictures dropped, everything verified."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.bootstrap.people import open_status
from gateway.bootstrap.settings import load_configuration
from gateway.capture.simulator import draw, drop_into
from gateway.demo.home import DEVICES, DemoDevice, DemoHome
from gateway.demo.patients import DemoOrder, orders, worklist_answers
from gateway.demo.verify import Verdict, verify_at_pacs
from gateway.dimse.demo_peers import DemoPacs, DemoWorklist
from gateway.spool.database import is_ready
from gateway.web.security.password import ensure_password

_PATIENCE_S = 240.0
_GLANCE_S = 0.25
_PAUSE_S = 15.0
_END_S = 30.0


@dataclass(frozen=True, slots=True)
class Dropped:
    """One picture that was put into a device's folder."""

    name: str
    device: str
    order: DemoOrder
    source: bytes


def run_demo(*, once: bool, count: int, first_port: int, keep: bool) -> int:
    """Run the demo; with `once` until all is verified (0, else 1), otherwise until interrupted."""
    root = Path(tempfile.mkdtemp(prefix="gateway-demo-"))
    signal.signal(signal.SIGTERM, _leave)  # the gateway and its roles are children that must not outlive the demo
    try:
        return _Demo(DemoHome(root), count, first_port).run(once=once)
    finally:
        if keep:
            click.echo(f"kept: {root}")
        else:
            shutil.rmtree(root, ignore_errors=True)


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)


class _Demo:
    """One run."""

    def __init__(self, home: DemoHome, count: int, first_port: int) -> None:
        self._home = home
        self._orders = orders([device.modality for device in DEVICES], count)
        self._port = _free_port(first_port)
        self._started = time.monotonic()
        self._dropped: list[Dropped] = []

    def run(self, *, once: bool) -> int:
        """Set everything up, drop, follow, verify, and take everything down again."""
        pacs_tls, worklist_tls = self._home.make_certificates()
        self._home.pacs.mkdir()
        now = datetime.now(UTC)
        with (
            DemoPacs(self._home.pacs, tls=pacs_tls, commits=True) as pacs,
            DemoWorklist(worklist_answers(self._orders, now), tls=worklist_tls) as worklist,
        ):
            self._home.write_configuration(
                zone="UTC",
                web_port=self._port,
                listener_port=_free_port(self._port + 1),
                pacs_port=pacs.port,
                worklist_port=worklist.port,
            )
            self._home.spool.mkdir()
            password = ensure_password(self._home.spool)
            gateway = self._start_gateway()
            try:
                self._await_page(gateway)
                click.secho(f"Status page: http://127.0.0.1:{self._port}  password: {password}", bold=True)
                program = Path(sys.executable).with_name("gateway")
                click.echo(f"Command line: {program} --config {self._home.config} status")
                self._await_worklist(gateway)
                for number, order in enumerate(self._orders):
                    self._drop(number, order)
                good = self._follow(gateway)
                if not once:
                    self._carry_on(gateway)
                return 0 if good else 1
            finally:
                _end(gateway)

    def _start_gateway(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "gateway", "--config", str(self._home.config), "run"]
        with self._home.log.open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def _await_page(self, gateway: subprocess.Popen[bytes]) -> None:
        """Wait until the page listens: its address is printed when it can be opened."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and gateway.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(_GLANCE_S)
        self._explain("The status page does not listen.")

    def _await_worklist(self, gateway: subprocess.Popen[bytes]) -> None:
        """Wait until the gateway has asked the worklist, so that the pictures meet their orders."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline and gateway.poll() is None:
            if is_ready(self._home.spool):
                providers = open_status(load_configuration(self._home.config)).providers()
                if providers and all(provider.answered_at for provider in providers):
                    click.echo(f"worklist: {sum(provider.items for provider in providers)} orders over TLS")
                    return
            time.sleep(_GLANCE_S)
        self._explain("The gateway did not reach the demo worklist.")

    def _explain(self, sentence: str) -> None:
        log = self._home.log.read_text(encoding="utf-8", errors="replace").splitlines()
        raise click.ClickException("\n".join([sentence, "Its log ends:", *log[-30:]]))

    def _drop(self, number: int, order: DemoOrder) -> None:
        device = DEVICES[number % len(DEVICES)]
        source, suffix = draw(device.draws, number)
        stem = _stem(device, order, number)
        folder = self._home.drop(device.name)
        if device.has_sidecar:
            sidecar = {"exam": {"accession": order.accession_number}}
            (folder / f"{stem}.json").write_text(json.dumps(sidecar), encoding="utf-8")
        drop_into(folder, f"{stem}{suffix}", source)
        self._dropped.append(Dropped(f"{stem}{suffix}", device.name, order, source))
        click.echo(f"dropped: {device.name}/{stem}{suffix}  {len(source) / 1000:.0f} kB")

    def _follow(self, gateway: subprocess.Popen[bytes]) -> bool:
        """Show progress until every picture has been proven at the PACS, and print the summary; whether all were."""
        deadline = time.monotonic() + _PATIENCE_S
        verdicts: dict[str, Verdict] = {}
        reader = open_status(load_configuration(self._home.config))
        while len(verdicts) < len(self._dropped) and time.monotonic() < deadline and gateway.poll() is None:
            rows = {(row.device, row.display_name): row for row in reader.acquisitions(limit=500)}
            for one in self._dropped:
                row = rows.get((one.device, one.name))
                proven = row is not None and row.deliveries and all(d.state == "committed" for d in row.deliveries)
                if one.name in verdicts or row is None or not proven:
                    continue
                stored = self._home.pacs / f"{row.sop_instance_uid}.dcm"
                verdicts[one.name] = verify_at_pacs(stored, one.source, one.order)
                self._say(one, verdicts[one.name], len(verdicts))
            time.sleep(_GLANCE_S)
        return self._sum_up(verdicts)

    def _say(self, one: Dropped, verdict: Verdict, number: int) -> None:
        mark = "FAULT: " + verdict.fault if verdict.fault else "verified"
        click.echo(
            f"[{number}/{len(self._dropped)}] {one.device}/{one.name}  committed at PACS as {verdict.transfer_syntax}, "
            f"{verdict.bytes_at_pacs / 1000:.0f} kB  {mark}"
        )

    def _sum_up(self, verdicts: dict[str, Verdict]) -> bool:
        good = [verdict for verdict in verdicts.values() if not verdict.fault]
        complete = len(good) == len(self._dropped)
        if not complete and not verdicts:
            self._explain("Nothing arrived at the demo PACS.")
        summary = {
            "dropped": len(self._dropped),
            "at_pacs": len(verdicts),
            "verified": len(good),
            "source_bytes": sum(len(one.source) for one in self._dropped),
            "pacs_bytes": sum(verdict.bytes_at_pacs for verdict in verdicts.values()),
            "transfer_syntaxes": dict(Counter(verdict.transfer_syntax for verdict in verdicts.values())),
            "seconds": round(time.monotonic() - self._started, 1),
        }
        click.echo(json.dumps(summary))
        return complete

    def _carry_on(self, gateway: subprocess.Popen[bytes]) -> None:
        """Drop another picture now and then until interrupted."""
        click.echo("The gateway goes on; a picture is dropped now and then. Ctrl-C ends it.")
        number = len(self._dropped)
        try:
            while gateway.poll() is None:
                time.sleep(_PAUSE_S)
                self._drop(number, self._orders[number % len(self._orders)])
                self._dropped.clear()  # nothing looks back at these, and the demo may run for days
                number += 1
        except KeyboardInterrupt:
            click.echo("ending")


def _stem(device: DemoDevice, order: DemoOrder, number: int) -> str:
    if device.has_sidecar:
        return f"IMG{number:04d}"
    if device.names_patient:
        return f"{order.patient_id}_{number:03d}"
    return f"{order.accession_number}_{'RL'[number % 2]}_{number:03d}"


def _free_port(first: int) -> int:
    """The first free TCP port on loopback from `first` on."""
    for port in range(first, first + 1000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise click.ClickException(f"No free port from {first} on.")


def _end(gateway: subprocess.Popen[bytes]) -> None:
    if gateway.poll() is None:
        os.kill(gateway.pid, signal.SIGTERM)
    try:
        gateway.wait(_END_S)
    except subprocess.TimeoutExpired:
        os.killpg(gateway.pid, signal.SIGKILL)
        gateway.wait()
