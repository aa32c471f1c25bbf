"""The command that shows what the gateway would make of a file."""

from pathlib import Path

import click

from gateway.bootstrap import tryout
from gateway.bootstrap.settings import load_configuration
from gateway.cli.context import config_path, speaks_of_faults
from gateway.cli.tables import print_table
from gateway.codec.registry import lookup


@click.command("try")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--device", required=True, help="The device whose profile is applied.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the object here.")
@click.option("--attributes", is_flag=True, help="List every attribute of the object.")
@click.pass_context
@speaks_of_faults
def try_file(context: click.Context, file: Path, device: str, output: Path | None, attributes: bool) -> None:
    """Show what the gateway would make of FILE: hints, match, object, transfer syntax, sizes."""
    result = tryout.try_file(load_configuration(config_path(context)), file, device, output)
    click.secho("hints", bold=True)
    for hint in result.hints:
        click.echo(f"  {hint.kind.value} = {hint.value}  (from {hint.origin})")
    if not result.hints:
        click.echo("  none")
    click.secho("match", bold=True)
    click.echo(f"  {result.verdict}")
    made = result.plan.format
    click.secho("object", bold=True)
    click.echo(f"  SOP Class        {result.plan.sop_class_uid}")
    click.echo(f"  Transfer Syntax  {lookup(result.plan.transfer_syntax_uid).name} ({result.plan.reason})")
    click.echo(
        f"  pixels           {made.columns} x {made.rows}, {made.samples_per_pixel} x {made.bits_stored} bit, "
        f"{made.photometric_interpretation}, {result.plan.frame_count} frame(s)"
    )
    click.echo(
        f"  bytes            file {result.file_bytes}, pixels {result.native_bytes}, object {result.object_bytes}"
    )
    for note in result.notes:
        click.echo(f"  note             {note}")
    if attributes:
        print_table(["tag", "name", "value"], result.lines)
    if output is not None:
        click.echo(f"written: {output}")
