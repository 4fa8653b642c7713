"""kgp.closed_output: a command whose reader goes away ends without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kgp
from kgp.closed_output import STATUS, output_is_closed, until_closed


def piped(words, buffered, output=None):
    """Exit status and standard error of a command that writes to a pipe that nobody reads."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    environment |= {"PYTHONPATH": str(Path(kgp.__file__).resolve().parent.parent)}
    environment |= {} if buffered else {"PYTHONUNBUFFERED": "1"}
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, *words],
            stdout=write if output is None else output,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=60,
            text=True,
        )
    finally:
        os.close(write)
    return done.returncode, done.stderr


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(
    "words", [["-m", "kgp", "info"], ["-m", "kgp.info", "--json"], ["-m", "kgp", "--help"], ["-m", "kgp", "--version"]]
)
def test_nobody_reads(words, buffered):
    assert piped(words, buffered) == (STATUS, "")


@pytest.mark.parametrize("verb", ["train", "serve", "info"])
def test_nobody_reads_the_help_of_a_verb(verb):
    status, said = piped(["-m", "kgp", verb, "--help"], True)
    assert status in (0, STATUS) and said == ""


def test_an_error_that_nobody_reads_the_output_of_is_still_told(tmp_path):
    status, said = piped(["-m", "kgp", "info", str(tmp_path)], True)
    assert status == 1 and said.startswith("kgp info: ") and said.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_told_once():
    with open("/dev/full", "wb") as full:
        assert piped(["-m", "kgp", "info"], True, full) == (
            1,
            "kgp info: no space left on the disk while writing a file.\n",
        )


def test_another_broken_pipe_is_no_closed_output():
    """As that of a worker that died: the error stays one."""

    def work():
        raise BrokenPipeError

    assert not output_is_closed()
    with pytest.raises(BrokenPipeError):
        until_closed(work)
