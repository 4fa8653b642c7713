import csv
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgp.data.labels import choose_labels
from kgp.data.split import split_cohort
from kgp.errors import KgpError
from kgp.run_folder import build_run_network, read_run
from kgp.training import callbacks, checkpoint, devices, loop
from kgp.training.presets import load_preset


def small(**options):
    """A demo configuration small enough for a test: width 2, two epochs, a single pass a step."""
    defaults = {"width": 2, "depth": 1, "epochs": 2, "batch_size": 4, "dropout": 0.2, "equivariance": 0.0}
    return load_preset("demo", "unet").override(**{**defaults, **options})


def prepared(cohort):
    labelled = choose_labels(cohort, ())
    return labelled, split_cohort(labelled)


def weights_of(folder):
    return [keras.ops.convert_to_numpy(v) for v in build_run_network(read_run(folder)).weights]


def assert_same_weights(one, other):
    for first, second in zip(weights_of(one), weights_of(other), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.fixture(scope="module")
def whole(tiny_cohort, tmp_path_factory):
    """Trains a configuration without interruption, once each; gives the run folder."""
    made = {}

    def train(**options):
        config = small(**options)
        if config not in made:
            folder = tmp_path_factory.mktemp("whole") / "run"
            loop.train(config, *prepared(tiny_cohort), folder)
            made[config] = folder
        return made[config]

    return train


def assert_same_training(one, other):
    assert_same_weights(one, other)
    assert (one / "history.csv").read_text() == (other / "history.csv").read_text()


def test_killed_and_resumed_equals_uninterrupted(whole, tiny_cohort, tmp_path, monkeypatch, killed_in_second_epoch):
    """With every part of the state that a plain training lacks.

    One that Ctrl-C ends is in the next tests.
    """
    labelled, split = prepared(tiny_cohort)
    options = {"keep": "best", "accumulation": 2, "optimiser": "adam_l2", "equivariance": 0.3}
    config = small(**options)

    with killed_in_second_epoch():
        loop.train(config, labelled, split, tmp_path / "parts")
    with pytest.raises(KgpError, match="not finished"):
        read_run(tmp_path / "parts")
    loop.train(config, labelled, split, tmp_path / "parts", resume=True)
    assert_same_training(whole(**options), tmp_path / "parts")


def test_another_seed_gives_other_weights(whole):
    with pytest.raises(AssertionError):
        assert_same_weights(whole(epochs=1), whole(epochs=1, seed=1))


def test_interruption_leaves_a_usable_run_that_can_go_on(whole, tiny_cohort, tmp_path, monkeypatch):
    labelled, split = prepared(tiny_cohort)

    def ctrl_c(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.EpochEnd, "on_epoch_begin", ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            loop.train(small(), labelled, split, tmp_path / "run")
    assert read_run(tmp_path / "run").manifest["epochs_trained"] == 1
    assert not loop.is_finished(tmp_path / "run")
    loop.train(small(), labelled, split, tmp_path / "run", resume=True)
    assert loop.is_finished(tmp_path / "run")
    assert_same_training(whole(), tmp_path / "run")


def test_interruption_in_the_first_epoch_can_go_on_too(whole, tiny_cohort, tmp_path, monkeypatch):
    """It starts anew, so this holds too that the same seed gives the same weights."""
    labelled, split = prepared(tiny_cohort)

    def ctrl_c(folder, model, state):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(callbacks, "save_checkpoint", ctrl_c)
        with pytest.raises(KeyboardInterrupt):
            loop.train(small(epochs=1), labelled, split, tmp_path / "run")
    loop.train(small(epochs=1), labelled, split, tmp_path / "run", resume=True)
    assert_same_training(whole(epochs=1), tmp_path / "run")


def test_a_folder_that_appeared_meanwhile_is_kept(tiny_cohort, tmp_path):
    labelled, split = prepared(tiny_cohort)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("another training's")
    with pytest.raises(KgpError, match="run exists already; name another folder"):
        loop.train(small(), labelled, split, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.json"]


def test_run_folder_is_complete(whole):
    run = read_run(whole())
    assert run.class_names == ("no_tumour", "tumour") and run.no_tumour_class == 0
    with open(run.folder / "history.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"loss", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate"} <= set(rows[0])
    assert list((run.folder / "tensorboard").rglob("*tfevents*"))
    assert not list(run.folder.glob("*.npz"))


def test_patience_stops_early(tiny_cohort, tmp_path):
    labelled, split = prepared(tiny_cohort)
    run = loop.train(small(epochs=6, learning_rate=0.0, patience=2), labelled, split, tmp_path / "run")
    assert run.manifest["epochs_trained"] == 3


def test_mixed_precision_trains_and_predicts_in_float32_afterwards(tiny_cohort, tmp_path):
    labelled, split = prepared(tiny_cohort)
    loop.train(small(epochs=1, mixed_precision=True), labelled, split, tmp_path / "run")
    assert keras.config.dtype_policy().name == "float32"
    assert all(variable.dtype == np.float32 for variable in weights_of(tmp_path / "run") if variable.ndim > 1)


@pytest.mark.parametrize("normalisation_layer", ["none", "instance"])
def test_sixteen_bits_train_and_resume_without_nan(
    normalisation_layer, write_cohort, tmp_path, monkeypatch, killed_in_second_epoch
):
    """In float16, as on a GPU, from raw intensities, whose sum of squares leaves its range."""
    monkeypatch.setattr(devices, "_has_gpu", lambda: True)
    cohort = write_cohort(tmp_path / "cohort", patients=10)
    options = {"mixed_precision": True, "normalisation_layer": normalisation_layer, "normalisation": "none"}
    run = loop.train(small(epochs=2, **options), *prepared(cohort), tmp_path / "run")
    assert keras.config.dtype_policy().name == "float32"
    with open(run.folder / "history.csv", newline="") as stream:
        losses = [float(row[name]) for row in csv.DictReader(stream) for name in ("loss", "val_loss")]
    assert np.isfinite(losses).all()
    assert all(np.isfinite(weight).all() for weight in weights_of(run.folder))

    with killed_in_second_epoch():
        loop.train(small(epochs=2, **options), *prepared(cohort), tmp_path / "parts")
    loop.train(small(epochs=2, **options), *prepared(cohort), tmp_path / "parts", resume=True)
    assert_same_training(run.folder, tmp_path / "parts")  # the scale of the loss too goes on where it was


def test_full_disk_while_saving_keeps_the_last_whole_checkpoint(tiny_cohort, tmp_path, monkeypatch):
    labelled, split = prepared(tiny_cohort)
    original, calls = np.savez, []

    def full(stream, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            stream.write(b"half")
            raise OSError(28, "No space left on device", "checkpoint.npz")
        original(stream, *args, **kwargs)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        loop.train(small(), labelled, split, tmp_path / "run")
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "run").iterdir() if path.name.startswith(".")] == []
    with np.load(tmp_path / "run" / checkpoint.NAME) as stored:
        assert b'"epoch": 1' in stored["progress"].tobytes()


def test_size_the_network_cannot_take(tiny_cohort, tmp_path):
    labelled, split = prepared(dataclasses.replace(tiny_cohort, shape=(18, 18, 2)))
    config = load_preset("demo", "shuffleunet").override(width=2)
    with pytest.raises(KgpError, match="24"):
        loop.train(config, labelled, split, tmp_path / "run")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating\nHint"),
            "OOM when allocating.; where that is",
        ),
        (
            tf.errors.NotFoundError(None, None, "a.npy; No such file"),
            "could not be read any more .a.npy; No such file.",
        ),
    ],
)
def test_what_tensorflow_says_is_told(tiny_cohort, tmp_path, monkeypatch, error, message):
    def failing(*_):
        raise error

    monkeypatch.setattr(loop, "_fit", failing)
    with pytest.raises(KgpError, match=message):
        loop.train(small(), *prepared(tiny_cohort), tmp_path / "run")


def test_validation_figures_by_hand():
    logits = np.log(np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
    figures = loop.validation_figures(logits, np.array([0, 1, 1]), np.array([1.0, 2.0]))
    assert figures["val_accuracy"] == pytest.approx(2 / 3)
    assert figures["val_macro_f1"] == pytest.approx(2 / 3)
    assert figures["val_loss"] == pytest.approx(-(np.log(0.9) + 2 * np.log(0.4) + 2 * np.log(0.8)) / 5)
