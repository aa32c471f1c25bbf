"""General Image, Image Pixel and ICC Profile: what the picture shows and how its pixels are to be read.

References: PS3.3 C.7.6.1, C.7.6.3, C.11.15.
"""

from datetime import timedelta

from gateway.domain.acquisition import HintKind, hint_values
from gateway.objects.anatomy import image_laterality, region_of_hint
from gateway.objects.coded import code_item
from gateway.objects.draft import Draft
from gateway.objects.values import da, decimal_string, description, offset, tm

# how old a device's own time stamp may be at capture to be believed: clocks without battery say 1970 or 2000
_BELIEVABLE_AGE = timedelta(days=1)
_ICC_HEADER_BYTES = 128


def general_image(draft: Draft) -> None:
    """Fill in General Image; Image Type says ORIGINAL unless the gateway itself changed pixels, which only lossy
    compression does.
    """
    order, dataset = draft.order, draft.dataset
    dataset.ImageType = ["DERIVED" if order.derivation else "ORIGINAL", "PRIMARY"]
    if order.derivation:
        dataset.DerivationDescription = order.derivation
        dataset.DerivationCodeSequence = [code_item("113040", "DCM", "Lossy Compression")]
    dataset.InstanceNumber = order.identity.instance_number
    dataset.PatientOrientation = ""
    dataset.ContentDate, dataset.ContentTime = da(order.captured_at), tm(order.captured_at)
    dataset.AcquisitionDateTime = _acquired_at(draft)
    dataset.BurnedInAnnotation = "YES" if order.profile.burned_in_annotation else "NO"
    comments = description(draft, "ImageComments", "\r\n".join(hint_values(order.hints, HintKind.DESCRIPTION)))
    if comments:
        dataset.ImageComments = comments
    _lossy_history(draft)
    _anatomy(draft)


def image_pixel(draft: Draft) -> None:
    """Fill in Image Pixel (PS3.3 C.7.6.3) but for Pixel Data, which is written as a stream."""
    shape, dataset = draft.order.format, draft.dataset
    dataset.SamplesPerPixel = shape.samples_per_pixel
    dataset.PhotometricInterpretation = shape.photometric_interpretation
    if shape.samples_per_pixel > 1:
        dataset.PlanarConfiguration = draft.order.planar_configuration
    dataset.Rows, dataset.Columns = shape.rows, shape.columns
    dataset.BitsAllocated, dataset.BitsStored = shape.bits_allocated, shape.bits_stored
    dataset.HighBit = shape.bits_stored - 1
    dataset.PixelRepresentation = int(shape.signed)


def icc_profile(draft: Draft) -> None:
    """Fill in ICC Profile (PS3.3 C.11.15) when the picture brought one for RGB; without it colours stay undefined."""
    profile = draft.order.facts.icc_profile
    if not profile or draft.order.format.samples_per_pixel == 1:
        return
    if len(profile) <= _ICC_HEADER_BYTES or profile[36:40] != b"acsp" or profile[16:20] != b"RGB ":
        draft.note("The ICC profile of the picture is not one for RGB; it was left out.")
        return
    draft.dataset.ICCProfile = profile + b"\0" * (len(profile) % 2)


def lossy_compression_known(draft: Draft) -> None:
    """Say 00 where a class wants Lossy Image Compression (PS3.3 C.7.6.1.1.5) with a value and no step is known."""
    if "LossyImageCompression" not in draft.dataset:
        draft.dataset.LossyImageCompression = "00"


def _lossy_history(draft: Draft) -> None:
    """Lossy attributes, one value per lossy step in the order they happened (PS3.3 C.7.6.1.1.5)."""
    steps = draft.order.facts.lossy
    if not steps:
        return
    dataset = draft.dataset
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = [decimal_string(round(step.ratio, 2)) for step in steps]
    dataset.LossyImageCompressionMethod = [step.method for step in steps]


def _anatomy(draft: Draft) -> None:
    dataset = draft.dataset
    region = region_of_hint(draft)
    if region is not None:
        dataset.AnatomicRegionSequence = [code_item(region.code, "SCT", region.meaning)]
    side = image_laterality(draft)
    if side:
        dataset.ImageLaterality = side
    elif region is not None and not region.paired:
        dataset.ImageLaterality = "U"
    else:
        # type 2C of General Series: whether the part is paired is not known; absent would claim that it is not
        dataset.Laterality = ""


def _acquired_at(draft: Draft) -> str:
    """The device's own time where it is believable, else the moment of capture, as DT with offset."""
    captured, recorded = draft.order.captured_at, draft.order.facts.recorded_at
    moment = captured
    if recorded is not None:
        own = recorded.replace(tzinfo=captured.tzinfo)
        if timedelta(0) <= captured - own <= _BELIEVABLE_AGE:
            moment = own
        else:
            draft.note("The time recorded in the picture is not within a day before its capture; it was not used.")
    return da(moment) + tm(moment) + offset(moment)
