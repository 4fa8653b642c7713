import json
import shutil

import pytest

from kgp import train
from kgp.run_folder import read_run
from kgp.training.presets import load_preset

SMALL = ["--arch", "unet", "--preset", "demo", "--width", "2", "--depth", "1", "--epochs", "1", "--batch-size", "4"]
SMALL += ["--equivariance", "0"]


def parsed(*argv):
    return train.configuration(train.build_parser().parse_args(list(argv)))


def test_default_presets():
    assert parsed().preset == "demo"
    assert parsed("--data", "somewhere").preset == "best"
    assert parsed("--arch", "reconresnet", "--preset", "paper") == load_preset("paper", "reconresnet")


def test_every_option_reaches_the_configuration():
    config = parsed("--dropout", "0.25", "--labels", "free=0", "tumour=*", "--no-class-weights", "--seed", "7")
    assert config.network.dropout == 0.25
    assert config.data.labels == ("free=0", "tumour=*")
    assert config.optimiser.class_weights is False and config.optimiser.seed == 7


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--dropout", "1.5"], "--dropout must be at most 0.999, not 1.5."),
        (["--epochs", "0"], "--epochs must be at least 1, not 0."),
        (["--width", "many"], "invalid int value: 'many'"),
        (["--arch", "vnet"], "invalid choice: 'vnet'"),
        (["--preset", "fast"], "invalid choice: 'fast'"),
    ],
)
def test_bad_options_are_usage_errors(argv, message, capsys):
    assert train.main(argv) == 2
    assert message in capsys.readouterr().err


def test_whole_command_writes_a_complete_run(tiny_cohort, tmp_path, capsys):
    folder = tmp_path / "run"
    assert train.main([*SMALL, "--data", str(tiny_cohort.folder), "--out", str(folder)]) == 0
    run = read_run(folder)
    listed = set(run.manifest["files"])
    assert {
        "config.json",
        "split.csv",
        "model.weights.h5",
        "history.csv",
        "calibration.json",
        "metrics.json",
        "report.html",
    } <= listed
    assert "macro-F1" in capsys.readouterr().out
    assert json.loads((folder / "metrics.json").read_text())["classification"]["slices"] == 4
    assert "Research use only" in run.manifest["use"]


def test_earlier_run_is_kept_unless_overwritten(tiny_cohort, tmp_path, capsys):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    command = [*SMALL, "--data", str(tiny_cohort.folder), "--out", str(folder)]
    assert train.main(command) == 1
    assert "exists already" in capsys.readouterr().err
    assert train.main([*command, "--overwrite"]) == 2
    assert "is not a run folder, so it is not removed" in capsys.readouterr().err
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_refused_training_leaves_no_folder_and_an_earlier_run_alone(tiny_cohort, tiny_run, tmp_path, capsys):
    command = ["--arch", "shuffleunet", "--preset", "demo", "--depth", "5", "--data", str(tiny_cohort.folder), "--out"]
    assert train.main([*command, str(tmp_path / "new")]) == 1
    assert "the next that works is 32x32" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    shutil.copytree(tiny_run, tmp_path / "earlier")
    assert train.main([*command, str(tmp_path / "earlier"), "--overwrite"]) == 1
    assert read_run(tmp_path / "earlier").config.network.arch == "unet"


def test_resume_of_nothing_and_of_a_finished_run(tiny_cohort, tmp_path, capsys):
    assert train.main(["--resume", str(tmp_path / "none")]) == 1
    assert "holds no run to resume" in capsys.readouterr().err
    folder = tmp_path / "run"
    assert train.main([*SMALL, "--data", str(tiny_cohort.folder), "--out", str(folder)]) == 0
    assert train.main(["--resume", str(folder)]) == 1
    assert "is finished" in capsys.readouterr().err


def test_resume_takes_no_other_option(tmp_path, capsys):
    assert train.main(["--resume", str(tmp_path), "--epochs", "5"]) == 2
    assert "so --epochs cannot be given" in capsys.readouterr().err


def test_no_data_found(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert train.main(["--data", str(tmp_path / "empty"), "--out", str(tmp_path / "run")]) == 1
    assert str(tmp_path / "empty") in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_labels_alone_are_enough(tmp_path, tiny_cohort):
    """A cohort without a single mask trains, is judged and reported; nothing is said of Dice."""
    folder = tmp_path / "labels_only"
    shutil.copytree(tiny_cohort.folder, folder)
    shutil.rmtree(folder / "masks")
    table = (folder / "cohort.csv").read_text().splitlines()
    column = table[0].split(",").index("mask")
    rows = [line.split(",") for line in table]
    (folder / "cohort.csv").write_text(
        "\n".join(
            ",".join("" if index == column and number else cell for index, cell in enumerate(row))
            for number, row in enumerate(rows)
        )
        + "\n"
    )
    assert train.main([*SMALL, "--data", str(folder), "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["segmentation"] is None
