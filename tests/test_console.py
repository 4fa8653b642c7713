"""kgp.console: the command line."""

import pytest

from kgp import console

pytest.importorskip("highdicom")


@pytest.fixture
def study(phantom_study, tmp_path):
    return phantom_study().write(tmp_path / "study")


def test_a_study(study, litert_files, tmp_path, capsys):
    model = litert_files("float32")[0]
    options = ["--fractional", "--empty-segmentation", "--deterministic-uids"]
    assert console.main(["run", str(study), "--model", str(model), "--out", str(tmp_path / "out"), *options]) == 0
    told = capsys.readouterr().out
    assert "6 slices (no_tumour 0, tumour 6)" in told
    assert "T1 is series 3 't1 tra': its description says so.\n" in told
    names = {path.name for path in (tmp_path / "out" / "dicom").iterdir()}
    assert {"segmentation.dcm", "segmentation_fractional.dcm", "heatmap.dcm", "report.dcm"} <= names


def test_files_named_one_by_one_and_rules_of_ones_own(study, litert_files, tmp_path):
    rules = tmp_path / "rules.ini"
    rules.write_text("[T1]\nwords = flair\n[FLAIR]\nwords = t1\n")
    files = [str(path) for path in study.rglob("IM*")]
    command = ["run", *files, "--model", str(litert_files("float32")[0]), "--rules", str(rules)]
    assert console.main([*command, "--out", str(tmp_path / "out")]) == 0
    summary = (tmp_path / "out" / "summary.json").read_text()
    assert '"FLAIR": {\n      "series": 3' in summary


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--model", "model.h5"], 2, "kgp console: --model takes a .tflite file, not model.h5."),
        (["--model", "gone.tflite"], 1, "kgp console: gone.tflite is missing."),
        (["--model", "gone.tflite", "--rules", "gone.ini"], 2, "kgp console: gone.ini cannot be read: No such file"),
        ([], 2, "the following arguments are required: --model"),
        (["--model", "gone.tflite", "--assign", "T1"], 2, "--assign takes CONTRAST=SERIES, as T1=5, not 'T1'."),
        (["--model", "gone.tflite", "--assign", "T1=5", "T1=6"], 2, "--assign names two series for T1: 5 and 6."),
        (["--model", "gone.tflite", "--assign", "T1=5", "--assign", "T2=5"], 2, "names series 5 for two contrasts."),
    ],
)
def test_bad_arguments(study, tmp_path, options, status, message, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert console.main(["run", str(study), "--out", "out", *options]) == status
    assert message in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"study"}


def test_a_study_that_lacks_a_contrast(phantom_study, litert_files, tmp_path, capsys):
    study = phantom_study(contrasts=("T1", "T2")).write(tmp_path / "study")
    command = ["run", str(study), "--model", str(litert_files("float32")[0]), "--out", str(tmp_path / "out")]
    assert console.main(command) == 1
    told = capsys.readouterr().err
    assert "kgp console: The study has no series for FLAIR where one for each of T1, FLAIR is expected" in told
    assert "series 4 't2_tse_tra' (6 slices, TE 90, TR 9000: T2)" in told
    assert {path.name for path in tmp_path.iterdir()} == {"study"}


def test_a_series_assigned(study, litert_files, tmp_path, capsys):
    command = [
        "run",
        str(study),
        "--model",
        str(litert_files("float32")[0]),
        "--out",
        str(tmp_path / "out"),
        "--assign",
    ]
    assert console.main([*command, "T9=4"]) == 2
    assert "kgp console: --assign names T9 where the model reads T1, FLAIR." in capsys.readouterr().err
    assert console.main([*command, "T1=9"]) == 1
    assert "--assign T1=9 names a series that is not there; the study has series 3, 4." in capsys.readouterr().err
    assert console.main([*command, "T1=4", "FLAIR=3"]) == 0
    assert "T1 is series 4 't2 flair tra': assigned with --assign." in capsys.readouterr().out


def test_a_command_is_needed(capsys):
    assert console.main([]) == 2
    assert "COMMAND" in capsys.readouterr().err
