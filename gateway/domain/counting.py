"""Numbers with their word, as a person reads them."""


def counted(number: int, one: str, many: str) -> str:
    """``1 file lies`` or ``2,000 files lie``: the number before `one` or before `many`."""
    return f"{number:,} {one if number == 1 else many}"
