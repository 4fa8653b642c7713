import shutil

import cv2
import nibabel
import numpy as np
import pytest

from kgp import explain


def drawn(path):
    return cv2.imread(str(path)) is not None


def test_a_slice_of_the_runs_own_data(tiny_run, tmp_path, capsys):
    out = tmp_path / "case.png"
    assert explain.main([str(tiny_run), "--id", "p00_1", "--out", str(out)]) == 0
    output = capsys.readouterr().out
    assert drawn(out)
    assert output.startswith("p00_1: tumour (research use only)")
    assert "no_tumour: probability 0.0000" in output and "Evidence for tumour" in output


def test_contributions_and_constant_sum_to_the_logit(tiny_run, tmp_path, capsys):
    assert explain.main([str(tiny_run), "--id", "p00_1", "--points", "1000", "--out", str(tmp_path / "c.png")]) == 0
    lines = capsys.readouterr().out.splitlines()
    line = next(line for line in lines if line.startswith("  tumour"))
    logit, total, constant = (float(line.split(word)[1].split()[0]) for word in ("logit ", "= ", "+ "))
    points = [float(line.split()[2]) for line in lines if len(line.split()) == 3 and line.startswith("   ")]
    assert sum(points) == pytest.approx(total, abs=1e-3)
    assert total + constant == pytest.approx(logit, abs=2e-4)


def test_picture_file(tiny_run, tmp_path, capsys):
    np.save(tmp_path / "slice.npy", np.random.default_rng(0).uniform(0, 99, (20, 24, 2)).astype(np.float32))
    out = tmp_path / "case.png"
    assert explain.main([str(tiny_run), str(tmp_path / "slice.npy"), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("slice.npy: tumour") and drawn(out)


def test_a_header_without_a_place_is_told(tiny_run, tmp_path, caplog):
    data = np.random.default_rng(0).uniform(0, 99, (16, 18, 3)).astype(np.float32)
    for contrast in ("t1", "flair"):
        image = nibabel.Nifti1Image(data, None)
        nibabel.save(image, tmp_path / f"p_{contrast}.nii.gz")
    assert explain.main([str(tiny_run), str(tmp_path), "--out", str(tmp_path / "case.png"), "--slice", "1"]) == 0
    assert "has neither qform nor sform in p_t1.nii.gz, p_flair.nii.gz (both codes are 0)" in caplog.text


def test_slice_of_a_volume(tiny_run, tmp_path, capsys):
    case = tmp_path / "case"
    case.mkdir()
    data = np.random.default_rng(0).uniform(0, 99, (16, 18, 3)).astype(np.float32)
    for contrast in ("t1", "flair"):
        nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), case / f"p_{contrast}.nii.gz")
    command = [str(tiny_run), str(case), "--out", str(tmp_path / "case.png")]
    assert explain.main([*command, "--slice", "2"]) == 0
    assert capsys.readouterr().out.startswith("case, slice 2: tumour")
    for wrong in ([], ["--slice", "3"], ["--slice", "-1"]):
        assert explain.main([*command, *wrong]) == 2
        assert "--slice must be a number from 0 to 2" in capsys.readouterr().err


def test_default_is_the_median_case_of_the_evaluation(tiny_run, tmp_path, capsys):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    command = [str(run), "--out", str(tmp_path / "case.png")]
    assert explain.main(command) == 1
    assert "has not been evaluated" in capsys.readouterr().err
    (run / "predictions.csv").write_text(
        "id,true_pixels,dice_refined,dice_paper\np00_0,0,1,1\np01_1,25,0.1,0.5\np02_1,25,0.9,0.9\np03_1,25,0.5,0.1\n"
    )
    for reading, identifier in (("refined", "p03_1"), ("paper", "p01_1")):
        assert explain.main([*command, "--reading", reading]) == 0
        assert capsys.readouterr().out.startswith(f"{identifier}: tumour")
    (run / "predictions.csv").write_text("id,true\np00_0,no_tumour\n")
    assert explain.main(command) == 1
    assert "has no slice with a true mask" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--out", "case.jpg"], 2, "--out must end in .png, not 'case.jpg'"),
        (["--out", "case.png", "--points", "-1"], 2, "--points must be at least 0, not -1"),
        (
            ["--out", "case.png", "--reading", "sharp"],
            2,
            "--reading must be one of paper, image_level, refined, not 'sharp'",
        ),
        (["--out", "case.png", "--id", "nobody"], 1, "has no slice 'nobody'"),
        (["gone.npy", "--out", "case.png"], 1, "gone.npy does not exist"),
    ],
)
def test_bad_arguments(tiny_run, tmp_path, options, status, message, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert explain.main([str(tiny_run), *options]) == status
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_wrong_number_of_channels(tiny_run, tmp_path, capsys):
    np.save(tmp_path / "slice.npy", np.ones((16, 16, 3), np.float32))
    assert explain.main([str(tiny_run), str(tmp_path / "slice.npy"), "--out", str(tmp_path / "case.png")]) == 1
    assert "takes slices with the 2 contrasts T1, FLAIR" in capsys.readouterr().err
    assert not (tmp_path / "case.png").exists()
