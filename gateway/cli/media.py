"""Commands about media: write the unsent queue to a stick, and import the receipt for it."""

import sys
from pathlib import Path

import click

from gateway.bootstrap import media
from gateway.cli.context import EXIT_FAULT, configuration, speaks_of_faults
from gateway.stages.export import Progress

_MIB = 1 << 20


@click.command()
@click.argument("usb_path", type=click.Path(path_type=Path))
@click.option("--destination", default="", help="Only what is owed to this destination.")
@click.option("--new", "only_new", is_flag=True, help="Leave out what another export holds already.")
@click.pass_context
@speaks_of_faults
def export(context: click.Context, usb_path: Path, *, destination: str, only_new: bool) -> None:
    """Write all that is unsent to USB_PATH as a DICOM file-set with its hashes and a receipt to fill in.

    Nothing counts as delivered by it: bring the filled-in receipt back and import it. The file-set names patients;
    keep the stick like a record. Interrupted, repeat the command with the same stick.
    """
    settings = configuration(context)
    if media.lies_on_own_disk(settings, usb_path):
        click.echo(
            f"{usb_path} is on the gateway's own disk: if you mean a stick, it is not mounted there. Stop with Ctrl-C,"
            " mount it, and remove what was written.",
            err=True,
        )
    outcome = media.export_queue(settings, usb_path, destination=destination, again=not only_new, tell=_tell)
    if outcome is None:
        click.echo("Nothing is unsent.")
        return
    resumed = " (resumed)" if outcome.resumed else ""
    click.echo(
        f"Export {outcome.number}{resumed}: {outcome.files} object(s), {outcome.bytes / _MIB:.1f} MiB, "
        f"{outcome.deliveries} delivery(ies); every byte was read back. Unmount the stick before you pull it out."
    )
    for uid in outcome.damaged:
        click.echo(f"NOT exported, its spooled object is damaged: {uid}", err=True)
    click.echo("They stay unsent until the receipt is imported: gateway import-receipt RECEIPT.TXT")
    if outcome.damaged:
        sys.exit(EXIT_FAULT)


def _tell(progress: Progress) -> None:
    click.echo(
        f"{progress.files} of {progress.all_files} object(s), {progress.bytes / _MIB:.1f} of "
        f"{progress.all_bytes / _MIB:.1f} MiB, {progress.bytes_per_s / _MIB:.1f} MiB/s"
    )


@click.command("import-receipt")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--importer", default="", help="Who imported, where the file does not say it (a listing of the PACS).")
@click.option("--destination", default="", help="Into which destination, where the file does not say it.")
@click.pass_context
@speaks_of_faults
def import_receipt(context: click.Context, file: Path, *, importer: str, destination: str) -> None:
    """Take what FILE proves for stored: a filled-in receipt, or the PACS's listing of instances as JSON."""
    outcome = media.import_receipt(configuration(context), file, importer=importer, destination=destination)
    click.echo(f"{outcome.accepted} delivery(ies) stored by this receipt, {outcome.stored_before} were stored before.")
    for uid, why in outcome.refused:
        click.echo(f"refused: {uid}: {why}", err=True)
    if outcome.refused:
        sys.exit(EXIT_FAULT)
