import argparse

import pytest

from kgp.training.options import add_options, configuration, source_of


def parsed(*words, without=()):
    parser = argparse.ArgumentParser()
    add_options(parser, without)
    return parser.parse_args(words)


def test_the_preset_follows_the_data_unless_it_is_named():
    assert configuration(parsed()).preset == "demo"
    assert configuration(parsed("--data", "d")).preset == "best"
    assert configuration(parsed("--data", "d", "--preset", "paper")).preset == "paper"


def test_paths_of_a_source_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = source_of(parsed("--data", "d", "--kind", "slices"))
    assert source == {"data": str(tmp_path / "d"), "csv": None, "cache": None, "kind": "slices"}
    assert source_of(parsed("--cache", "c"))["cache"] == str(tmp_path / "c")


def test_an_option_can_be_left_to_the_command():
    with pytest.raises(SystemExit):
        parsed("--epochs", "3", without=("epochs",))
