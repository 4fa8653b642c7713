"""The files that are not code agree with each other: README, .ci/run, setup.cfg, constraints.txt; see test_docs too."""

import configparser
import re
from pathlib import Path

import kgp

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [line.strip() for line in README.splitlines() if line.startswith("    ")]


def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_the_readme_is_short_and_begins_with_a_picture_and_python():
    lines = README.splitlines()
    assert len(lines) <= 150
    assert any(line.startswith("![") for line in lines[:12])
    assert "```python" in lines[:20]


def test_ci_runs_the_readmes_second_line():
    line = next(line for line in BLOCKS if "-m pytest" in line)
    installed, tested = re.search(r"pip install (.*?) && .*python (.*)", line).groups()
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert installed in ci
    assert tested in ci


def test_ci_builds_the_site_as_the_readme_does():
    options = re.search(r"-m sphinx (.*) docs site", README)[1].split()
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    line = next(line for line in ci.splitlines() if "-m sphinx" in line)
    assert set(options) <= set(line.split())


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
