import numpy as np
import pytest

from kgp import import_weights
from kgp.run_folder import read_run
from kgp.runtime import load_runtime

safetensors = pytest.importorskip("safetensors.numpy")


@pytest.fixture
def weights(tmp_path):
    """A GP-UNet of one level and width 2 with 2 channels and 3 classes, in the published layout."""
    rng = np.random.default_rng(0)
    shapes = {"down_path.0.block.0": (2, 2, 3, 3), "down_path.0.block.2": (2, 2, 3, 3), "last": (3, 2, 1, 1)}
    state = {}
    for key, shape in shapes.items():
        state[f"net.{key}.weight"] = rng.normal(size=shape).astype(np.float32)
        state[f"net.{key}.bias"] = rng.normal(size=shape[0]).astype(np.float32)
    safetensors.save_file(state, tmp_path / "unet.safetensors")
    return tmp_path / "unet.safetensors"


def test_imported_run_predicts_at_any_size(weights, tmp_path, capsys):
    command = [
        str(weights),
        "--arch",
        "unet",
        "--out",
        str(tmp_path / "run"),
        "--size",
        "16",
        "--classes",
        "healthy",
        "LGG",
        "HGG",
        "--no-tumour",
        "healthy",
        "--contrasts",
        "T1",
        "FLAIR",
    ]
    assert import_weights.main(command) == 0
    assert "width 2, depth 1" in capsys.readouterr().out
    run = read_run(tmp_path / "run")
    assert run.class_names == ("healthy", "LGG", "HGG") and run.no_tumour_class == 0
    assert run.config.data.normalisation == "slice_maximum"
    assert run.manifest["imported_from"]["file"] == "unet.safetensors"
    logits, heatmap = load_runtime(tmp_path / "run").predict(np.ones((2, 11, 20, 2), np.float32))
    assert logits.shape == (2, 3) and heatmap.shape == (2, 11, 20, 3)


@pytest.mark.parametrize(
    ("options", "index", "said"),
    [
        (["--classes", "LGG", "No Tumor", "HGG"], 1, "\"No tumour\" is class 'No Tumor'."),
        (["--classes", "LGG", "No Tumor", "HGG", "--no-tumour", "none"], None, 'No class means "no tumour".'),
        (["--classes", "LGG", "none", "HGG", "--no-tumour", "none"], 1, "\"No tumour\" is class 'none'."),
        (["--classes", "a", "b", "c"], None, 'No class means "no tumour".'),
    ],
)
def test_the_class_without_tumour_is_told_by_its_name(weights, tmp_path, options, index, said, capsys):
    assert import_weights.main([str(weights), "--arch", "unet", "--out", str(tmp_path / "run"), *options]) == 0
    assert read_run(tmp_path / "run").no_tumour_class == index and said in capsys.readouterr().out


def test_names_are_not_guessed(weights, tmp_path):
    assert import_weights.main([str(weights), "--arch", "unet", "--out", str(tmp_path / "run")]) == 0
    run = read_run(tmp_path / "run")
    assert run.class_names == ("class_0", "class_1", "class_2") and run.no_tumour_class is None
    assert run.contrasts == ("channel_1", "channel_2")


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--classes", "a", "b"], 2, "--classes must name 3, as the weights have them, not 2: a, b."),
        (
            ["--no-tumour", "healthy"],
            2,
            "--no-tumour must be one of the classes class_0, class_1, class_2, not 'healthy'.",
        ),
        (["--contrasts", "T1"], 2, "--contrasts must name 2"),
        (["--classes", "a", "b", "a"], 2, "--classes must name each once, not a, b, a."),
    ],
)
def test_names_that_do_not_fit(weights, tmp_path, capsys, options, status, message):
    assert import_weights.main([str(weights), "--arch", "unet", "--out", str(tmp_path / "run"), *options]) == status
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_existing_folder_is_kept(weights, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    command = [str(weights), "--arch", "unet", "--out", str(tmp_path / "run")]
    assert import_weights.main(command) == 1
    assert import_weights.main([*command, "--overwrite"]) == 1
    assert "is not a run folder, so it is not removed" in capsys.readouterr().err
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_missing_file(tmp_path, capsys):
    assert import_weights.main([str(tmp_path / "none.bin"), "--arch", "unet", "--out", str(tmp_path / "run")]) == 1
    assert "none.bin is missing" in capsys.readouterr().err
