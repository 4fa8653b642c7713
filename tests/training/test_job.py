"""kgp.training.job: a training from its source."""

import shutil

import keras
import numpy as np
import pytest

from kgp import cache, train
from kgp.files import read_json, write_json, write_table
from kgp.run_folder import read_run
from kgp.training.additions import Additions
from kgp.training.job import train_from_source
from kgp.training.presets import load_preset

CONFIG = load_preset("demo", "unet").override(width=2, depth=1, epochs=2, batch_size=4, equivariance=0.0)


@pytest.fixture
def source(tiny_cohort, tmp_path):
    """The tiny cohort as a folder with index.csv, and a cache."""
    folder = shutil.copytree(tiny_cohort.folder / "slices", tmp_path / "SLICES" / "slices").parent
    names = ("id", "image", "label", "label_name", "patient")
    write_table([{name: getattr(row, name) for name in names} for row in tiny_cohort.rows], folder / "index.csv")
    return {"data": str(folder), "csv": None, "cache": str(tmp_path / "prepared"), "kind": None}


class Stop(keras.callbacks.Callback):
    """Ctrl-C after the first epoch."""

    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


@pytest.fixture
def interrupted(source, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train_from_source(CONFIG, tmp_path / "run", source, additions=Additions(callbacks=(Stop(),)))
    (tmp_path / "run" / "own_parts.json").unlink()  # as if the keyboard had stopped it
    return tmp_path / "run"


def test_a_run_knows_its_data_by_name_and_content(interrupted, source):
    run = read_run(interrupted)
    header = read_json(f"{run.data}/cohort.json")
    assert (run.data_name, run.data_content) == ("SLICES", header["content"])
    assert header["data"] == source["data"]
    assert read_json(interrupted / "source.json") == source | {"content": header["content"]}


def test_a_training_of_an_earlier_version_goes_on_in_its_own_cache(interrupted, source, tmp_path, caplog):
    """It did not note the content, and named what it prepared after places and times."""
    write_json(interrupted / "source.json", source)
    (earlier,) = (path for path in (tmp_path / "prepared").iterdir() if path.name[0] != ".")
    earlier.rename(earlier.with_name("SLICES-0000000000"))
    assert train.main(["--resume", str(interrupted)]) == 0
    assert earlier.is_dir() and "has changed" not in caplog.text
    assert "SLICES-" not in (interrupted / "metrics.json").read_text()


def test_data_that_changed_in_between_are_said(interrupted, source, tmp_path, caplog):
    np.save(tmp_path / "SLICES" / "slices" / "p00_0.npy", np.eye(16)[..., None] * np.ones(2))
    train_from_source(CONFIG, interrupted, source, resume=True)
    assert "SLICES has changed since the training began, so it goes on with other slices." in caplog.text


def test_what_a_training_uses_cannot_be_removed(source, tmp_path, capsys):
    class Remove(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            statuses.append(cache.main(["remove", "--all", "--cache", source["cache"]]))

    statuses = []
    train_from_source(CONFIG, tmp_path / "run", source, additions=Additions(callbacks=(Remove(),)))
    assert statuses == [1, 1]
    assert "is used by a training that is running, so it is not removed" in capsys.readouterr().err
    assert cache.main(["remove", "--all", "--cache", source["cache"]]) == 0
    assert not list((tmp_path / "prepared").glob("SLICES*"))
