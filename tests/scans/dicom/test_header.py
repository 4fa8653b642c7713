"""kgp.scans.dicom.header: which files are images, what their headers say, and what is refused."""

import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.errors import KgpError  # noqa: E402
from kgp.scans.dicom.files import StudyFile  # noqa: E402
from kgp.scans.dicom.header import ImageHeader, OtherObject, read_header  # noqa: E402


def read(path, **options):
    return read_header(StudyFile(path.name, path), **options)


@pytest.fixture
def header_of(tmp_path):
    """Writes a data set as IM7 and reads its header."""

    def header(dataset, **options):
        dataset.save_as(tmp_path / "IM7", enforce_file_format=True)
        return read(tmp_path / "IM7", **options)

    return header


def test_a_single_slice(phantom_study, header_of):
    header = header_of(phantom_study().slice("FLAIR", 2, InversionTime="2500", ContrastBolusAgent="Gd"))
    assert (header.instance_uid, header.study_uid) == ("1.2.840.99.1.4.3", "1.2.840.99.1.1")
    assert (header.series_uid, header.frame_of_reference) == ("1.2.840.99.1.1.4", "1.2.840.99.1.2")
    assert (header.number, header.description, header.multiframe) == (4, "t2 flair tra", False)
    assert (header.echo_time, header.repetition_time, header.inversion_time) == (90, 9000, 2500) and header.agent
    assert header.image_type == ("ORIGINAL", "PRIMARY", "M") and header.pixel_kind == ("1", "MONOCHROME2", "16", "0")
    assert len(header.places) == 1 and header.why_no_places == ""


def test_what_a_header_need_not_say(phantom_study, header_of):
    lacking = dict.fromkeys(("SeriesNumber", "SeriesDescription", "EchoTime", "FrameOfReferenceUID", "ImageType"))
    header = header_of(phantom_study().slice("FLAIR", 2, ContrastBolusAgent="none", **lacking))
    assert (header.number, header.description, header.echo_time, header.frame_of_reference) == (None, "", None, "")
    assert header.image_type == () and not header.agent


def test_times_of_an_enhanced_object(phantom_study, header_of):
    dataset = phantom_study().enhanced("FLAIR")
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for group, name, value in (
        ("MREchoSequence", "EffectiveEchoTime", 90.0),
        ("MRTimingAndRelatedParametersSequence", "RepetitionTime", 9000.0),
        ("MRModifierSequence", "InversionTimes", [2500.0]),
    ):
        item = pydicom.Dataset()
        setattr(item, name, value)
        setattr(shared, group, [item])
    header = header_of(dataset)
    assert header.multiframe and len(header.places) == 6
    assert (header.echo_time, header.repetition_time, header.inversion_time) == (90, 9000, 2500)


def test_a_place_that_is_not_known_is_told_later(phantom_study, header_of):
    header = header_of(phantom_study().slice("T1", 0, PixelSpacing=None))
    assert header.places == () and header.why_no_places.startswith("IM7 has no PixelSpacing")


def test_images_of_another_modality(phantom_study, header_of):
    kind = {"SOPClassUID": pydicom.uid.CTImageStorage, "Modality": "CT"}
    other = header_of(phantom_study().slice("T1", 0, **kind))
    assert other == OtherObject("CT Image Storage", "1.2.840.99.1.1.3")
    assert isinstance(header_of(phantom_study().slice("T1", 0, **kind), mr_only=False), ImageHeader)


def test_the_patients_name_and_number_are_taken_out_of_a_description(phantom_study, header_of):
    header = header_of(phantom_study().slice("T1", 0, SeriesDescription="t9 secret phantom-7"))
    assert header.description == "t9 ... ..."


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"SeriesInstanceUID": "1.2.x"}, "IM7 has a SeriesInstanceUID that is no UID"),
        ({"SOPInstanceUID": "1." + 64 * "9"}, "IM7 has a SOPInstanceUID that is no UID"),
        ({"SOPInstanceUID": None}, "IM7 is an MR image without SOPInstanceUID"),
        ({"StudyInstanceUID": None, "SeriesInstanceUID": None}, "without StudyInstanceUID, SeriesInstanceUID"),
        (
            {"SeriesInstanceUID": "1.2", "Rows": None},
            "IM7 has no Rows, so its place in space is not known; it may be cut",
        ),
        ({"Modality": "CT"}, "IM7 is stored as an MR image and says that its modality is another"),
        ({"SOPClassUID": None}, "IM7 does not say which kind of object it is"),
    ],
)
def test_a_header_that_is_damaged(phantom_study, header_of, changes, message):
    with pytest.raises(KgpError, match=message):
        header_of(phantom_study().slice("T1", 0, **changes))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.dcm", bytes(2000)),
        ("a.dcm", b"\x7fELF\0\1\2" * 50),
        ("IM8", bytes(40)),
        ("IM8", bytes(128) + b"DI"),
        ("IM8", b"\x08\0\5\0CS\x0a\0ISO_IR 100"),
    ],
)
def test_a_file_that_could_be_an_image_and_is_none(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(KgpError, match=f"{name} (is cut short or not a DICOM file|does not say which kind)"):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("README", b"what is on this disc", "other file"),
        ("viewer.exe", bytes(300), "other file"),
        ("viewer.dat", bytes(100), "other file"),
        ("v1.2", b"\x7fELF\0\1\2" * 50, "other file"),
        ("LOCKFILE", b"\1\2\3", "other file"),
        ("a.dcm", b"", "empty file"),
        ("DICOMDIR", bytes(50), "Media Storage Directory Storage"),
    ],
)
def test_a_file_that_is_clearly_something_else(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    assert read(tmp_path / name) == OtherObject(kind, "")


def test_sequences_nested_three_hundred_deep(phantom_study, header_of, tmp_path):
    header_of(phantom_study().slice("T1", 0))
    opened = b"\x18\0\x14\x91SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff"
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    content = (tmp_path / "IM7").read_bytes()
    start = content.index(b"\x20\0\x0d\0UI")  # before the study UID, where group 18 ends
    (tmp_path / "IM7").write_bytes(content[:start] + 300 * opened + 300 * closed + content[start:])
    with pytest.raises(KgpError, match="IM7 nests sequences too deeply to be read"):
        read(tmp_path / "IM7")


def test_a_file_that_is_packed_as_a_whole(phantom_study, header_of):
    dataset = phantom_study().slice("T1", 0)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    with pytest.raises(KgpError, match=r"IM7 is packed as a whole \(Deflated Explicit VR Little Endian\)"):
        header_of(dataset)
