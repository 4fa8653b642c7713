"""kgp.__main__: from a verb to its command."""

import importlib.util
import subprocess
import sys

import pytest

import kgp
from kgp.__main__ import VERBS, main


def test_help_lists_every_verb_with_one_line(capsys):
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for verb, text in VERBS.items():
        assert sum(line.split(maxsplit=1)[:1] == [verb] and text in line for line in lines) == 1


def test_every_verb_is_a_module_with_a_main():
    for verb in VERBS:
        assert importlib.util.find_spec(f"kgp.{verb.replace('-', '_')}") is not None


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"kgp {kgp.__version__}\n"


@pytest.mark.parametrize(
    ("wrong", "nearest"), [("trian", "train"), ("Explain", "explain"), ("import_weights", "import-weights")]
)
def test_unknown_verb_names_the_nearest(wrong, nearest, capsys):
    assert main([wrong]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"kgp: there is no verb {wrong!r}; did you mean {nearest}? (kgp --help lists all.)\n"


def test_no_verb_is_bad_usage(capsys):
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("kgp: no verb was given; it takes one of train, ")


def test_arguments_after_the_verb_reach_the_command(capsys):
    assert main(["info", "--no-such-option"]) == 2
    assert "usage: kgp info" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_is_answered_without_tensorflow(verb):
    arguments = [verb, "--help"] if verb else ["--help"]
    script = (
        "import sys\n"
        "from kgp.__main__ import main\n"
        f"status = main({arguments!r})\n"
        "heavy = {'tensorflow', 'keras', 'torch', 'jax', 'sklearn', 'matplotlib', 'ray'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else status)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: kgp {verb}".rstrip())
