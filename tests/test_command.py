"""kgp.command: exit statuses, one sentence an error, and a working directory that cannot get in the way."""

import argparse
import errno
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

import kgp
from kgp.command import run
from kgp.errors import KgpError, UsageError


@pytest.fixture(autouse=True)
def _import_path_and_log_as_before(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    absl = logging.getLogger("absl")
    level = absl.level
    yield
    absl.setLevel(level)


def build_parser():
    parser = argparse.ArgumentParser(prog="kgp test")
    parser.add_argument("--number", type=int, default=0)
    return parser


def raises(error):
    def execute(arguments):
        raise error

    return execute


@pytest.mark.parametrize(("result", "status"), [(None, 0), (0, 0), (1, 1)])
def test_the_commands_result_is_the_exit_status(result, status, capsys):
    assert run("test", build_parser, lambda arguments: result, []) == status
    assert capsys.readouterr().err == ""


def test_the_command_gets_the_parsed_arguments():
    seen = []
    run("test", build_parser, seen.append, ["--number", "3"])
    assert seen[0].number == 3


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (KgpError("x.png is cut short."), 1, "kgp test: x.png is cut short.\n"),
        (UsageError("--size must be even, not 3."), 2, "kgp test: --size must be even, not 3.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "run/model.weights.h5"),
            1,
            "kgp test: no space left on the disk while writing run/model.weights.h5.\n",
        ),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            1,
            "kgp test: no space left on the disk while writing a file.\n",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "run"),
            1,
            "kgp test: [Errno 13] Permission denied: 'run'.\n",
        ),
        (
            ModuleNotFoundError("No module named 'pydicom'", name="pydicom"),
            1,
            "kgp test: this needs the package pydicom; pip install 'kgp[console]' brings it.\n",
        ),
        (
            ModuleNotFoundError("No module named 'jax'", name="jax"),
            1,
            "kgp test: this needs the package jax; pip install jax brings it.\n",
        ),
        (KeyboardInterrupt(), 130, "kgp test: interrupted.\n"),
    ],
)
def test_errors_become_one_sentence_and_a_status(error, status, sentence, capsys):
    assert run("test", build_parser, raises(error), []) == status
    assert capsys.readouterr() == ("", sentence)


def test_a_mistake_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run("test", build_parser, raises(ZeroDivisionError()), [])
    with pytest.raises(ModuleNotFoundError):
        run("test", build_parser, raises(ModuleNotFoundError("No module named 'kgp.x'", name="kgp.x")), [])


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["--none"], 2), (["--number", "x"], 2)])
def test_the_parsers_exit_becomes_a_status(arguments, status, capsys):
    assert run("test", build_parser, raises(AssertionError()), arguments) == status
    captured = capsys.readouterr()
    assert "usage: kgp test" in (captured.err if status else captured.out)


def test_the_working_directory_leaves_the_import_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), "/elsewhere"])
    run("test", build_parser, lambda arguments: None, [])
    assert sys.path == ["/elsewhere"]


@pytest.mark.parametrize("module", [["kgp.info"], ["kgp", "info"], ["kgp", "train", "--help"], ["kgp.train", "--help"]])
def test_folders_named_as_our_packages_do_no_harm(tmp_path, module):
    for name in ("export", "serving", "tuning"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('the wrong package was imported')\n")
    done = subprocess.run(
        [sys.executable, "-m", *module], cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def _environment():
    """The environment in which a child finds kgp from another folder, installed or not."""
    return os.environ | {"PYTHONPATH": str(Path(kgp.__file__).resolve().parent.parent)}
