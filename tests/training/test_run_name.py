import dataclasses
from pathlib import Path

import pytest

from kgp.errors import KgpError, UsageError
from kgp.training.presets import load_preset
from kgp.training.run_name import choose_run_folder

CONFIG = load_preset("demo", "unet")


def test_a_new_run_gets_a_number_where_its_name_is_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert choose_run_folder(None, CONFIG) == Path("runs/demo-unet")
    Path("runs/demo-unet").mkdir(parents=True)
    assert choose_run_folder(None, CONFIG) == Path("runs/demo-unet-2")
    assert choose_run_folder(None, dataclasses.replace(CONFIG, preset="")) == Path("runs/run-unet")


def test_an_existing_folder_is_replaced_only_where_it_is_a_run_and_may_be(tmp_path):
    assert choose_run_folder(tmp_path / "new", CONFIG) == tmp_path / "new"
    with pytest.raises(KgpError, match="exists already; name another --out, or pass --overwrite or --resume"):
        choose_run_folder(tmp_path, CONFIG)
    with pytest.raises(UsageError, match="is not a run folder, so it is not removed"):
        choose_run_folder(tmp_path, CONFIG, overwrite=True)
    (tmp_path / "config.json").write_text("{}")
    assert choose_run_folder(tmp_path, CONFIG, overwrite=True) == tmp_path


def test_workers_share_a_named_folder_that_the_first_one_makes(tmp_path, monkeypatch):
    several = CONFIG.override(strategy="multiworker")
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}')
    with pytest.raises(UsageError, match="--strategy multiworker needs --out"):
        choose_run_folder(None, several)
    assert choose_run_folder(tmp_path, several) == tmp_path
