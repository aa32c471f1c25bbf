"""The support table as Markdown, generated from the registry so that the README cannot promise something else."""

from gateway.codec.registry import TransferSyntax, all_rows

_HEADS = (
    "Transfer syntax",
    "UID",
    "Lossless",
    "Bits allocated",
    "Bits stored",
    "Samples",
    "Signed",
    "Photometric Interpretation (native, encoded if other)",
    "Encoder",
    "Proved by",
)


def support_table() -> str:
    """One line a transfer syntax that the gateway writes; ends without a line break."""
    lines = [_line(_HEADS), _line(["---"] * len(_HEADS))]
    lines += [_line(_cells(row)) for row in all_rows()]
    return "\n".join(lines)


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: TransferSyntax) -> list[str]:
    lowest, highest = row.bits_stored
    return [
        row.name,
        row.uid,
        "yes" if row.lossless else "no",
        ", ".join(map(str, row.bits_allocated)),
        str(lowest) if lowest == highest else f"{lowest} to {highest}",
        ", ".join(map(str, row.samples)),
        "yes" if row.signed else "no",
        ", ".join(native if native == encoded else f"{native} as {encoded}" for native, encoded in row.photometric),
        row.made_by,
        ", ".join(decoder.name for decoder in row.decoders) or "nothing to prove",
    ]
