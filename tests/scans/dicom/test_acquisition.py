"""kgp.scans.dicom.acquisition: what headers say of how an image was taken."""

import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.scans.dicom.acquisition import Acquisition, read_acquisition, read_image_type  # noqa: E402
from kgp.scans.dicom.privacy import quiet_libraries  # noqa: E402


def header(**values):
    dataset = pydicom.Dataset()
    for name, value in values.items():
        items = isinstance(value, list) and isinstance(value[0], dict)
        setattr(dataset, name, [header(**one) for one in value] if items else value)
    return dataset


def test_a_classic_header():
    taken = read_acquisition(
        header(
            SeriesDescription="t1 tra",
            StudyDescription="MRT Kopf",
            ProtocolName="routine",
            BodyPartExamined="BRAIN",
            ScanningSequence=["SE", "IR"],
            ContrastBolusAgent="Gadovist",
            ContrastBolusVolume="7.5",
            AngioFlag="Y",
            AcquisitionDate="20240102",
            AcquisitionTime="101112.5",
        )
    )
    assert taken == Acquisition(
        description="t1 tra",
        other_descriptions=("MRT Kopf", "routine"),
        body_parts=("BRAIN",),
        scanning_sequence=("SE", "IR"),
        agent="Gadovist",
        agent_volume=7.5,
        angiography=True,
        acquired="20240102101112.5",
    )


def test_a_header_that_says_nothing():
    assert read_acquisition(header(ContrastBolusAgent=None, AcquisitionTime="101112")) == Acquisition()
    assert read_acquisition(header(SeriesDescription="", ProtocolName="t1")).description == "t1"
    dataset = pydicom.Dataset()
    tag = pydicom.tag.Tag("ContrastBolusVolume")
    dataset[tag] = pydicom.dataelem.RawDataElement(tag, "DS", 4, b"7 ml", 0, False, True)
    with quiet_libraries():
        assert read_acquisition(dataset).agent_volume == 0
    assert read_image_type(header()) == ()


def test_an_enhanced_header():
    dataset = header(
        ImageType=["ORIGINAL", "PRIMARY", "M", "NONE"],
        AcquisitionContrast="UNKNOWN",
        EchoPulseSequence="BOTH",
        EchoPlanarPulseSequence="YES",
        ContrastBolusAgentSequence=[{"CodeMeaning": "Gadobutrol"}],
        SharedFunctionalGroupsSequence=[
            {"FrameAnatomySequence": [{"AnatomicRegionSequence": [{"CodeMeaning": "Lumbar spine"}]}]}
        ],
        PerFrameFunctionalGroupsSequence=[
            {
                "MRImageFrameTypeSequence": [
                    {"FrameType": ["ORIGINAL", "PRIMARY"], "ComplexImageComponent": part, "AcquisitionContrast": "T1"}
                ]
            }
            for part in ("MAGNITUDE", "PHASE")
        ],
    )
    taken = read_acquisition(dataset)
    assert taken.contrast == "T1" and taken.scanning_sequence == ("SE", "GR", "EP")
    assert taken.body_parts == ("LUMBAR SPINE",) and taken.agent == "GADOBUTROL"
    assert read_image_type(dataset) == ("ORIGINAL", "PRIMARY", "M", "NONE", "MAGNITUDE", "PHASE")
    dataset.AcquisitionContrast = "T2"
    assert read_acquisition(dataset).contrast == "MIXED"


@pytest.mark.parametrize(
    ("creator", "kind", "count", "expected"),
    [
        ("SIEMENS MR HEADER", "US", 36, True),
        ("SIEMENS MR HEADER", "UN", b"\x24\x00", True),
        ("SIEMENS MR HEADER", "US", 1, False),
        ("OTHER", "US", 36, False),
    ],
)
def test_mosaics(creator, kind, count, expected):
    dataset = header()
    dataset.add_new((0x0019, 0x0010), "LO", creator)
    dataset.add_new((0x0019, 0x100A), kind, count)
    assert read_acquisition(dataset).mosaic == expected
    assert read_acquisition(header(ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"])).mosaic
