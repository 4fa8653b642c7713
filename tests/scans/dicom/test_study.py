"""kgp.scans.dicom.study: which files of a study are read, and what is refused by name."""

import logging
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from kgp.errors import KgpError  # noqa: E402
from kgp.scans.dicom.contrast_rules import read_rules  # noqa: E402
from kgp.scans.dicom.study import read_study  # noqa: E402

CONTRASTS = ("T1", "FLAIR")
SPIN_ECHO = {"EchoTime": "14", "RepetitionTime": "500"}


def read(*sources, contrasts=CONTRASTS):
    return read_study(list(sources), contrasts, read_rules(), "FLAIR")


def expected(made, contrasts=CONTRASTS):
    return np.stack([made.pixels[name].transpose(2, 1, 0) for name in contrasts], axis=-1).astype(np.float32)


def test_classic_series(phantom_study, tmp_path, orientation):
    made = phantom_study(orientation)
    study = read(made.write(tmp_path / "study"))
    np.testing.assert_array_equal(study.volume.data, expected(made))
    np.testing.assert_allclose(study.volume.affine, made.affine, atol=1e-6)
    assert study.volume.contrasts == CONTRASTS and study.frames == [None] * 6
    assert [header.SOPInstanceUID.rpartition(".")[2] for header in study.headers] == list("123456")
    assert study.series["T1"] == {
        "series": 3,
        "description": "t1 tra",
        "why": "its description says so",
        "slices": 6,
        "resampled": False,
        "covers": 1.0,
    }
    assert study.geometry.shape == (6, 20, 14) and study.volume.grid.is_same(study.geometry.grid)
    assert study.instances == tuple(f"{made.root}.{series}.{number}" for series in (3, 4) for number in range(1, 7))


def test_enhanced_objects(phantom_study, tmp_path, orientation):
    made = phantom_study(orientation)
    study = read(made.write(tmp_path / "study", enhanced=True))
    np.testing.assert_array_equal(study.volume.data, 2 * expected(made) - 5)
    np.testing.assert_allclose(study.volume.affine, made.affine, atol=1e-6)
    order = made.frame_order("FLAIR")
    assert len(study.headers) == 1 and [order[frame - 1] for frame in study.frames] == list(range(6))


def test_a_zip_archive_and_single_files(phantom_study, tmp_path):
    made = phantom_study()
    files = sorted(made.write(tmp_path / "study").rglob("IM*"))
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, f"../../{path.parent.name}/{path.name}")  # a way out that is never gone
    for sources in ([tmp_path / "study.zip"], files, [tmp_path / "study" / "T1", tmp_path / "study" / "FLAIR"]):
        np.testing.assert_array_equal(read(*sources).volume.data, expected(made))
    assert {path.name for path in tmp_path.iterdir()} == {"study", "study.zip"}


def test_other_things_in_the_folder_are_left_out(phantom_study, tmp_path, caplog):
    made = phantom_study()
    folder = made.write(tmp_path)
    (folder / "README").write_text("what is on this disc")
    (folder / "viewer.exe").write_bytes(bytes(300))
    (folder / ".hidden").write_bytes(bytes(300))
    report = made.slice("T1", 0, SOPClassUID=pydicom.uid.ComprehensiveSRStorage, SeriesInstanceUID="1.9", Modality="SR")
    report.save_as(folder / "report.dcm", enforce_file_format=True)
    with caplog.at_level(logging.INFO):
        np.testing.assert_array_equal(read(folder).volume.data, expected(made))
    assert "1 x Comprehensive SR Storage, 2 x other file" in caplog.text


def for_each_slice(contrast, **changes):
    """A change for every slice of a series."""
    return {(contrast, index): changes for index in range(6)}


def test_another_grid_is_resampled_by_its_affine(phantom_study, tmp_path):
    made = phantom_study()
    # A ramp along z on slices that lie half a step higher: linear interpolation gives it exactly inside.
    made.pixels["T1"][:] = 100 * np.arange(6)[:, None, None]
    shifted = {
        ("T1", index): {"ImagePositionPatient": [-40.5, -33.25, 21.0 + 3.25 * (index + 0.5)]} for index in range(6)
    }
    study = read(made.write(tmp_path, changes=shifted))
    np.testing.assert_allclose(study.volume.affine, made.affine, atol=1e-6)
    np.testing.assert_allclose(study.volume.data[4, 5, 1:, 0], 100 * (np.arange(1, 6) - 0.5), atol=1e-3)
    assert study.volume.data[4, 5, 0, 0] == 0 and study.series["T1"]["resampled"]
    np.testing.assert_array_equal(study.volume.data[..., 1], expected(made)[..., 1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ImagePositionPatient": None}, "IM7 has no ImagePositionPatient, so its place in space is not known"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0.8, 0.6]}, "IM7 is not parallel to the other slices"),
        ({"ImagePositionPatient": [-40.5, -33.25, 29.0]}, "has a gap of .* mm between slices . and ."),
        ({"ImagePositionPatient": [-40.5, -33.25, 24.25]}, "has two slices at one position"),
        ({"ImagePositionPatient": [-30.5, -33.25, 27.5]}, "do not lie in one straight stack"),
        ({"Rows": 14, "Columns": 20}, "IM7 has another matrix or pixel spacing"),
        ({"PixelData": None}, "IM7 is an image without pixels; it may be cut short"),
        ({"PatientID": "ANOTHER"}, "holds images of 2 patients"),
        ({"StudyInstanceUID": "1.9"}, "holds images of 2 studies"),
        ({"FrameOfReferenceUID": "1.9"}, "do not lie in one frame of reference"),
        ({"FrameOfReferenceUID": None}, "IM7 does not say in which frame of reference it lies"),
        ({"SeriesInstanceUID": "1.9"}, "The study has 2 series for FLAIR where one for each of T1, FLAIR is expected"),
        ({"SOPInstanceUID": "1.2.840.99.1.4.1"}, "have the same SOPInstanceUID and differ"),
        ({"Modality": "CT"}, "IM7 is stored as an MR image and says that its modality is another"),
        ({"SOPClassUID": pydicom.uid.CTImageStorage}, "mixes MR images with other objects"),
        ({"PixelRepresentation": 1}, "holds another kind of pixels than"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "holds another kind of pixels than"),
    ],
)
def test_one_slice_that_is_wrong(phantom_study, tmp_path, changes, message):
    folder = phantom_study().write(tmp_path, changes={("FLAIR", 2): changes})
    with pytest.raises(KgpError, match=message) as caught:
        read(folder)
    assert "Secret" not in str(caught.value) and "PHANTOM-7" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Rows": 60000, "Columns": 60000}, r"claims 60000x60000x6 voxels, more than are read"),
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, r"holds pixels of the kind 3 RGB 16, not grey"),
        ({"FrameOfReferenceUID": "1.9"}, r"do not lie in one frame of reference"),
        (
            {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
            r"no series for T1 .*\(6 slices, TE 14, TR 500: left out by its ImageType\)",
        ),
    ],
)
def test_a_whole_series_that_is_wrong(phantom_study, tmp_path, changes, message):
    made = phantom_study()
    folder = made.write(tmp_path, changes=for_each_slice("T1", **changes))
    with pytest.raises(KgpError, match=message):
        read(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"NumberOfFrames": 7}, "IM0 claims 7 frames and describes 6"),
        ({"PixelData": bytes(100)}, "IM0 holds 100 bytes of pixels where 3360 are expected"),
    ],
)
def test_an_enhanced_object_that_is_wrong(phantom_study, tmp_path, changes, message):
    made = phantom_study()
    folder = made.write(tmp_path, enhanced=True)
    made.enhanced("T1", **changes).save_as(folder / "T1" / "IM0", enforce_file_format=True)
    with pytest.raises(KgpError, match=message):
        read(folder)


def test_two_enhanced_objects_of_one_series(phantom_study, tmp_path):
    made = phantom_study()
    folder = made.write(tmp_path, enhanced=True)
    made.enhanced("T1", SOPInstanceUID="1.9").save_as(folder / "T1" / "IM1", enforce_file_format=True)
    with pytest.raises(KgpError, match="has 2 multi-frame objects where one is expected"):
        read(folder)


def test_a_missing_slice_and_a_file_twice(phantom_study, tmp_path, caplog):
    made = phantom_study()
    folder = made.write(tmp_path)
    shutil.copy(folder / "T1" / "IM7", folder / "T1" / "IM1")
    with caplog.at_level(logging.INFO):
        np.testing.assert_array_equal(read(folder).volume.data, expected(made))
    assert "Left out: 1 x identical copy." in caplog.text
    (folder / "T1" / "IM1").unlink()
    (folder / "T1" / "IM7").unlink()
    with pytest.raises(
        KgpError, match="has a gap of 6.50 mm between slices 2 and 3 where the others are 3.25 mm apart"
    ):
        read(folder)


def test_a_study_of_one_patient_ct(phantom_study, tmp_path):
    made = phantom_study()
    ct = {"SOPClassUID": pydicom.uid.CTImageStorage, "Modality": "CT"}
    folder = made.write(tmp_path, changes=for_each_slice("T1", **ct) | for_each_slice("FLAIR", **ct))
    with pytest.raises(KgpError, match="holds no MR image; it holds 12 x CT Image Storage"):
        read(folder)


def test_images_without_the_patients_number(phantom_study, tmp_path):
    made = phantom_study()
    folder = made.write(tmp_path, changes={("FLAIR", 2): {"PatientID": None}})  # the name is the same
    np.testing.assert_array_equal(read(folder).volume.data, expected(made))
    made.write(tmp_path, changes={("FLAIR", 2): {"PatientID": None, "PatientName": "Other"}})
    with pytest.raises(KgpError, match="holds images of 2 patients"):
        read(folder)
    made.write(tmp_path, changes={("FLAIR", 2): {"PatientID": None, "PatientName": None}})
    with pytest.raises(KgpError, match="holds images that name no patient beside such that do"):
        read(folder)


def test_localisers_only(phantom_study, tmp_path):
    made = phantom_study()
    folder = made.write(
        tmp_path,
        changes=for_each_slice("T1", SeriesDescription="localizer")
        | for_each_slice("FLAIR", SeriesDescription="3-plane scout"),
    )
    with pytest.raises(KgpError, match="The study holds localisers and computed series only: series 3 'localizer'"):
        read(folder)


def test_nothing_at_all(tmp_path):
    with pytest.raises(KgpError, match="holds no MR image; it holds no file at all"):
        read(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(KgpError, match="holds no MR image; it holds 1 x other file"):
        read(tmp_path)
    with pytest.raises(KgpError, match="gone is missing"):
        read(tmp_path / "gone")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_file_cut_short(phantom_study, tmp_path, share):
    path = phantom_study().write(tmp_path) / "FLAIR" / "IM4"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(KgpError, match="IM4"):
        read(tmp_path)


def test_contrasts_that_are_missing_or_ambiguous(phantom_study, tmp_path):
    made = phantom_study(contrasts=("T1", "T2", "FLAIR"))
    folder = made.write(tmp_path, changes=for_each_slice("T2", **SPIN_ECHO, SeriesDescription="t1 se"))
    with pytest.raises(KgpError) as caught:
        read(folder, contrasts=("T1", "T1ce", "FLAIR"))
    assert str(caught.value).partition(" where ")[0] == "The study has 2 series for T1 and no series for T1ce"
    assert "series 3 't1 tra' (6 slices, TE 14, TR 500: T1); series 4 't1 se'" in str(caught.value)
    with pytest.raises(KgpError, match="The rules have no section for PD, which the model needs"):
        read(folder, contrasts=("PD", "FLAIR"))


def test_a_series_that_covers_next_to_nothing(phantom_study, tmp_path):
    made = phantom_study()
    far = {("T1", index): {"ImagePositionPatient": [-40.5, -33.25, 200.0 + 3 * index]} for index in range(6)}
    with pytest.raises(KgpError, match="The series for T1 covers 0% of the one for FLAIR; half is the least"):
        read(made.write(tmp_path, changes=far))


def test_the_patients_name_in_a_description_is_not_told(phantom_study, tmp_path):
    made = phantom_study()
    folder = made.write(tmp_path, changes=for_each_slice("T1", SeriesDescription="t9 secret phantom-7"))
    with pytest.raises(KgpError) as caught:
        read(folder, contrasts=("T1ce", "FLAIR"))
    assert "'t9 ... ...'" in str(caught.value)


def test_the_source_is_not_changed(phantom_study, tmp_path):
    folder = phantom_study().write(tmp_path)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    read(folder)
    assert before == {
        path: (path.stat().st_mtime_ns, path.read_bytes()) for path in Path(folder).rglob("*") if path.is_file()
    }
