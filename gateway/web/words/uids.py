"""Names for the UIDs that a person may meet: classes and transfer syntaxes as PS3.6 calls them, shortened.

The page holds them itself, because the tables that build and encode weigh more than the page does.
"""

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_CLASSES = {
    f"{_STORAGE}7": "Secondary Capture",
    f"{_STORAGE}7.2": "Secondary Capture, grey 8-bit frames",
    f"{_STORAGE}7.3": "Secondary Capture, grey 16-bit frames",
    f"{_STORAGE}7.4": "Secondary Capture, colour frames",
    f"{_STORAGE}77.1.1": "VL Endoscopic",
    f"{_STORAGE}77.1.4": "VL Photographic",
    f"{_STORAGE}6.1": "Ultrasound",
    f"{_STORAGE}3.1": "Ultrasound, several frames",
    f"{_STORAGE}77.1.5.1": "Ophthalmic Photography 8 Bit",
    f"{_STORAGE}88.59": "Key Object Selection",
}
_SYNTAXES = {
    "1.2.840.10008.1.2": "uncompressed (Implicit VR)",
    "1.2.840.10008.1.2.1": "uncompressed (Explicit VR)",
    "1.2.840.10008.1.2.1.99": "deflated",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless, first-order prediction",
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.5": "RLE Lossless",
}


def class_name(uid: str) -> str:
    """What people call a SOP Class; its UID when the page has no name for it."""
    return _CLASSES.get(uid, uid)


def syntax_name(uid: str) -> str:
    """What people call a transfer syntax; its UID when the page has no name for it."""
    return _SYNTAXES.get(uid, uid)
