"""Equipment: the device that made the picture, the gateway that made the object, and SOP Common which names both.

References: PS3.3 C.7.5.1, C.8.6.1, C.12.1.
"""

from pydicom.dataset import Dataset

from gateway.objects.coded import code_item
from gateway.objects.draft import Draft
from gateway.objects.values import da, description, offset, tm, uid

GATEWAY_MANUFACTURER = "Imaging Gateway"
GATEWAY_MODEL = "imaging-gateway"
# CID 7005 has no code for a gateway; it processes what another device acquired
_PROCESSING_EQUIPMENT = ("109102", "DCM", "Processing Equipment")
_DEFAULT_CONVERSION = "DI"


def general_equipment(draft: Draft) -> None:
    """Fill in General Equipment (PS3.3 C.7.5.1): always the imaging device, never the gateway."""
    device, station = draft.order.profile.equipment, draft.order.station
    draft.dataset.Manufacturer = description(draft, "Manufacturer", device.manufacturer)
    _describe(
        draft,
        draft.dataset,
        {
            "ManufacturerModelName": device.model_name,
            "DeviceSerialNumber": device.serial_number,
            "SoftwareVersions": device.software_versions,
            "StationName": station.name,
            "InstitutionName": station.institution,
        },
    )


def sc_equipment(draft: Draft) -> None:
    """Fill in SC Equipment (PS3.3 C.8.6.1): how the picture came in, and the gateway as the capturing device."""
    draft.dataset.ConversionType = draft.order.profile.conversion_type or _DEFAULT_CONVERSION
    _describe(
        draft,
        draft.dataset,
        {
            "SecondaryCaptureDeviceID": draft.order.station.name,
            "SecondaryCaptureDeviceManufacturer": GATEWAY_MANUFACTURER,
            "SecondaryCaptureDeviceManufacturerModelName": GATEWAY_MODEL,
            "SecondaryCaptureDeviceSoftwareVersions": draft.order.station.software_version,
        },
    )


def sc_image(draft: Draft) -> None:
    """Fill in SC Image (PS3.3 C.8.6.2): the moment of the capture."""
    captured = draft.order.captured_at
    draft.dataset.DateOfSecondaryCapture, draft.dataset.TimeOfSecondaryCapture = da(captured), tm(captured)


def sop_common(draft: Draft) -> None:
    """Fill in SOP Common (PS3.3 C.12.1) but for Specific Character Set, which depends on all else and is set last."""
    order, dataset = draft.order, draft.dataset
    dataset.SOPClassUID = draft.iod.sop_class_uid
    dataset.SOPInstanceUID = uid("SOPInstanceUID", order.identity.sop_instance_uid)
    dataset.TimezoneOffsetFromUTC = offset(order.captured_at)
    dataset.ContributingEquipmentSequence = [_gateway(draft)]


def _gateway(draft: Draft) -> Dataset:
    station, captured = draft.order.station, draft.order.captured_at
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [code_item(*_PROCESSING_EQUIPMENT)]
    item.Manufacturer = GATEWAY_MANUFACTURER
    _describe(
        draft,
        item,
        {
            "ManufacturerModelName": GATEWAY_MODEL,
            "DeviceSerialNumber": station.serial_number,
            "SoftwareVersions": station.software_version,
            "StationName": station.name,
            "InstitutionName": station.institution,
            "ContributionDescription": "Made a DICOM object from the output of a device that speaks no DICOM",
        },
    )
    # the moment of capture, not of building: an object built again after a power failure must come out the same
    item.ContributionDateTime = da(captured) + tm(captured) + offset(captured)
    return item


def _describe(draft: Draft, target: Dataset, texts: dict[str, str]) -> None:
    for keyword, value in texts.items():
        text = description(draft, keyword, value)
        if text:
            setattr(target, keyword, text)
