"""The demo's temporary home: certificates, configuration, device folders; written as an engineer would write them."""

from dataclasses import dataclass
from pathlib import Path

from gateway.demo.pki import Authority
from gateway.dimse.tls import TlsFiles

GATEWAY_AE_TITLE = "DEMOGW"

_GATEWAY = """\
[station]
name = "Demo clinic"
ae_title = "{ae_title}"
institution = "Demo hospital"
time_zone = "{zone}"

[spool]
path = "spool"
floor_mib = 64

[web]
port = {web_port}

[listener]
host = "127.0.0.1"
port = {listener_port}
tls = {{ ca = "pki/ca.pem", certificate = "pki/box.pem", key = "file:pki/box.key" }}

[[worklist]]
name = "Demo-RIS"
address = "localhost:{worklist_port}"
ae_title = "DEMORIS"
refresh_s = 15
tls = {{ ca = "pki/ca.pem", certificate = "pki/box.pem", key = "file:pki/box.key" }}

[[destination]]
name = "Demo-PACS"
address = "localhost:{pacs_port}"
ae_title = "DEMOPACS"
compression = ["1.2.840.10008.1.2.4.70"]
tls = {{ ca = "pki/ca.pem", certificate = "pki/box.pem", key = "file:pki/box.key" }}
retry = {{ base_s = 0.5, cap_s = 5 }}
proof = "commitment"
commitment = {{ idle_s = 1 }}
"""

_DEVICE = """\
profile = "{profile}"

[source]
path = "drop/{name}"
settle_s = 0.3
poll_s = 0.5
after = "delete"

[exam]
grouping = "idle"

[hints]
{hints}

[object]
manufacturer = "Demo Instruments"
model_name = "{name}"
serial_number = "DEMO-1"

[match]
rules = ["accession_number", "patient_id", "active_step"]
"""

_BY_ACCESSION = r"file_name = '(?P<accession_number>[A-Z0-9]+)_(?P<laterality>[RL])_.*'"
_BY_PATIENT = r"file_name = '(?P<patient_id>P[0-9]+)_.*'"
_BY_PATIENT_NO_SIDECAR = f"{_BY_PATIENT}\nsidecar = {{ wait_s = 0 }}"
_BY_SIDECAR = (
    'sidecar = { suffix = ".json", map = { accession_number = "exam.accession" }, wait_s = 5, required = true }'
)


@dataclass(frozen=True, slots=True)
class DemoDevice:
    """One demo device: its shipped profile, what it draws, and where it says whose picture it is."""

    name: str
    profile: str
    draws: str
    modality: str
    hints: str

    @property
    def names_patient(self) -> bool:
        """Whether its file names carry the patient id rather than the accession number."""
        return self.hints in (_BY_PATIENT, _BY_PATIENT_NO_SIDECAR)

    @property
    def has_sidecar(self) -> bool:
        """Whether the identity stands in a file beside the picture."""
        return self.hints == _BY_SIDECAR


DEVICES = (
    DemoDevice("fundus", "fundus-camera-folder", "fundus", "OP", _BY_ACCESSION),
    DemoDevice("ultrasound", "ultrasound-folder", "ultrasound", "US", _BY_PATIENT),
    DemoDevice("xray", "xray-export-folder", "xray", "DX", _BY_PATIENT_NO_SIDECAR),
    DemoDevice("endoscope", "endoscope-folder", "endoscopy", "ES", _BY_SIDECAR),
)


@dataclass(frozen=True, slots=True)
class DemoHome:
    """The folder of one demo run."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.root / "gateway.toml"

    @property
    def spool(self) -> Path:
        """The spool."""
        return self.root / "spool"

    @property
    def pacs(self) -> Path:
        """Where the demo PACS keeps what it was sent."""
        return self.root / "pacs"

    @property
    def log(self) -> Path:
        """What the gateway's roles write to standard error."""
        return self.root / "gateway.log"

    def drop(self, device: str) -> Path:
        """The export folder of a device."""
        return self.root / "drop" / device

    def make_certificates(self) -> tuple[TlsFiles, TlsFiles]:
        """Make an authority and certificates; the files for the demo PACS and for the demo worklist."""
        authority = Authority(self.root / "pki")
        authority.issue("box")
        pacs, worklist = authority.issue("pacs"), authority.issue("ris")
        return TlsFiles(authority.file, *pacs), TlsFiles(authority.file, *worklist)

    def write_configuration(
        self, *, zone: str, web_port: int, listener_port: int, pacs_port: int, worklist_port: int
    ) -> None:
        """Write ``gateway.toml`` and one file a device."""
        self.config.write_text(
            _GATEWAY.format(
                ae_title=GATEWAY_AE_TITLE,
                zone=zone,
                web_port=web_port,
                listener_port=listener_port,
                pacs_port=pacs_port,
                worklist_port=worklist_port,
            ),
            encoding="utf-8",
        )
        folder = self.root / "devices"
        folder.mkdir()
        for device in DEVICES:
            self.drop(device.name).mkdir(parents=True)
            text = _DEVICE.format(profile=device.profile, name=device.name, hints=device.hints)
            (folder / f"{device.name}.toml").write_text(text, encoding="utf-8")
