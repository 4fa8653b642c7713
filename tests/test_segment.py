import csv

import cv2
import nibabel
import numpy as np
import pytest

from kgp import segment
from kgp.files import read_json
from kgp.runtime import load_runtime

SHAPE = (14, 18, 5)
# Voxel axes run to the patient's back, left and up, at 1.5 x 1 x 4 mm, and the origin is nowhere
# special.
AFFINE = np.array([[0.0, -1.0, 0.0, 31.0], [-1.5, 0.0, 0.0, 12.0], [0.0, 0.0, 4.0, -7.0], [0.0, 0.0, 0.0, 1.0]])


def write_case(folder, contrasts=("t1", "flair"), shape=SHAPE, affine=AFFINE, black=()):
    """One patient's contrasts as NIfTI: noise with a bright block off every centre."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for contrast in contrasts:
        data = rng.uniform(50, 100, shape).astype(np.float32)
        data[3:8, 9:15, 1:3] = 240.0
        for index in black:
            data[..., index] = 0.0
        image = nibabel.Nifti1Image(data, affine)
        image.header.set_xyzt_units("mm", "sec")
        image.set_sform(affine, 4)
        image.set_qform(affine, 1)
        nibabel.save(image, folder / f"p1_{contrast}.nii.gz")
    return folder


@pytest.fixture
def bright_run(monkeypatch, bright_runtime):
    """`kgp segment` with a runtime whose answers are known."""
    monkeypatch.setattr("kgp.runtime.load_runtime", lambda _: bright_runtime(size=18))


@pytest.mark.usefixtures("bright_run")
def test_a_volume_comes_back_on_its_own_grid(tmp_path, capsys):
    case = write_case(tmp_path / "case", black=(4,))
    assert segment.main(["run", str(case), "--out", str(tmp_path / "out")]) == 0
    mask, heatmap = (nibabel.load(tmp_path / "out" / f"{name}.nii.gz") for name in ("mask", "heatmap"))
    for image in (mask, heatmap):
        np.testing.assert_allclose(image.affine, AFFINE, atol=1e-5)
        assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (4, 1)
        assert image.header.get_xyzt_units() == ("mm", "sec")
        assert image.shape == SHAPE
    expected = np.zeros(SHAPE, np.uint8)
    expected[3:8, 9:15, 1:3] = 1
    # Rows of 1.5 mm are resampled to those of the fitted square and back, which moves the rim by
    # half a pixel.
    disagree = np.asarray(mask.dataobj) != expected
    assert disagree.sum() <= 2 * 2 * (5 + 6) and not disagree[..., [0, 3, 4]].any()
    assert not np.asarray(heatmap.dataobj)[..., 4].any()
    assert "no_tumour 2, tumour 2" in capsys.readouterr().out


@pytest.mark.usefixtures("bright_run")
def test_summary_and_table(tmp_path):
    case = write_case(tmp_path / "case", black=(4,))
    assert segment.main(["run", str(case), "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"mask.nii.gz", "heatmap.nii.gz", "slices.csv", "overlay.png", "summary.json"}
    summary = read_json(tmp_path / "out" / "summary.json")
    assert summary["use"].startswith("Research use only")
    assert summary["slices"] == 5 and summary["slices_by_class"] == {"no_tumour": 2, "tumour": 2}
    assert summary["spacing_mm"] == pytest.approx([1.5, 1.0, 4.0])
    voxels = np.asarray(nibabel.load(tmp_path / "out" / "mask.nii.gz").dataobj).sum()
    assert summary["mask_volume_mm3"] == pytest.approx(voxels * 6.0)
    assert summary["empty_mask_reasons"] == {"black_slice": 1, "no_tumour": 2}
    with open(tmp_path / "out" / "slices.csv", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [line["class"] for line in table] == ["no_tumour", "tumour", "tumour", "no_tumour", ""]
    assert table[4]["reason"] == "black_slice"
    assert cv2.imread(str(tmp_path / "out" / "overlay.png")).shape[1] > 3 * 256


@pytest.mark.parametrize("views", ["1", "8"])
def test_a_real_network_segments(tiny_run, tmp_path, views):
    case = write_case(tmp_path / "case")
    command = [str(tiny_run), str(case), "--out", str(tmp_path / "out"), "--views", views, "--reading", "paper"]
    assert segment.main(command) == 0
    summary = read_json(tmp_path / "out" / "summary.json")
    assert summary["slices_by_class"] == {"no_tumour": 0, "tumour": 5}
    assert summary["reading"]["views"] == int(views) and summary["reading_name"] == "paper"
    assert np.isfinite(nibabel.load(tmp_path / "out" / "heatmap.nii.gz").get_fdata()).all()


@pytest.mark.usefixtures("bright_run")
def test_pictures(tmp_path, capsys):
    folder = tmp_path / "slices"
    folder.mkdir()
    image = np.full((18, 18, 2), 90, np.float32)
    image[4:9, 6:12, 1] = 240
    np.save(folder / "a.npy", image)
    np.save(folder / "b.npy", np.zeros((18, 18, 2), np.float32))
    assert segment.main(["run", str(folder), "--out", str(tmp_path / "out")]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    maps = {f"{stem}_{kind}" for stem in "ab" for kind in ("mask.png", "heatmap.npy")}
    assert names == maps | {"slices.csv", "overlay.png", "summary.json"}
    mask = cv2.imread(str(tmp_path / "out" / "a_mask.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mask > 0, image[..., 1] == 240)
    assert np.load(tmp_path / "out" / "a_heatmap.npy").dtype == np.float32
    assert "2 slices (no_tumour 0, tumour 1); 1 with a mask" in capsys.readouterr().out


@pytest.mark.usefixtures("bright_run")
def test_one_picture(tmp_path):
    np.save(tmp_path / "a.npy", np.full((18, 20, 2), 90, np.float32))
    assert segment.main(["run", str(tmp_path / "a.npy"), "--out", str(tmp_path / "out")]) == 0
    assert np.load(tmp_path / "out" / "a_heatmap.npy").shape == (18, 20)


def test_a_bad_picture_does_not_stop_the_others(tiny_run, tmp_path, capsys):
    folder = tmp_path / "slices"
    folder.mkdir()
    readable = np.random.default_rng(0).uniform(0, 99, (16, 16, 2)).astype(np.float32)
    np.save(folder / "a.npy", readable)
    np.save(folder / "b.npy", np.full((16, 16, 2), np.nan, np.float32))
    np.save(folder / "c.npy", np.ones((16, 16, 3), np.float32))
    (folder / "d.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    cv2.imwrite(str(folder / "a.png"), np.ones((16, 16), np.uint8))
    assert segment.main([str(tiny_run), str(folder), "--out", str(tmp_path / "out")]) == 1
    message = capsys.readouterr().err
    assert "4 of 5 pictures failed" in message
    for part in (
        "a.png has the name of another picture",
        "b.npy: The slices hold values that are not finite",
        "takes slices with the 2 contrasts T1, FLAIR",
        "d.png is cut short",
    ):
        assert part in message
    assert len(read_json(tmp_path / "out" / "summary.json")["failed"]) == 4
    assert (tmp_path / "out" / "a_mask.png").is_file()


def test_only_bad_pictures_leave_nothing(tiny_run, tmp_path, capsys):
    np.save(tmp_path / "c.npy", np.ones((16, 16, 3), np.float32))
    assert segment.main([str(tiny_run), str(tmp_path / "c.npy"), "--out", str(tmp_path / "out")]) == 1
    assert "none of the 1 pictures could be segmented" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("bright_run")
def test_a_bad_case_of_several_is_listed_at_the_end(tmp_path, caplog):
    cases = tmp_path / "cases"
    write_case(cases / "p1")
    write_case(cases / "p2", contrasts=("t1",))
    write_case(cases / "p3")
    truncated = cases / "p3" / "p1_flair.nii.gz"
    truncated.write_bytes(truncated.read_bytes()[:1000])
    write_case(cases / "p4")
    (cases / ".cache").mkdir()
    assert segment.main(["run", str(cases), "--out", str(tmp_path / "out")]) == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p1", "p4"]
    failed = [record.getMessage() for record in caplog.records if "Failed" in record.getMessage()]
    assert len(failed) == 2
    assert "no file for the contrast FLAIR" in failed[0] and "p1_flair.nii.gz is cut short" in failed[1]


@pytest.mark.usefixtures("bright_run")
def test_contrasts_on_other_grids_are_resampled_when_asked(tmp_path, capsys):
    case = write_case(tmp_path / "case")
    coarse = np.diag([2.0, 2.0, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.full((7, 9, 5), 60, np.float32), AFFINE @ coarse), case / "p1_t1.nii.gz")
    command = ["run", str(case), "--out", str(tmp_path / "out")]
    assert segment.main(command) == 1
    assert "--resample-to CONTRAST" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert segment.main([*command, "--resample-to", "FLAIR"]) == 0
    assert nibabel.load(tmp_path / "out" / "mask.nii.gz").shape == SHAPE


@pytest.mark.usefixtures("bright_run")
def test_files_can_be_named(tmp_path, capsys):
    case = write_case(tmp_path / "case", contrasts=("scan1", "scan2"))
    command = ["run", str(case), "--out", str(tmp_path / "out")]
    assert segment.main(command) == 1
    assert "no file for the contrast T1" in capsys.readouterr().err
    assert segment.main([*command, "--contrasts", "T1=p1_scan1.nii.gz"]) == 2
    assert "--contrasts must name a file for each of T1, FLAIR" in capsys.readouterr().err
    assert segment.main([*command, "--contrasts", "T1=p1_scan1.nii.gz", "FLAIR=p1_scan2.nii.gz"]) == 0
    assert segment.main(["run", str(tmp_path), "--out", str(tmp_path / "all"), "--contrasts", "T1=a.nii"]) == 2
    assert not (tmp_path / "all").exists()


@pytest.mark.usefixtures("bright_run")
def test_earlier_results_are_kept_unless_overwritten(tmp_path, capsys):
    case = write_case(tmp_path / "case")
    command = ["run", str(case), "--out", str(tmp_path / "out")]
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert segment.main([*command, "--overwrite"]) == 1
    assert "is not a result of kgp segment, so it is not removed" in capsys.readouterr().err
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    command[-1] = str(tmp_path / "new")
    assert [segment.main(command), segment.main(command), segment.main([*command, "--overwrite"])] == [0, 1, 0]
    assert "exists already" in capsys.readouterr().err


@pytest.mark.usefixtures("bright_run")
def test_a_black_volume_is_no_error(tmp_path):
    case = write_case(tmp_path / "case", black=range(5))
    assert segment.main(["run", str(case), "--out", str(tmp_path / "out")]) == 0
    summary = read_json(tmp_path / "out" / "summary.json")
    assert summary["empty_mask_reasons"] == {"black_slice": 5} and summary["mask_volume_mm3"] == 0.0
    assert not (tmp_path / "out" / "overlay.png").exists()


@pytest.mark.usefixtures("bright_run")
def test_a_single_file_for_two_contrasts(tmp_path, capsys):
    case = write_case(tmp_path / "case")
    assert segment.main(["run", str(case / "p1_t1.nii.gz"), "--out", str(tmp_path / "out")]) == 1
    assert "is one file, but the contrasts T1, FLAIR are needed" in capsys.readouterr().err


def test_a_dicom_series(phantom_study, tmp_path, bright_runtime, monkeypatch):
    monkeypatch.setattr("kgp.runtime.load_runtime", lambda _: bright_runtime(size=32, contrasts=("FLAIR",)))
    pixels = np.full((4, 16, 20), 90, np.uint16)
    pixels[2, 3:9, 12:17] = 240
    study = phantom_study(contrasts=("FLAIR",), pixels={"FLAIR": pixels}, spacing=(2.0, 1.0), step=5.0)
    series = study.write(tmp_path / "study") / "FLAIR"
    assert segment.main(["run", str(series), "--out", str(tmp_path / "out")]) == 0
    mask = nibabel.load(tmp_path / "out" / "mask.nii.gz")
    found = np.argwhere(np.asarray(mask.dataobj))
    middle = nibabel.affines.apply_affine(mask.affine, (found.min(axis=0) + found.max(axis=0)) / 2)
    # DICOM says left, back, up: x = -40.5 + 14, y = -33.25 + 2 * 5.5, z = 21 + 10; NIfTI turns the first two round.
    np.testing.assert_allclose(middle, [26.5, 22.25, 31.0], atol=1.0)
    assert read_json(tmp_path / "out" / "summary.json")["slices_by_class"]["tumour"] == 1


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["gone", "--out", "out"], 1, "gone does not exist"),
        (
            ["case", "--out", "out", "--reading", "sharp"],
            2,
            "--reading must be one of paper, image_level, refined, not 'sharp'",
        ),
        (["case", "--out", "out", "--resample-to", "T2"], 1, "--resample-to must be one of T1, FLAIR, not 'T2'"),
        (["empty", "--out", "out"], 1, "empty"),
    ],
)
def test_bad_arguments(tiny_run, tmp_path, options, status, message, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_case(tmp_path / "case")
    (tmp_path / "empty").mkdir()
    assert segment.main([str(tiny_run), *options]) == status
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case", "empty"]


def test_slices_equal_the_runtimes_own_answer(tiny_run, tmp_path):
    """The command adds nothing to what the runtime says of the slice."""
    np.save(tmp_path / "a.npy", np.random.default_rng(3).uniform(0, 99, (16, 16, 2)).astype(np.float32))
    assert segment.main([str(tiny_run), str(tmp_path / "a.npy"), "--out", str(tmp_path / "out")]) == 0
    _, heatmap = load_runtime(tiny_run).predict(np.load(tmp_path / "a.npy")[None])
    margin = heatmap[0, ..., 1] - heatmap[0, ..., 0]
    np.testing.assert_allclose(np.load(tmp_path / "out" / "a_heatmap.npy"), margin, atol=1e-4)
