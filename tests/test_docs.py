"""The documentation agrees with the code: commands, links, quoted error sentences, glossary."""

import argparse
import ast
import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from kgp.__main__ import VERBS

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")),
    *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts),
]
CODE = [path for folder in ("kgp", "export", "serving", "tuning") for path in sorted((ROOT / folder).rglob("*.py"))]
FENCE = re.compile(r"^(`{3,}|~{3,})(.*?)\n(.*?)^\1", re.MULTILINE | re.DOTALL)
PLACEHOLDERS = {"ARCH": "unet", "SHARE": "0.02", "RATE": "0.001", "EPOCHS": "5"}  # what a reader puts in their place
MAKES_NO_SENTENCE = 3  # words; fewer fixed ones in an error say nothing that a page could quote


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def code_lines(text: str) -> Iterator[str]:
    """Lines of indented and fenced blocks, with continued lines joined."""
    fenced = [match[3] for match in FENCE.finditer(text) if not re.match(r"\{(?!code-cell)", match[2])]
    indented = [line[4:] for line in FENCE.sub("", text).splitlines() if line.startswith("    ")]
    for block in (*fenced, "\n".join(indented)):
        yield from re.sub(r"\\\n\s*", " ", block).splitlines()


def commands(text: str) -> Iterator[list[str]]:
    """The words after `kgp` of each command in a page's blocks; `python -m kgp.VERB` is one too."""
    for line in code_lines(text):
        if not re.search(r"(^|\s|/)(kgp|kgp\.\w+)\s", line):
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # a line of Python
            continue
        for part in split_at(words, {"&&", "||", ";", "|"}):
            while part and re.fullmatch(r"[A-Z_]+=.*", part[0], re.DOTALL):  # variables before the command
                part = part[1:]
            if part[:1] == ["kgp"]:
                yield part[1:]
            elif part[1:2] == ["-m"] and part[2].startswith("kgp."):
                yield [part[2].removeprefix("kgp.").replace("_", "-"), *part[3:]]


def split_at(words: list[str], separators: set[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word in separators:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def parser_of(verb: str) -> argparse.ArgumentParser:
    return importlib.import_module(f"kgp.{verb.replace('-', '_')}").build_parser()


def complaint(words: list[str]) -> str:
    """Why a command is not accepted; empty where it is."""
    verb, *arguments = words or [""]
    if verb not in VERBS:
        return "" if verb in ("--help", "--version", "VERB") else f"there is no verb {verb!r}"
    try:
        parser_of(verb).parse_args([PLACEHOLDERS.get(word, word) for word in arguments])
    except SystemExit as stop:
        return "" if stop.code in (0, None) else f"its parser refuses {' '.join(arguments)!r}"
    return ""


def test_every_command_in_blocks_is_accepted_by_its_parser(capsys):
    offenders = [
        f"{name(page)}: kgp {' '.join(words)}: {why}"
        for page in PAGES
        for words in commands(text_of(page))
        if (why := complaint(words))
    ]
    assert not offenders, "\n".join(offenders)


def test_the_commands_are_found():
    found = [words for page in PAGES for words in commands(text_of(page))]
    assert {words[0] for words in found} >= set(VERBS)
    assert len(found) > 70
    assert ["train", "--data", "SLICES", "--out", "runs/jax"] in found  # after a variable
    assert any("--max-epochs" in words for words in found)


def test_every_command_inside_a_sentence_has_a_verb_and_options_that_exist():
    offenders = []
    for page in PAGES:
        for match in re.finditer(r"(?<!`)`kgp ([^`]+)`(?!`)", FENCE.sub("", text_of(page))):
            verb, *words = match[1].split()
            if verb == "VERB" or verb.startswith("-") or verb.endswith(":"):  # the last: an error sentence
                continue
            if verb not in VERBS:
                offenders.append(f"{name(page)}: kgp {match[1]}: there is no verb {verb!r}")
                continue
            known = parser_of(verb).format_help()
            if verb == "console":
                known += " ".join(options_of_sub_commands(parser_of(verb)))
            offenders += [
                f"{name(page)}: kgp {match[1]}: there is no option {word}"
                for word in words
                if word.startswith("--") and word.partition("=")[0] not in known
            ]
    assert not offenders, "\n".join(offenders)


def options_of_sub_commands(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from (sub.format_help() for sub in action.choices.values())


def test_every_script_that_is_called_exists():
    lines = [(page, line) for page in PAGES for line in code_lines(text_of(page))]
    calls = [(page, match[1]) for page, line in lines for match in re.finditer(r"python (\w+/[\w/]+\.py)", line)]
    assert len(calls) > 5
    offenders = [f"{name(page)}: {script}" for page, script in calls if not (ROOT / script).is_file()]
    assert not offenders, "\n".join(offenders)


def anchors(path: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and MyST make them."""
    titles = re.findall(r"^#+ (.*)$", FENCE.sub("", text_of(path)), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", re.sub(r"\{[\w:]+\}|`", "", title)).lower() for title in titles)
    return {title.strip().replace(" ", "-") for title in plain}


def test_every_link_leads_to_a_file_and_a_heading():
    offenders = []
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", FENCE.sub("", text_of(page))):
            place, _, anchor = target.partition("#")
            linked = (page.parent / place).resolve() if place else page
            if not linked.is_file():
                offenders.append(f"{name(page)}: {target}: there is no such file")
            elif anchor and anchor not in anchors(linked):
                offenders.append(f"{name(page)}: {target}: there is no such heading")
    assert not offenders, "\n".join(offenders)


def exists_in_python(path: str) -> bool:
    module, _, attribute = path.lstrip("~").rpartition(".")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return hasattr(found, attribute) or (importlib.util.find_spec(f"{module}.{attribute}") is not None)


def test_everything_of_python_that_a_page_links_exists():
    links = [(page, path) for page in PAGES for path in re.findall(r"\{py:\w+\}`([^`]+)`", text_of(page))]
    assert len(links) > 3
    offenders = [f"{name(page)}: {path}" for page, path in links if not exists_in_python(path)]
    assert not offenders, "\n".join(offenders)


def test_every_file_of_ours_that_a_sentence_names_exists():
    offenders = []
    for page in PAGES:
        for path in re.findall(r"`((?:kgp|export|serving|tuning|docs|tests|benchmarks)/[\w/.-]*)`", text_of(page)):
            if "NAME" not in path and not (ROOT / path).exists():
                offenders.append(f"{name(page)}: {path}")
    assert not offenders, "\n".join(offenders)


def test_every_test_that_a_page_names_exists():
    named = [match for page in PAGES for match in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text_of(page))]
    assert len(named) >= 18
    missing = [f"{file}::{test}" for file, test in named if f"def {test}(" not in text_of(ROOT / file)]
    assert not missing


def sentences_in_the_code() -> list[re.Pattern]:
    """A pattern for each text in the code that a user may read, with anything in the place of its values."""
    patterns = []
    for path in CODE:
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                parts = [node.value]
            else:
                continue
            fixed = " ".join(part for part in parts if part)
            if len(re.findall(r"[A-Za-z]{2,}", fixed)) >= MAKES_NO_SENTENCE:
                patterns.append(re.compile("".join(".*" if part is None else re.escape(part) for part in parts)))
    return patterns


def test_every_quoted_error_sentence_stands_in_the_source():
    quoted = re.findall(r"^`(.+)`$", text_of(DOCS / "troubleshooting.md"), re.MULTILINE)
    assert len(quoted) > 30
    patterns = sentences_in_the_code()
    offenders = [sentence for sentence in quoted if not any(pattern.fullmatch(sentence) for pattern in patterns)]
    assert not offenders, "\n".join(offenders)


def test_every_glossary_term_that_a_page_names_exists():
    glossary = re.search(r"```\{glossary\}\n(.*?)```", text_of(DOCS / "glossary.md"), re.DOTALL)[1]
    terms = {line for line in glossary.splitlines() if line and line[0] != " "}
    used = {
        (name(page), match[2] or match[1])
        for page in PAGES
        for match in re.finditer(r"\{term\}`([^`<]+?)(?:\s*<([^`>]+)>)?`", text_of(page))
    }
    assert {"reading", "contrast", "views", "as delivered", "offset"} <= terms
    offenders = [f"{page}: {term}" for page, term in sorted(used) if term not in terms]
    assert not offenders, "\n".join(offenders)


def test_prose_wraps_at_100_columns():
    offenders = []
    for page in PAGES:
        for line in FENCE.sub("", text_of(page)).splitlines():
            free = line.startswith(("|", "    ", "`", ":::")) or re.search(r"\]\(\S+\)|https?://|</?\w+>", line)
            if len(line) > 100 and not free:
                offenders.append(f"{name(page)}: {line[:60]}...")
    assert not offenders, "\n".join(offenders)


def test_research_use_only_stands_on_the_first_page_and_in_the_footer():
    assert "Research use only" in text_of(DOCS / "index.md")
    assert "Research use only" in text_of(ROOT / "README.md")
    assert "Research use only" in text_of(DOCS / "_templates" / "research_use.html")
    assert '"research_use"' in text_of(DOCS / "conf.py")
