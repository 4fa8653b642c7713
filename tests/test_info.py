"""kgp.info: what is installed, and what a run is, without loading weights."""

import json
import subprocess
import sys

import pytest

import kgp
from kgp.architectures import ARCHITECTURES
from kgp.config import NORMALISATIONS, RunConfig
from kgp.data.sources import KINDS
from kgp.files import write_json
from kgp.heatmap.reading import NAMED
from kgp.info import SOURCES, describe_run, installation, main
from kgp.run_folder import WEIGHTS, write_run
from kgp.training.presets import NAMES, load_preset

CLASSIFICATION = {"slices": 8, "patients": 4, "accuracy": 0.9, "macro_f1": 0.8125, "detection_f1": None}
METRICS = {"classification": CLASSIFICATION, "segmentation": None}


class WeightsOnly:
    """Stands for a network: kgp info must not need more of it than its file."""

    def save_weights(self, path):
        path.write_bytes(b"weights")


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    config = load_preset("demo", "unet").override(seed=7)
    write_run(
        folder, config, WeightsOnly(), class_names=("none", "glioma"), no_tumour_class=0,
        contrasts=("T1", "FLAIR"), shape=(64, 48, 2), data="prepared/x",
    )  # fmt: skip
    return folder


def test_installation_as_json(capsys):
    assert main(["--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values == json.loads(json.dumps(installation()))
    assert values["version"] == kgp.__version__
    assert values["choices"]["arch"] == list(ARCHITECTURES)
    assert values["choices"]["normalisation"] == list(NORMALISATIONS)
    assert values["choices"]["pooling"] == ["max", "average", "lse", "topfraction"]
    assert values["packages"]["numpy"].startswith("2.")
    assert values["readings"] == {name: reading.to_dict() for name, reading in NAMED.items()}


def test_presets_are_shown_in_full():
    shown = installation()["presets"]
    assert list(shown) == list(NAMES)
    config = json.loads(json.dumps(shown["paper"]["config"]["reconresnet"]))
    assert RunConfig.from_dict(config) == load_preset("paper", "reconresnet")
    assert shown["demo"]["summary"].startswith("The phantom")


def test_installation_for_reading(capsys):
    assert main([]) == 0
    printed = capsys.readouterr().out
    for word in (*ARCHITECTURES, *NORMALISATIONS, *NAMES, *SOURCES, "nifti", "dicom"):
        assert word in printed


def test_tensorflow_is_not_imported():
    script = (
        "import sys\nfrom kgp.info import main\nstatus = main(['--json'])\n"
        "sys.exit('heavy' if {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules) else status)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["version"] == kgp.__version__


def test_run_as_json(run_folder, capsys):
    write_json(run_folder / "metrics.json", METRICS)
    assert main([str(run_folder), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values == json.loads(json.dumps(describe_run(run_folder)))
    assert values["class_names"] == ["none", "glioma"]
    assert values["config"]["preset"] == "demo"
    assert values["metrics"] == METRICS
    assert values["readings"] is None
    assert values["manifest"]["seed"] == 7


def test_run_for_reading(run_folder, capsys):
    assert main([str(run_folder)]) == 0
    printed = capsys.readouterr().out
    for text in ("GP-UNet", "demo, ", "seed 7", "none (no tumour), glioma", "T1, FLAIR", "64x48x2", "prepared/x"):
        assert text in printed
    assert "not calibrated" in printed
    assert "Not evaluated." in printed


def test_run_with_metrics_and_readings(run_folder, capsys):
    write_json(run_folder / "metrics.json", METRICS)
    write_json(run_folder / "calibration.json", {"default": "best", "readings": {"paper": {}, "best": {}}})
    assert main([str(run_folder)]) == 0
    printed = capsys.readouterr().out
    assert "8 slices of 4 patients: accuracy 0.900, macro-F1 0.812." in printed
    assert "paper, best (default best)" in printed


@pytest.mark.parametrize("content", [["wrong"], {"wrong": 1}, {"classification": None, "readings": None}])
@pytest.mark.parametrize(("name", "what"), [("metrics.json", "metrics"), ("calibration.json", "readings")])
def test_foreign_metrics_and_readings(run_folder, name, what, content, capsys):
    write_json(run_folder / name, content)
    assert main([str(run_folder)]) == 1
    assert f"kgp info: {name} holds no {what} of a run: " in capsys.readouterr().err


def test_the_sources_are_those_of_the_readers():
    assert tuple(SOURCES) == KINDS


def remove_manifest(folder):
    (folder / "manifest.json").unlink()


def remove_everything(folder):
    for path in folder.iterdir():
        path.unlink()


def cut_weights(folder):
    (folder / WEIGHTS).write_bytes(b"wei")


def remove_weights(folder):
    (folder / WEIGHTS).unlink()


def cut_manifest(folder):
    path = folder / "manifest.json"
    path.write_text(path.read_text()[:40])


def foreign_manifest(folder):
    (folder / "manifest.json").write_text('{"format": "other"}')


def cut_metrics(folder):
    (folder / "metrics.json").write_text('{"classification": ')


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (remove_manifest, "holds a run that has not finished; continue it with kgp train --resume"),
        (remove_everything, "is not a run folder: it has no manifest.json."),
        (cut_weights, "model.weights.h5 is not the file that manifest.json lists (its SHA-256 differs)"),
        (remove_weights, "model.weights.h5 is missing, so the run cannot be used."),
        (cut_manifest, "manifest.json is not a JSON file"),
        (foreign_manifest, "manifest.json is not the manifest of a run in format kgp-run-1."),
        (cut_metrics, "metrics.json is not a JSON file"),
    ],
)
def test_a_damaged_or_foreign_run_is_one_sentence(run_folder, damage, sentence, capsys):
    damage(run_folder)
    assert main([str(run_folder)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("kgp info: ")
    assert sentence in captured.err
    assert captured.err.count("\n") == 1


def test_a_folder_that_is_not_there(tmp_path, capsys):
    assert main([str(tmp_path / "none")]) == 1
    assert "is not a run folder: there is no such folder." in capsys.readouterr().err
