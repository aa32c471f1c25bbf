"""Loading: good files become the model, and of bad ones every fault is named at once, where it stands."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.faults import InvalidConfiguration
from gateway.config.load import load
from gateway.config.values import Address, Compression, SecretReference
from gateway.config.vocabulary import Vocabulary
from gateway.domain.errors import ConfigurationError, Disposition

STATION = '[station]\nname = "Room"\nae_title = "BOX"\ntime_zone = "Asia/Kolkata"\n'
WORKLIST = '[[worklist]]\nname = "HIS"\naddress = "ris.example:104"\nae_title = "RIS"\n'
DESTINATION = '[[destination]]\nname = "main"\naddress = "pacs.example:104"\nae_title = "MAIN"\n'
DEVICE = '[source]\npath = "drop"\n[object]\nsop_class = "vl-photographic"\n'
TLS = '[destination.tls]\nca = "ca.pem"\n'

NO_VOCABULARY = Vocabulary()

Faults = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a configuration: the main file and devices by name."""

    def writer(text: str, **devices: str) -> Path:
        (tmp_path / "devices").mkdir(exist_ok=True)
        (tmp_path / "gateway.toml").write_text(text, encoding="utf-8")
        for name, device in devices.items():
            (tmp_path / "devices" / f"{name}.toml").write_text(device, encoding="utf-8")
        return tmp_path / "gateway.toml"

    return writer


@pytest.fixture
def faults(write: Callable[..., Path], tmp_path: Path) -> Faults:
    """The faults of a configuration, one line each."""

    def reader(text: str, vocabulary: Vocabulary = NO_VOCABULARY, **devices: str) -> list[str]:
        with pytest.raises(InvalidConfiguration) as caught:
            load(write(text, **devices), vocabulary=vocabulary, profiles=tmp_path / "profiles")
        return [str(fault) for fault in caught.value.faults]

    return reader


def test_defaults_and_values_arrive_in_the_model(write: Callable[..., Path], tmp_path: Path) -> None:
    text = STATION + WORKLIST + DESTINATION + TLS + 'certificate = "box.pem"\nkey = "file:box.key"\n'
    found = load(write(text, fundus=DEVICE))
    assert found.station.time_zone == "Asia/Kolkata"
    assert found.spool.floor_bytes == 1024 * 2**20
    assert found.worklist[0].address == Address("ris.example", 104)
    assert found.worklist[0].refresh_s == 120.0
    destination = found.destination[0]
    assert destination.compression == Compression("fastest")
    assert destination.tls is not None
    assert destination.tls.ca == tmp_path / "ca.pem"
    assert destination.tls.key == SecretReference("file", str(tmp_path / "box.key"))
    assert destination.tls.check_host_name
    assert found.device("fundus").settings.source.path == tmp_path / "drop"
    assert found.device("fundus").settings.match.rules == ("accession_number", "patient_id", "active_step")


def test_proof_by_commitment_with_a_listener(write: Callable[..., Path]) -> None:
    found = load(write(STATION + DESTINATION + 'proof = "commitment"\n[listener]\nport = 11112\n'))
    assert (found.destination[0].proof, found.destination[0].commitment.batch) == ("commitment", 500)
    assert found.listener is not None
    assert (found.listener.host, found.listener.port, found.listener.tls) == ("0.0.0.0", 11112, None)  # noqa: S104 - read
    assert load(write(STATION + DESTINATION + 'proof = "query"\n')).listener is None


def test_a_whole_number_serves_where_a_number_is_wanted(write: Callable[..., Path]) -> None:
    found = load(write(STATION + WORKLIST + "refresh_s = 30\n"))
    assert found.worklist[0].refresh_s == 30.0
    assert isinstance(found.worklist[0].refresh_s, float)


def test_faults_of_all_files_are_reported_together(faults: Faults) -> None:
    lines = faults(
        '[station]\nname = "x"\n' + DESTINATION + "[destination.timeouts]\ntimout_s = 1\n",
        a="[source]\n",
        b="broken = [",
    )
    assert lines == [
        "gateway.toml: station.ae_title: required key is missing",
        "gateway.toml: station.time_zone: required key is missing",
        "gateway.toml: destination[0].timeouts.timout_s: unknown key timout_s",
        "devices/a.toml: source.path: required key is missing",
        "devices/a.toml: object: required key is missing",
        "devices/b.toml: is not TOML: Invalid value (at end of document)",
    ]


def test_a_fault_is_a_configuration_error_that_halts(write: Callable[..., Path]) -> None:
    with pytest.raises(ConfigurationError, match=r"1 fault:\n  gateway.toml: wbe: unknown table wbe") as caught:
        load(write(STATION + "[wbe]\n"))
    assert caught.value.disposition is Disposition.HALT


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "[station\n",
            "gateway.toml: is not TOML: Expected ']' at the end of a table declaration (at line 1, column 9)",
        ),
        (STATION + "[wbe]\n", "gateway.toml: wbe: unknown table wbe; did you mean web?"),
        (
            STATION + "[devices.fundus]\n",
            "gateway.toml: devices: unknown table devices; each device has a file of its own in the folder devices/",
        ),
        (STATION + "[web]\nprot = 1\n", "gateway.toml: web.prot: unknown key prot; did you mean port?"),
        (STATION + "[web]\nport = 70000\n", "gateway.toml: web.port: must be from 1 to 65535 (given: 70000)"),
        (STATION + "[web]\nport = true\n", "gateway.toml: web.port: must be a whole number (given: True)"),
        (
            STATION + '[web]\nport = "80"\n',
            "gateway.toml: web.port: must be a whole number (given: '80'); write 80 without quotes",
        ),
        (STATION + "[web]\nhost = 5\n", "gateway.toml: web.host: must be text in quotes (given: 5)"),
        (STATION + "web = 5\n", "gateway.toml: station.web: unknown key web"),
        (
            STATION + '[logging]\nlevel = "inof"\n',
            (
                "gateway.toml: logging.level: must be one of debug, info, warning, error (given: 'inof'); "
                "did you mean info?"
            ),
        ),
        ("worklist = 3\n" + STATION, "gateway.toml: worklist: must be a list of tables; write [[worklist]]"),
        (
            STATION.replace("Kolkata", "Calcuta"),
            (
                "gateway.toml: station.time_zone: no time zone of that name (given: 'Asia/Calcuta'); "
                "did you mean Asia/Calcutta?"
            ),
        ),
        (
            STATION.replace('"BOX"', '"SEVENTEEN_LETTERS"'),
            (
                "gateway.toml: station.ae_title: an AE title has at most 16 characters, this has 17 "
                "(given: 'SEVENTEEN_LETTERS')"
            ),
        ),
        (
            STATION.replace('"BOX"', r"'BO\X'"),
            r"gateway.toml: station.ae_title: an AE title is printable ASCII without a backslash (given: 'BO\\X')",
        ),
        (
            STATION.replace('"BOX"', '" "'),
            "gateway.toml: station.ae_title: an AE title is not empty and has no space around it (given: ' ')",
        ),
        (
            STATION + WORKLIST.replace(":104", ""),
            (
                "gateway.toml: worklist[0].address: must be \"host:port\" (given: 'ris.example'); "
                'write "ris.example:104" with the right port'
            ),
        ),
        (
            STATION + DESTINATION.replace(":104", ":0"),
            "gateway.toml: destination[0].address: a port is from 1 to 65535, this is 0 (given: 'pacs.example:0')",
        ),
        (
            STATION + DESTINATION + DESTINATION,
            "gateway.toml: destination[1].name: destination[0] has the same name (given: 'main')",
        ),
        (
            STATION + DESTINATION + 'proof = "commitment"\n',
            (
                "gateway.toml: destination[0].proof: storage commitment needs the table listener, for reports over a "
                "new association (given: 'commitment'); write [listener] with its port"
            ),
        ),
        (
            STATION + "[listener]\nport = 11112\n" + TLS.replace("destination", "listener"),
            "gateway.toml: listener.tls: a listener needs a certificate of its own; set certificate and key",
        ),
        (STATION + "[listener]\n", "gateway.toml: listener.port: required key is missing"),
        (
            STATION + DESTINATION + "[destination.commitment]\nbatch = 501\n",
            "gateway.toml: destination[0].commitment.batch: must be from 1 to 500 (given: 501)",
        ),
        (
            STATION + DESTINATION + "[destination.retry]\nbase_s = 60\ncap_s = 5\n",
            "gateway.toml: destination[0].retry.cap_s: must not be below base_s (60) (given: 5)",
        ),
        (
            STATION + DESTINATION + TLS + 'certificate = "box.pem"\n',
            'gateway.toml: destination[0].tls.key: a certificate needs its key; for example "file:box.key"',
        ),
        (
            STATION + WORKLIST + 'modalities = ["OP", "us"]\n',
            (
                "gateway.toml: worklist[0].modalities[1]: at most 16 capital letters, digits, spaces or '_' "
                "(given: 'us'); did you mean US?"
            ),
        ),
        (
            STATION + WORKLIST + 'modalities = "OP"\n',
            "gateway.toml: worklist[0].modalities: must be a list (given: 'OP'); write [\"OP\"]",
        ),
        (
            STATION + '[[hl7]]\nname = "Local"\nport = 2575\n',
            (
                "gateway.toml: hl7[0].name: is the name of the list that is kept on this box (given: 'Local'); "
                "choose another one"
            ),
        ),
        (
            STATION + WORKLIST + '[[hl7]]\nname = "HIS"\nport = 2575\n',
            "gateway.toml: hl7[0].name: a worklist has the same name (given: 'HIS')",
        ),
        (
            STATION + '[[hl7]]\nname = "HIS"\nport = 2575\nsenders = ["192.0.2.1", "his"]\n',
            (
                "gateway.toml: hl7[0].senders[1]: must be an IP address or a network (given: 'his'); "
                'for example "192.0.2.0/24"'
            ),
        ),
        (
            STATION + '[[hl7]]\nname = "HIS"\nport = 2575\n[hl7.tls]\nca = "ca.pem"\n',
            "gateway.toml: hl7[0].tls: a feed needs a certificate of its own; set certificate and key",
        ),
    ],
)
def test_each_kind_of_fault_names_place_rule_value_and_suggestion(faults: Faults, text: str, fault: str) -> None:
    assert faults(text) == [fault]


@pytest.mark.parametrize("given", ["hunter2", "-----BEGIN KEY-----\\nabc", "file:", "vault:box"])
def test_a_secret_in_the_file_is_refused_and_never_repeated(faults: Faults, given: str) -> None:
    (line,) = faults(STATION + DESTINATION + TLS + f'certificate = "box.pem"\nkey = "{given}"\n')
    assert line == (
        "gateway.toml: destination[0].tls.key: a secret is given by reference, never in the file itself; "
        'write "file:/path/to/key.pem" or "credential:NAME"'
    )


@pytest.mark.parametrize(
    ("device", "fault"),
    [
        (DEVICE + "[exma]\n", "exma: unknown key exma; did you mean exam?"),
        (DEVICE + '[match]\nrules = ["active"]\n', ("match.rules[0]: must be one of accession_number, patient_id, "
         "active_step, single_in_window (given: 'active'); did you mean active_step?")),
        (DEVICE + '[match]\nproviders = ["HSI"]\n', ("match.providers[0]: no worklist of that name (given: 'HSI'); "
         "did you mean HIS?")),
        (DEVICE + "[hints]\nfile_name = '('\n",
         "hints.file_name: not a regular expression: missing ), unterminated subpattern at position 0 (given: '(')"),
        (DEVICE + "[hints]\nfolder = '(?P<patientid>.*)'\n",
         "hints.folder: 'patientid' names no kind of hint (given: '(?P<patientid>.*)'); did you mean patient_id?"),
        (DEVICE + '[hints]\nsidecar = { suffix = ".xml", map = { accession = "/a" } }\n',
         "hints.sidecar.map: 'accession' names no kind of hint; did you mean accession_number?"),
        (DEVICE + '[hints]\nsidecar = { suffix = ".txt", map = { patient_id = "id" } }\n',
         'hints.sidecar.format: the suffix does not say the format; write format = "xml" or the like'),
        (DEVICE + '[exam]\ngrouping = "marker"\n',
         'exam.marker: grouping = "marker" needs the name of the marker; e.g. "done.txt"'),
        (DEVICE + '[object.codes]\nAnatomicRegionSequence = ["1", "2"]\n',
         "object.codes.AnatomicRegionSequence: must have 3 elements, this has 2"),
        (DEVICE.replace("[object]", 'move_to = "taken"\n[object]'),
         "source.move_to: has no meaning with after = \"keep\" (given: 'taken'); write after = \"move\""),
        (DEVICE.replace("[object]", 'after = "move"\nmove_to = "drop"\n[object]'),
         "source.move_to: is the watched folder itself (given: 'drop'); name another folder"),
        (DEVICE + "[hints]\nfile_name = '[0-9]+'\n",
         "hints.file_name: has no named group (given: '[0-9]+'); name one, for example (?P<patient_id>[0-9]+)"),
        (DEVICE + '[hints]\ndate_formats = ["%d.%m"]\n',
         "hints.date_formats[0]: must hold %d, %m and %Y (given: '%d.%m'); for example \"%d.%m.%Y\""),
        (DEVICE + '[hints]\nsidecar = { suffix = ".csv", encoding = "utf-9", map = { patient_id = "id" } }\n',
         "hints.sidecar.encoding: no character encoding of that name (given: 'utf-9'); for example \"utf-8\""),
        (DEVICE.replace("[object]", 'kind = "watched_foldr"\n[object]'),
         "source.kind: must be one of watched_folder (given: 'watched_foldr'); did you mean watched_folder?"),
        ('profile = "fundus"\n' + DEVICE,
         "profile: no shipped profile of that name (given: 'fundus')"),
    ],
)  # fmt: skip
def test_faults_of_device_files(faults: Faults, device: str, fault: str) -> None:
    assert faults(STATION + WORKLIST, fundus=device) == [f"devices/fundus.toml: {fault}"]


def test_two_devices_may_not_watch_one_folder(faults: Faults) -> None:
    lines = faults(STATION, a=DEVICE, b=DEVICE)
    assert [line.partition(" (")[0] for line in lines] == [
        f"devices/{name}.toml: source.path: another device watches the same folder" for name in ("a", "b")
    ]


def test_other_rooms_vocabulary_is_checked(faults: Faults) -> None:
    vocabulary = Vocabulary(
        sop_classes=frozenset({"vl-photographic", "ultrasound"}),
        transfer_syntaxes={"RLE Lossless": "1.2.840.10008.1.2.5"},
        object_faults=lambda made: ["Nobody makes these."] if made.modality == "XX" else [],
    )
    lines = faults(
        STATION + DESTINATION + 'compression = ["RLE Losless"]\n',
        vocabulary,
        a=DEVICE.replace("photographic", "photografic"),
        b=DEVICE.replace('"drop"', '"other"') + 'modality = "XX"\n',
    )
    assert lines == [
        (
            "gateway.toml: destination[0].compression: 'RLE Losless' is not a transfer syntax that the gateway writes; "
            "did you mean RLE Lossless?"
        ),
        (
            "devices/a.toml: object.sop_class: no SOP Class of that name (given: 'vl-photografic'); "
            "did you mean vl-photographic?"
        ),
        "devices/b.toml: object: Nobody makes these.",
    ]


def test_names_of_transfer_syntaxes_become_uids(write: Callable[..., Path]) -> None:
    vocabulary = Vocabulary(transfer_syntaxes={"RLE Lossless": "1.2.840.10008.1.2.5", "X": "1.2.3"})
    found = load(write(STATION + DESTINATION + 'compression = ["RLE Lossless", "1.2.3"]\n'), vocabulary=vocabulary)
    assert found.destination[0].compression == Compression("list", ("1.2.840.10008.1.2.5", "1.2.3"))


def test_a_profile_lies_under_the_device_file(write: Callable[..., Path], tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "shelf.toml").write_text(
        '[source]\nsettle_s = 9.0\npatterns = ["*.bmp"]\n[object]\nsop_class = "ultrasound"\nmodality = "US"\n'
        '[exam]\ngrouping = "folder"\n'
    )
    own = 'profile = "shelf"\n[source]\npath = "drop"\npatterns = ["*.png"]\n[object]\nmodality = "OT"\n'
    device = load(write(STATION, us=own), profiles=profiles).device("us").settings
    assert (device.source.settle_s, device.source.patterns) == (9.0, ("*.png",))
    assert (device.object.sop_class, device.object.modality) == ("ultrasound", "OT")
    assert device.exam.grouping == "folder"


def test_a_fault_in_a_profile_is_said_of_the_profile(write: Callable[..., Path], tmp_path: Path) -> None:
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "shelf.toml").write_text('[source]\nsettle_s = -1\n[object]\nsop_class = "ultrasound"\n')
    with pytest.raises(InvalidConfiguration) as caught:
        load(write(STATION, us='profile = "shelf"\n[source]\npath = "drop"\npol_s = 1\n'), profiles=profiles)
    assert {str(fault) for fault in caught.value.faults} == {
        "devices/us.toml: source.pol_s: unknown key pol_s; did you mean poll_s?",
        "profile shelf: source.settle_s: must be from 0 to 3600 (given: -1)",
    }


def test_a_file_that_is_not_there_or_not_utf_8_is_one_fault(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match=r"1 fault:\n  gateway.toml: cannot be read: No such file"):
        load(tmp_path / "gateway.toml")
    (tmp_path / "gateway.toml").write_bytes(b"# \xff\n")
    with pytest.raises(InvalidConfiguration, match=r"1 fault:\n  gateway.toml: is not UTF-8 text at byte 2"):
        load(tmp_path / "gateway.toml")


def test_the_name_of_a_device_file_is_a_name(faults: Faults) -> None:
    (line,) = faults(STATION, **{"two words": DEVICE})
    assert line.startswith("devices/two words.toml: the name of the file is the name of the device; a name has")
