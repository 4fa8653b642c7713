"""kgp.scans.dicom.contrast_rules: which series is which contrast."""

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("pydicom")

from kgp.errors import UsageError
from kgp.scans.dicom.acquisition import Acquisition
from kgp.scans.dicom.contrast_rules import read_rules
from kgp.scans.dicom.files import StudyFile
from kgp.scans.dicom.header import ImageHeader, read_header

HEADER = ImageHeader(
    file=StudyFile("IM1", Path("IM1")), instance_uid="1", study_uid="2", series_uid="3", frame_of_reference="4",
    patient=("", ""), multiframe=False, description="", number=1, image_type=("ORIGINAL", "PRIMARY"), echo_time=None,
    repetition_time=None, inversion_time=None, agent=False, pixel_kind=(), places=(), why_no_places="",
)  # fmt: skip


def contrasts(description="", rules=None, **changes):
    return read_rules(rules).contrasts_of(dataclasses.replace(HEADER, description=description, **changes))


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("t1_se_tra", "T1"),
        ("AX T1 PRE", "T1"),
        ("t1_mprage_sag_p2_iso", "T1"),
        ("3D BRAVO", "T1"),
        ("AX T1 POST GD", "T1ce"),
        ("t1_mpr_tra_KM", "T1ce"),
        ("T1 +C", "T1ce"),
        ("Ax T1 without contrast", "T1"),
        ("T1 posterior fossa", "T1"),
        ("t2_tse_tra", "T2"),
        ("AX T2 FSE", "T2"),
        ("t2_tirm_tra_dark-fluid", "FLAIR"),
        ("AX T2 FLAIR", "FLAIR"),
        ("3D FLAIR post gado", "FLAIR"),
        ("t2*_gre", ""),
        ("localizer", ""),
        ("3 plane loc", ""),
        ("ep2d_diff_tra ADC", ""),
        ("DWI t2", ""),
        ("perfusion t1", ""),
    ],
)
def test_descriptions(description, expected):
    assert contrasts(description) == {expected} - {""}


@pytest.mark.parametrize(
    ("numbers", "agent", "expected"),
    [
        ((9, 500, None), False, "T1"),
        ((9, 500, None), True, "T1ce"),
        ((3, 2000, 900), False, "T1"),
        ((95, 4000, None), False, "T2"),
        ((95, 4000, 0), True, "T2"),
        ((120, 9000, 2500), False, "FLAIR"),
        ((40, 4000, None), False, ""),
        ((None, 4000, None), False, ""),
    ],
)
def test_numbers_where_words_say_nothing(numbers, agent, expected):
    named = dict(zip(("echo_time", "repetition_time", "inversion_time"), numbers, strict=True))
    assert contrasts("head", agent=agent, **named) == {expected} - {""}


def test_the_agent_may_stand_in_its_attribute_alone():
    assert contrasts("t1 tra", agent=True) == {"T1ce"}


def test_image_types_are_left_out():
    assert contrasts("t1 tra", image_type=("DERIVED", "SECONDARY", "MPR")) == set()


def test_rules_of_ones_own(tmp_path):
    path = tmp_path / "rules.ini"
    path.write_text("[PD]\nwords = proton\n[T1]\nwords = ^anat$\nagent = no\n")
    assert contrasts("Proton density", rules=path) == {"PD"}
    assert contrasts("anat", rules=path) == {"T1"} and contrasts("anat 2", rules=path) == set()
    assert contrasts("anat", rules=path, agent=True) == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[T1]\nwords = (", r"words of \[T1\] is not a regular expression"),
        ("[T1]\nagent = perhaps", r"agent of \[T1\] is 'perhaps', not yes or no"),
        ("[T1]\necho_time = 5 to 9", r"echo_time of \[T1\] is '5 to 9' where LOW .. HIGH or none is expected"),
        ("[T1]\nword = t1", r"\[T1\] has the unknown key word"),
        ("[agent]\necho_time = 1 .. 2", r"\[agent\] has the unknown key echo_time"),
        ("words = t1", "is not a file of rules"),
        ("[T1]\n[T1]\n", "is not a file of rules"),
    ],
)
def test_rules_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "rules.ini"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_rules(path)


def test_rules_that_are_missing_or_no_text(tmp_path):
    with pytest.raises(UsageError, match=r"gone.ini cannot be read: No such file"):
        read_rules(tmp_path / "gone.ini")
    (tmp_path / "bytes.ini").write_bytes(b"\xff\xfe\0")
    with pytest.raises(UsageError, match=r"bytes.ini is not a file of rules"):
        read_rules(tmp_path / "bytes.ini")


# Invented headers with the contrast that a radiographer would say; "" where that is another one, or not sure.
# Manufacturer, SeriesDescription, TE, TR, TI, ImageType, ScanningSequence, ContrastBolusAgent.
SHEET = [
    ("SIEMENS", "t1_mprage_sag_p2_iso", 2.3, 2300, 900, "ORIGINAL/PRIMARY/M/ND/NORM", "GR/IR", "", "T1"),
    ("SIEMENS", "t1_mpr_tra_KM", 3, 2000, 1100, "ORIGINAL/PRIMARY/M/NORM/DIS3D", "GR/IR", "", "T1ce"),
    ("SIEMENS", "t1_se_tra ohne KM", 12, 520, None, "ORIGINAL/PRIMARY/M/ND", "SE", "ohne KM", "T1"),
    ("SIEMENS", "t2_tirm_tra_dark-fluid", 94, 9000, 2500, "ORIGINAL/PRIMARY/M/ND", "SE/IR", "", "FLAIR"),
    ("SIEMENS", "t2_tirm_cor", 60, 4000, 160, "ORIGINAL/PRIMARY/M/ND", "SE/IR", "", ""),
    ("SIEMENS", "t2_spc_da-fl_sag_p2_iso", 388, 5000, 1800, "ORIGINAL/PRIMARY/M/ND", "SE/IR", "", "FLAIR"),
    ("SIEMENS", "SWI_Images", 20, 28, None, "ORIGINAL/PRIMARY/M/SWI/NORM", "GR", "", ""),
    ("SIEMENS", "Kopf tra", 20, 28, None, "ORIGINAL/PRIMARY/P/ND", "GR", "", ""),
    ("SIEMENS", "gre_field_mapping", 4.9, 400, None, "ORIGINAL/PRIMARY/P/ND/PHASE", "GR", "", ""),
    ("SIEMENS", "Kopf tra", 89, 7800, None, "DERIVED/PRIMARY/DIFFUSION/TRACEW/ND", "EP", "", ""),
    ("SIEMENS", "relCBV", 30, 1800, None, "DERIVED/PRIMARY/PERFUSION/RELCBV", "EP", "Gadovist", ""),
    ("GE", "AX T1 FLAIR", 22, 2400, 860, "ORIGINAL/PRIMARY/OTHER", "SE/IR", "", "T1"),
    ("GE", "AX T1 FLAIR +C", 22, 2400, 860, "ORIGINAL/PRIMARY/OTHER", "SE/IR", "10 ML MULTIHANCE", "T1ce"),
    ("GE", "Ax T2 FLAIR", 120, 9000, 2400, "ORIGINAL/PRIMARY/OTHER", "SE/IR", "", "FLAIR"),
    ("GE", "Ax T2 PROPELLER", 98, 4800, 0, "ORIGINAL/PRIMARY/OTHER/PROPELLER", "SE", "", "T2"),
    ("GE", "3D BRAVO", 3.2, 8.2, 450, "ORIGINAL/PRIMARY/MPR", "GR/IR", "", "T1"),
    ("GE", "Ax SWAN", 24, 42, None, "ORIGINAL/PRIMARY/OTHER", "GR", "", ""),
    ("GE", "HEAD", 3.4, 21, None, "ORIGINAL/PRIMARY/OTHER", "GR", "", ""),
    ("GE", "AX GRE", 20, 650, None, "ORIGINAL/PRIMARY/OTHER", "GR", "", ""),
    ("GE", "AX T1 W/O CONTRAST", 14, 500, None, "ORIGINAL/PRIMARY/OTHER", "SE", "GADAVIST", ""),
    ("GE", "ASSET Calibration", 1.3, 150, None, "ORIGINAL/PRIMARY/OTHER", "GR", "", ""),
    ("Philips", "sT1W_3D_TFE Gd", 3.7, 8.1, None, "ORIGINAL/PRIMARY/M_FFE/M/FFE", "GR", "", "T1ce"),
    ("Philips", "T2W_TSE", 100, 3000, None, "ORIGINAL/PRIMARY/M_SE/M/SE", "SE", "NO CONTRAST", "T2"),
    ("Philips", "T2W_FFE", 16, 700, None, "ORIGINAL/PRIMARY/M_FFE/M/FFE", "GR", "", ""),
    ("Philips", "B0 map", 4.6, 12, None, "ORIGINAL/PRIMARY/PHASE MAP/P/FFE", "GR", "", ""),
    ("Canon", "FSE T2", 105, 4500, None, "ORIGINAL/PRIMARY/OTHER", "SE", "", "T2"),
    ("Canon", "T2", 12, 450, None, "ORIGINAL/PRIMARY/OTHER", "SE", "", ""),
    ("UIH", "t1_gre_fsp_3d_sag", 3.1, 7.2, None, "ORIGINAL/PRIMARY/M", "GR", "", "T1"),
    ("Hyperfine", "FLAIR (STANDARD)", 187, 4000, 1400, "ORIGINAL/PRIMARY/M", "SE/IR", "", "FLAIR"),
    ("Hyperfine", "T1 (Gray/White Contrast)", 6, 1500, 300, "ORIGINAL/PRIMARY/M", "SE/IR", "", "T1"),
]


@pytest.mark.parametrize("line", SHEET, ids=lambda line: f"{line[0]} {line[1]}")
def test_a_sheet_of_thirty_headers(phantom_study, tmp_path, line):
    vendor, description, echo, repetition, inversion, image_type, sequence, agent, expected = line
    dataset = phantom_study().slice(
        "T1",
        0,
        Manufacturer=vendor,
        SeriesDescription=description,
        EchoTime=echo,
        RepetitionTime=repetition,
        InversionTime=inversion,
        ImageType=image_type.split("/"),
        ScanningSequence=sequence.split("/"),
        ContrastBolusAgent=agent,
    )
    dataset.save_as(tmp_path / "IM1", enforce_file_format=True)
    assert read_rules().contrasts_of(read_header(StudyFile("IM1", tmp_path / "IM1"))) == {expected} - {""}


def judgement(description="", rules=None, times=(None, None, None), any_body_part=False, **changes):
    """What the rules make of a series with further changes of what its header says of the acquisition."""
    named = dict(zip(("echo_time", "repetition_time", "inversion_time"), times, strict=True))
    named["image_type"] = changes.pop("image_type", HEADER.image_type)
    header = dataclasses.replace(HEADER, description=description, acquisition=Acquisition(**changes), **named)
    return read_rules(rules, any_body_part=any_body_part).judge(header)


def test_words_that_say_what_a_series_is_not():
    """One word of each kind; none of them is a contrast by its times."""
    descriptions = (
        "DTI_64|ep2d_diff_FA|b1000|b=50|ADC (10^-6 mm2/s)|trace|TOF_3D|3D PC|MRV|MRA COW|QSM|t2_fl2d_tra_hemo|T2* ax|t2 star|"
        "Pha_Images|Mag_Images|mIP_Images(SW)|B1 map|T1 map|fieldmap|resting fMRI|ep2d_bold|PWI|DSC|DCE|3D ASL|CBF|rCBV|MTT|"
        "TTP|AX MPGR|3D FGRE|post GRE|FIESTA|t2_ciss3d|b-FFE|TrueFISP|AX PD|PD/T2 dual|Ax PDW FS|AX STIR|DIR|t1_mp2rage_INV2|"
        "MRS|SUB|T1 SUB|survey|3-pl loc|AAHead_Scout|PILOT|MAGiC FLAIR|synthetic T2|t1_vibe_dixon_F|MinIP|MIP|screen save|T1 PC"
    )
    for description in descriptions.split("|"):
        judged = judgement(description, times=(90, 4000, None))
        assert judged.left_out and not judged.contrasts, description


def test_words_for_a_contrast_agent():
    given = (
        "T1post|T1GD|T1_Gd|T1 +C|T1+C|Ax T1 C+|T1 KM|T1 mit KM|AX T1 W CONTRAST|AX T1 W/ CONTRAST|T1 avec gado|T1 CE|T1CE|T1c|"
        "ceT1|T1 postcontrast|T1 post-Gad|T1 Dotarem|T1 enhanced|T1+|T1 con mdc|T1+C pre-op|POST GAD T1"
    )
    denied = (
        "T1 W/O|T1 WO|T1 WO CONTRAST|T1 ohne KM|T1 sans inj|T1 SANS GADO|T1 nativ|T1 pre|T1 pre Gd|T1 NO CONTRAST|T1 C-|"
        "T1 plain|T1 non-contrast|T1 unenhanced|Ax T1 without IV contrast|T1 sin contraste|T1 senza mdc|T1 post-op|"
        "T1 posterior fossa"
    )
    unclear = "T1 PRE/POST|AX T1 W/WO|T1 with and without contrast|T1-C|T1 w/o and w gad|T1 delayed"
    for texts, expected in ((given, {"T1ce"}), (denied, {"T1"}), (unclear, set())):
        for text in texts.split("|"):
            assert contrasts(text) == expected, text


@pytest.mark.parametrize(
    ("description", "agent", "volume", "expected"),
    [
        ("AX T1", "W/O CONTRAST", 0, "T1"),
        ("AX T1", "WO", 0, "T1"),
        ("AX T1", "sans", 0, "T1"),
        ("AX T1", "NO CONTRAST", 0, "T1"),
        ("AX T1", "none given", 0, "T1"),
        ("AX T1", "11 ml Omniscan", 0, "T1ce"),
        ("AX T1", "", 7.5, "T1ce"),
        ("AX T1 PRE", "Gadovist", 0, ""),
        ("AX T1 POST", "ohne KM", 0, ""),
    ],
)
def test_what_the_attributes_say_of_the_agent(description, agent, volume, expected):
    acquisition = Acquisition(agent=agent, agent_volume=volume)
    header = dataclasses.replace(HEADER, description=description, agent=bool(agent), acquisition=acquisition)
    assert read_rules().contrasts_of(header) == {expected} - {""}


def test_times_that_contradict_the_words():
    for description, times in (
        ("AX T2", (10, 500, None)),
        ("t2_tse", (95, 9000, 2500)),
        ("AX T1", (100, 6000, None)),
        ("AX T1", (9, 4000, 160)),
        ("AX FLAIR", (120, 9000, 160)),
    ):
        judged = judgement(description, times=times)
        assert not judged.contrasts and judged.why.endswith("but its times do not agree"), description
        assert not judged.left_out


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"contrast": "DIFFUSION"}, ""),
        ({"contrast": "MIXED"}, ""),
        ({"contrast": "T1"}, "T1"),
        ({"contrast": "FLUID_ATTENUATED"}, "FLAIR"),
        ({"contrast": "T2", "times": (100, 4000, None)}, "T2"),
        ({"contrast": "T2", "times": (100, 9000, 2500)}, "FLAIR"),
        ({"contrast": "T2", "description": "AX T1"}, ""),
        ({"contrast": "T2", "description": "AX FLAIR"}, "FLAIR"),
        ({"scanning_sequence": ("EP", "SE"), "description": "T2"}, ""),
        ({"scanning_sequence": ("GR",), "description": "T2"}, ""),
        ({"scanning_sequence": ("GR",), "times": (20, 650, None)}, ""),
        ({"scanning_sequence": ("GR",), "description": "T1 GRE", "times": (20, 650, None)}, ""),
        ({"angiography": True, "description": "T1"}, ""),
        ({"mosaic": True, "description": "T1"}, ""),
        ({"image_type": ("ORIGINAL", "PRIMARY", "MPR"), "description": "T1"}, "T1"),
        ({"image_type": ("DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"), "description": "T1"}, ""),
        ({"image_type": ("ORIGINAL", "PRIMARY", "M", "PHASE"), "description": "T1"}, ""),
        ({"image_type": ("ORIGINAL", "PRIMARY", "IN_PHASE"), "description": "T1"}, "T1"),
    ],
)
def test_what_else_is_said_of_the_acquisition(said, expected):
    assert judgement(**said).contrasts == {expected} - {""}


@pytest.mark.parametrize(
    ("said", "other"),
    [
        ({"body_parts": ("BRAIN",)}, False),
        ({"body_parts": ("HEAD",), "other_descriptions": ("MR spine",)}, False),
        ({"body_parts": ("SCHÄDEL",)}, False),
        ({"body_parts": ("UNKNOWN",)}, False),
        ({"other_descriptions": ("MR BRAIN + C-SPINE",)}, False),
        ({"body_parts": ("LSPINE",)}, True),
        ({"body_parts": ("HEADNECK",)}, True),
        ({"body_parts": ("HEAD", "LUMBAR SPINE")}, True),
        ({"other_descriptions": ("MRT LWS",)}, True),
        ({"description": "t1 tra neck", "body_parts": ("HEAD",)}, True),
        ({"description": "T1 c-spine"}, True),
        ({"description": "T1 knee"}, True),
    ],
)
def test_parts_of_the_body(said, other):
    said = {"description": "T1 tra"} | said
    assert judgement(**said).contrasts == (set() if other else {"T1"})
    assert judgement(any_body_part=True, **said).contrasts == {"T1"}


def test_rules_may_ask_for_a_plane(phantom_study, tmp_path):
    path = tmp_path / "rules.ini"
    path.write_text("[T1]\nwords = t1\nplane = axial, coronal\n")
    for orientation, expected in (("axial", {"T1"}), ("coronal", {"T1"}), ("sagittal", set())):
        phantom_study(orientation).slice("T1", 0).save_as(tmp_path / "IM1", enforce_file_format=True)
        header = read_header(StudyFile("IM1", tmp_path / "IM1"))
        assert read_rules(path).contrasts_of(header) == expected


def test_rules_of_ones_own_without_parts_of_the_body_keep_ours(tmp_path):
    path = tmp_path / "rules.ini"
    path.write_text("[T1]\nwords = t1\n")
    assert judgement("t1", rules=path, body_parts=("KNEE",)).why == "left out, another part of the body"
    path.write_text("[T1]\nwords = t1\n[body part]\nwords = knee\n")
    assert judgement("t1", rules=path, body_parts=("KNEE",)).contrasts == {"T1"}
