import json
import shutil

import pytest

from kgp import train
from kgp.run_folder import build_network, read_run
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


def test_every_option_shows_its_default(capsys):
    assert train.main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "those of the first (default: paper 300, best 36 (48 where every class is a tumour), demo 24)" in text
    assert "seed of split, weights, order and augmentation (default: 0)" in text
    assert "weight classes by their rarity in the training part (default: on)" in text
    fields = [
        field
        for section in vars(load_preset("best", "unet")).values()
        if hasattr(section, "__dataclass_fields__")
        for field in section.__dataclass_fields__
    ]
    for field in fields:
        assert f"--{field.replace('_', '-')}" in text
    assert text.count("(default: ") == len(fields) + 4  # and those of --out, --data, --preset and --cache


def test_a_configuration_comes_back_in(tiny_run, tmp_path):
    file = tiny_run / "config.json"
    assert parsed("--config", str(file)) == read_run(tiny_run).config
    changed = parsed("--config", str(file), "--epochs", "7", "--arch", "reconresnet")
    assert changed == read_run(tiny_run).config.override(epochs=7, arch="reconresnet")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "c.json is missing."),
        ("{", "c.json is not a JSON file"),
        ("[1]", "c.json: A configuration is an object of sections, not [1]."),
        ('{"preset": 3}', "c.json: The preset of a configuration is a name, not 3."),
        ('{"colour": {}}', "c.json: Unknown section 'colour' in the configuration; known are preset, network"),
        ('{"network": {"wdth": 8}}', "c.json: Unknown option 'wdth' in the configuration; known are arch, width"),
        ('{"network": {"width": 0}}', "c.json: --width must be at least 1, not 0."),
    ],
)
def test_files_that_are_no_configuration(tmp_path, content, message, capsys):
    if content is not None:
        (tmp_path / "c.json").write_text(content)
    assert train.main(["--config", str(tmp_path / "c.json"), "--out", str(tmp_path / "run")]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_configuration_goes_in_the_place_of_a_preset(tiny_run, capsys):
    assert train.main(["--config", str(tiny_run / "config.json"), "--preset", "best"]) == 2
    assert "argument --preset: not allowed with argument --config" in capsys.readouterr().err


def test_dry_run_tells_and_writes_nothing(tiny_cohort, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train.main([*SMALL, "--data", str(tiny_cohort.folder), "--seed", "3", "--dry-run"]) == 0
    out = capsys.readouterr().out
    text, _, rest = out.partition("\nSlices")
    config = parsed(*SMALL, "--seed", "3")
    assert json.loads(text) == json.loads(json.dumps(config.to_dict()))
    assert "  train: no_tumour 6 (6), tumour 6 (6)" in rest and "  test: no_tumour 2 (2), tumour 2 (2)" in rest
    assert "\"No tumour\" is class 'no_tumour' (label 0)." in rest
    network = build_network(config, tiny_cohort.shape, 2)
    assert f"GP-UNet for slices of 16x16x2, {network.count_params():,} parameters." in rest
    assert "Estimated training time: 0:00:0" in rest and "(1 epochs of 3 batches" in rest
    assert not list(tmp_path.iterdir())


def test_dry_run_refuses_what_a_training_refuses(tiny_cohort, capsys):
    data = ["--data", str(tiny_cohort.folder), "--dry-run"]
    assert train.main([*data, "--arch", "shuffleunet", "--preset", "demo", "--depth", "5"]) == 1
    assert "the next that works is 32x32" in capsys.readouterr().err
    assert train.main(["--resume", "run", "--dry-run"]) == 2
    assert "so --dry-run cannot be given" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "status", "message"),
    [
        ("tumour", 1, "Class 'tumour' is taken for \"no tumour\", but 10 of 10 of its slices with masks have a mask"),
        ("glioma", 2, "--no-tumour names 'glioma', which is no class and no label"),
    ],
)
def test_a_class_that_cannot_mean_no_tumour_is_refused(tiny_cohort, tmp_path, option, status, message, capsys):
    command = [*SMALL, "--data", str(tiny_cohort.folder), "--no-tumour", option, "--out", str(tmp_path / "run")]
    assert train.main(command) == status
    assert message in capsys.readouterr().err and not (tmp_path / "run").exists()


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
