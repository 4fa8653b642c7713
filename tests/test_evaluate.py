import json
import shutil

import pytest

from kgp import evaluate
from kgp.files import read_json, write_json
from kgp.run_folder import refresh_manifest


@pytest.fixture
def run_copy(tiny_run, tmp_path):
    return shutil.copytree(tiny_run, tmp_path / "run")


@pytest.fixture
def other(tiny_cohort, tmp_path):
    """The tiny cohort under other persons' names."""
    folder = shutil.copytree(tiny_cohort.folder, tmp_path / "other")
    lines = (folder / "cohort.csv").read_text().splitlines()
    group = lines[0].split(",").index("group")
    rows = [line.split(",") for line in lines[1:]]
    for row in rows:
        row[group] = f"new_{row[group]}"
    (folder / "cohort.csv").write_text("\n".join([lines[0], *(",".join(row) for row in rows)]) + "\n")
    return folder


def test_own_parts(run_copy, capsys):
    assert evaluate.main([str(run_copy)]) == 0
    output = capsys.readouterr().out
    assert "4 slices of 2 patients" in output and "Median Dice, reading refined" in output
    folder = run_copy / "evaluations" / "test"
    assert {path.name for path in folder.iterdir()} == {"metrics.json", "predictions.csv", "report.html"}
    metrics = read_json(folder / "metrics.json")
    assert metrics["facts"]["part"] == "test (split by patient)"
    assert metrics["classification"]["accuracy"] == 0.5  # the tiny run calls everything a tumour
    assert evaluate.main([str(run_copy), "--part", "validation", "--views", "8", "--reading", "paper"]) == 0
    metrics = read_json(run_copy / "evaluations" / "validation-8views" / "metrics.json")
    assert metrics["default_reading"] == "paper"
    assert {reading["reading"]["views"] for reading in metrics["segmentation"].values()} == {8}


def test_an_earlier_evaluation_is_kept_unless_overwritten(run_copy, capsys):
    out = run_copy.parent / "out"
    command = [str(run_copy), "--part", "validation", "--out", str(out)]
    assert evaluate.main(command) == 0
    before = (out / "metrics.json").stat().st_mtime_ns
    assert evaluate.main(command) == 1
    assert "exists already" in capsys.readouterr().err
    assert (out / "metrics.json").stat().st_mtime_ns == before
    assert evaluate.main([*command, "--overwrite"]) == 0
    assert (out / "metrics.json").stat().st_mtime_ns > before


def test_overwrite_never_removes_what_is_no_evaluation(run_copy, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    for place in (tmp_path / "mine", run_copy):
        assert evaluate.main([str(run_copy), "--out", str(place), "--overwrite"]) == 2
        assert "name another --out" in capsys.readouterr().err
    assert (tmp_path / "mine" / "notes.txt").read_text() == "mine"
    assert (run_copy / "config.json").is_file()


def test_other_data_by_name(run_copy, other, capsys):
    assert evaluate.main([str(run_copy), "--data", str(other)]) == 0
    folder = run_copy / "evaluations" / "other"
    metrics = read_json(folder / "metrics.json")
    assert metrics["classification"]["slices"] == 20
    assert metrics["facts"]["data"] == "other, all of it"
    assert metrics["facts"]["seen in training"] == "no person of it"
    assert "caution" not in metrics["facts"]


def test_persons_seen_in_training_are_reported(run_copy, tiny_cohort, caplog):
    assert evaluate.main([str(run_copy), "--data", str(tiny_cohort.folder), "--out", str(run_copy.parent / "o")]) == 0
    metrics = read_json(run_copy.parent / "o" / "metrics.json")
    assert metrics["facts"]["caution"] == "6 person(s) of the training part stand in this data set too"
    assert "6 person(s) of the training part stand in this data set too, such as" in caplog.text


def renamed(folder, contrasts, labels):
    """Gives contrasts and labels of a prepared cohort other names."""
    header = read_json(folder / "cohort.json")
    write_json(folder / "cohort.json", header | {"contrasts": contrasts})
    table = (folder / "cohort.csv").read_text()
    for old, new in labels.items():
        table = table.replace(f",{old},", f",{new},")
    (folder / "cohort.csv").write_text(table)


def test_other_names_of_contrasts_and_labels(run_copy, other, capsys):
    renamed(other, ["channel_2", "channel_1"], {"no_tumour": "free", "tumour": "glioma"})
    command = [str(run_copy), "--data", str(other)]
    assert evaluate.main(command) == 1
    assert "No label of" in capsys.readouterr().err
    command += ["--labels", "no_tumour=free", "tumour=glioma"]
    assert evaluate.main(command) == 1
    assert "has no channel 'T1' for the run's contrast T1; its channels are channel_2, channel_1" in (
        capsys.readouterr().err
    )
    assert evaluate.main([*command, "--map", "T1=channel_2", "FLAIR=channel_1"]) == 0
    metrics = read_json(run_copy / "evaluations" / "other" / "metrics.json")
    # Learned from the run's own training part, whose channels lie the other way round.
    assert metrics["rivals"]["figures"]["place"]["macro_f1"] == 1.0
    assert set(metrics["classification"]["classes"]) == {"no_tumour", "tumour"}


@pytest.mark.parametrize(
    ("own", "there", "classes"),
    [
        # The run's label 1 is a tumour, that of the other data is not.
        (["no_tumour=0", "tumour=1"], {"0,no_tumour": "1,no_tumour", "1,tumour": "7,tumour"}, {"no_tumour", "tumour"}),
        # The other data have no slice without a tumour.
        (["no_tumour=0", "tumour=*"], {"0,no_tumour": "2,metastasis"}, {"tumour"}),
        (["no_tumour=no_tumour", "tumour=glioma,tumour"], {}, {"no_tumour", "tumour"}),
    ],
)
def test_a_runs_own_labels_mean_the_same_in_other_data(run_copy, other, own, there, classes):
    config = read_json(run_copy / "config.json")
    config["data"]["labels"] = own
    write_json(run_copy / "config.json", config)
    refresh_manifest(run_copy)
    renamed(other, ["T1", "FLAIR"], there)
    assert evaluate.main([str(run_copy), "--data", str(other)]) == 0
    found = read_json(run_copy / "evaluations" / "other" / "metrics.json")["classification"]
    assert found["slices"] == 20
    assert {name for name, scores in found["classes"].items() if scores["support"]} == classes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--map", "T2=channel"], "--map takes CONTRAST=NAME with a contrast of the run (T1, FLAIR), not 'T2=channel'"),
        (["--map", "T1"], "--map takes CONTRAST=NAME"),
        (["--labels", "grade II=0", "tumour=1"], "--labels names 'grade II', which is no class of the run"),
        (["--reading", "sharp"], "--reading must be one of paper, image_level, refined, not 'sharp'"),
    ],
)
def test_bad_options_leave_nothing_behind(run_copy, other, options, message, capsys):
    assert evaluate.main([str(run_copy), "--data", str(other), *options]) == 2
    assert message in capsys.readouterr().err
    assert not any((run_copy / "evaluations").glob("*"))
    assert not any((run_copy / "evaluations").glob(".*"))


def test_a_part_is_of_the_runs_own_data(run_copy, other, capsys):
    assert evaluate.main([str(run_copy), "--part", "validation", "--data", str(other)]) == 1
    assert "gives slice 'p06_0' the person 'new_p06' where" in capsys.readouterr().err
    for option in (["--labels", "tumour=1"], ["--map", "T1=T1"]):
        assert evaluate.main([str(run_copy), "--part", "test", "--data", str(other), *option]) == 2
        assert f"{option[0]} is for other data, and --part takes the run's own" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--map", "T1=T1"], ["--labels", "a=1"], ["--csv", "t.csv"], ["--kind", "slices"]])
def test_options_of_other_data_without_it(tmp_path, option, capsys):
    assert evaluate.main([str(tmp_path), *option]) == 2
    assert f"{option[0]} says something of other data; name them with --data." in capsys.readouterr().err


def test_data_without_masks(run_copy, other, capsys):
    shutil.rmtree(other / "masks")
    lines = (other / "cohort.csv").read_text().splitlines()
    mask = lines[0].split(",").index("mask")
    rows = [line.split(",") for line in lines]
    rows = [rows[0], *([*row[:mask], "", *row[mask + 1 :]] for row in rows[1:])]
    (other / "cohort.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    assert evaluate.main([str(run_copy), "--data", str(other)]) == 0
    assert "Dice" not in capsys.readouterr().out
    assert json.loads((run_copy / "evaluations" / "other" / "metrics.json").read_text())["segmentation"] is None


def test_data_of_one_class(run_copy, other, capsys):
    """All slices of the other data may show a tumour; nothing is to be told apart, but the masks can be judged."""
    lines = (other / "cohort.csv").read_text().splitlines()
    (other / "cohort.csv").write_text("\n".join(line for line in lines if ",no_tumour," not in line) + "\n")
    assert evaluate.main([str(run_copy), "--data", str(other)]) == 0
    found = read_json(run_copy / "evaluations" / "other" / "metrics.json")["classification"]
    assert found["slices"] == 10 and found["accuracy"] == 1.0
    assert found["classes"]["no_tumour"]["f1"] is None


def test_no_run(tmp_path, capsys):
    assert evaluate.main([str(tmp_path / "none")]) == 1
    assert "is not a run folder" in capsys.readouterr().err
