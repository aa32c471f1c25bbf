"""README.md names each command of the program, none that it has not, and configuration that is good."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli.main import main
from gateway.config.faults import InvalidConfiguration
from gateway.config.load import load
from gateway.domain.identifiers import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from gateway.objects.iods import IODS
from tests.support.readme import TEXT, blocks, commands

ROOT = Path(__file__).parents[2]
_STATION = '[station]\nname = "Room"\nae_title = "BOX"\ntime_zone = "UTC"\n'
_MISSING = {"main": ("address", '"pacs.example:2762"\nae_title = "MAIN"'),
            "second": ("address", '"pacs2.example:2762"\nae_title = "SECOND"')}  # fmt: skip
_DEVICE = 'profile = "fundus-camera-folder"\n[source]\npath = "/data/drop/fundus"\n'


def leaves(command: click.Command, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    if command.invoke_without_command and name:
        yield name, command
    context = click.Context(command)
    for sub in command.list_commands(context):
        found = command.get_command(context, sub)
        assert found is not None
        yield from leaves(found, (*name, sub))


def named(text: str) -> tuple[tuple[str, ...], click.Command, list[str]]:
    """The command that `text` calls, and the words after its name."""
    words = re.sub(r"^gateway (--config PATH )?", "", text).split("   #")[0].split()
    command: click.Command = main
    path: list[str] = []
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"{text}: there is no {words[0]}"
        command = found
        path.append(words.pop(0))
    return tuple(path), command, words


@pytest.mark.parametrize("text", commands())
def test_a_command_of_the_readme_is_one_of_the_program(text: str) -> None:
    path, command, words = named(text)
    assert path
    options = {option for parameter in command.params for option in parameter.opts if option.startswith("-")}
    assert {word for word in words if word.startswith("-")} <= options


def test_each_command_of_the_program_stands_in_the_readme() -> None:
    assert {name for name, _ in leaves(main)} - {named(text)[0] for text in commands()} == {("demo",)}, "scripts/demo"


@pytest.mark.parametrize("text", blocks("toml"), ids=lambda text: text.splitlines()[0])
def test_a_configuration_example_is_good(tmp_path: Path, text: str) -> None:
    (tmp_path / "devices").mkdir()
    if text.startswith("# devices/"):
        (tmp_path / "devices" / "fundus.toml").write_text(text)
        (tmp_path / "gateway.toml").write_text(_STATION)
        assert load(tmp_path / "gateway.toml").device("fundus").settings.source.after == "delete"
        return
    (tmp_path / "devices" / "fundus.toml").write_text(_DEVICE)
    for name, (key, value) in _MISSING.items():
        text = text.replace(f'name = "{name}"\n', f'name = "{name}"\n{key} = {value}\n')
    (tmp_path / "gateway.toml").write_text(_STATION + text)
    assert load(tmp_path / "gateway.toml").station.ae_title == "BOX"


def test_the_fault_that_the_readme_shows_is_the_one_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(
        f'{_STATION}[[destination]]\nname = "main"\naddress = "h:1"\nae_title = "A"\ntimout_s = 1\n'
    )
    with pytest.raises(InvalidConfiguration) as told:
        load(tmp_path / "gateway.toml")
    assert str(told.value) in TEXT


def test_the_conformance_part_names_what_is_made() -> None:
    rows = dict(re.findall(r"^\| (.+? Storage) \| (1\.2[0-9.]+) \|", TEXT, re.MULTILINE))
    assert rows.pop("Key Object Selection Document Storage") == "1.2.840.10008.5.1.4.1.1.88.59"
    assert rows == {row.title: row.sop_class_uid for row in IODS.values()}
    assert f"Class UID {IMPLEMENTATION_CLASS_UID}, Version Name {IMPLEMENTATION_VERSION_NAME}" in re.sub(
        r"\s+", " ", TEXT
    )


def test_what_the_troubleshooting_quotes_is_what_the_program_says() -> None:
    source = " ".join(path.read_text(encoding="utf-8") for path in (ROOT / "gateway").rglob("*.py"))
    said = re.sub(r'"\s+f?"', "", source)
    table = TEXT.partition("## Troubleshooting")[2].partition("## Conformance")[0]
    quoted = [one for line in table.splitlines() if line.startswith("| ")
              for one in re.findall(r'"([^"]+)"', line.split("|")[1])]  # fmt: skip
    assert len(quoted) > 15
    parts = [part.strip(" .,") for one in quoted for part in re.split(r"NAME|\.\.\.|: |\b\d+\b|(?<=take) ", one)]
    assert [part for part in parts if part not in said] == []
