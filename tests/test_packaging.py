"""The files that are not code agree with the code: README's blocks, .ci/run, setup.cfg and constraints.txt."""

import configparser
import importlib
import re
import shlex
from pathlib import Path

import pytest

import kgp

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [line.strip() for line in README.splitlines() if line.startswith("    ")]
COMMANDS = [line for line in BLOCKS if line.startswith("kgp ")]


def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_take_what_the_readme_gives_them(line):
    verb, *arguments = shlex.split(line, comments=True)[1:]
    importlib.import_module(f"kgp.{verb.replace('-', '_')}").build_parser().parse_args(arguments)


def test_the_readme_shows_every_verb():
    from kgp.__main__ import VERBS

    assert {line.split()[1] for line in COMMANDS} == set(VERBS)


def test_ci_runs_the_readmes_second_line():
    line = next(line for line in BLOCKS if "-m pytest" in line)
    installed, tested = re.search(r"pip install (.*?) && .*python (.*)", line).groups()
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert installed in ci
    assert tested in ci


def test_the_readme_names_files_that_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).is_file(), target


def test_every_requirement_but_torch_has_a_pinned_version():
    def name(requirement):
        return re.match(r"[\w.-]+", requirement).group().lower().replace("_", "-")

    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {name(line) for line in lines if re.fullmatch(r"[\w.-]+==[\w.]+", line)}
    assert len(pinned) == len([line for line in lines if not line.startswith("#")])
    options = setup()
    wanted = options["options"]["install_requires"]
    for extra, requirements in options["options.extras_require"].items():
        wanted += requirements if extra != "torch" else ""
    assert {name(line) for line in wanted.split("\n") if line and not line.startswith("kgp[")} <= pinned


def test_the_citation_and_the_changelog_name_this_version():
    assert f"\nversion: {kgp.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## [{kgp.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
