"""The direction of imports, and what must not stand in the code at all. Read from the sources; nothing is imported."""

import ast
import functools
import sys
from pathlib import Path

import pytest

from kgp.__main__ import VERBS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("kgp", "tuning", "export", "serving")
COMMANDS = {f"kgp.{verb.replace('-', '_')}" for verb in VERBS}
BACK_ENDS = {"tensorflow", "keras", "torch", "jax"}
WITHOUT_BACK_END = (
    "kgp.scans", "kgp.data.sources", "kgp.heatmap", "kgp.prediction", "kgp.evaluation", "kgp.report",
    "kgp.runtime.artifact", "kgp.runtime.described", "kgp.runtime.description", "kgp.runtime.litert",
)  # fmt: skip


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
SOURCES = sorted([*FILES.values(), *(ROOT / "benchmarks").rglob("*.py")])
each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


@functools.cache
def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(nodes, module):
    """Names of the modules that import statements among `nodes` name; `from a import b` gives a and a.b."""
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            origin = ".".join(filter(None, (base, node.module)))
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def everywhere(module):
    return set(imported(ast.walk(parse(FILES[module])), module))


def when_loaded(module):
    """What a module imports when it is loaded: not inside functions, not for type checkers only."""
    return set(imported(_executed(parse(FILES[module]).body), module))


def _executed(body):
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _executed(node.orelse)
            continue
        yield node
        for name in ("body", "orelse", "finalbody"):
            yield from _executed(getattr(node, name, []))
        for handler in getattr(node, "handlers", []):
            yield from _executed(handler.body)


def reached(module):
    """Every module that loading `module` loads, packages above included, with the way that leads there."""
    ways = {module: [module]}
    queue = [module]
    while queue:
        current = queue.pop()
        if current not in FILES:
            continue
        parents = {current.rpartition(".")[0]} - {""}
        for name in when_loaded(current) | parents:
            if name not in ways:
                ways[name] = [*ways[current], name]
                queue.append(name)
    return ways


def below(package):
    return [module for module in FILES if module == package or module.startswith(f"{package}.")]


def top(name):
    return name.partition(".")[0]


def test_there_is_something_to_check():
    assert {"kgp", "kgp.networks", "kgp.heatmap.reading", *WITHOUT_BACK_END} <= set(FILES)


@pytest.mark.parametrize("module", below("kgp.networks"))
def test_networks_import_keras_only(module):
    for name in everywhere(module) - {""}:
        allowed = top(name) in {"keras", "numpy"} or top(name) in sys.stdlib_module_names
        own = name == "kgp" or name.startswith(("kgp.networks", "kgp.pooling_defaults"))
        assert allowed or own, f"{module} imports {name}"


@pytest.mark.parametrize("module", [module for package in WITHOUT_BACK_END for module in below(package)])
def test_these_load_without_a_back_end(module):
    for name, way in reached(module).items():
        assert top(name) not in BACK_ENDS, " -> ".join(way)


@pytest.mark.parametrize("module", [module for package in WITHOUT_BACK_END for module in below(package)])
def test_these_never_import_a_back_end_themselves(module):
    assert not {name for name in everywhere(module) if top(name) in BACK_ENDS}


@pytest.mark.parametrize("module", sorted(COMMANDS | {"kgp.__main__", "kgp.command"}))
def test_commands_load_without_a_back_end(module):
    heavy = BACK_ENDS | {"sklearn", "matplotlib", "skimage", "nibabel"}
    for name, way in reached(module).items():
        assert top(name) not in heavy, " -> ".join(way)


@pytest.mark.parametrize("module", FILES)
def test_nothing_imports_a_command(module):
    if module != "kgp.__main__":
        assert not everywhere(module) & COMMANDS


@pytest.mark.parametrize("module", below("kgp"))
def test_the_library_does_not_know_what_stands_on_it(module):
    if module not in COMMANDS:
        assert not {name for name in everywhere(module) if top(name) in {"tuning", "export", "serving"}}


@each_source
def test_no_private_tensorflow_and_no_pickle(path):
    for node in ast.walk(parse(path)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        origin = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        for name in [origin, *names, *(f"{origin}.{name}" for name in names)]:
            assert not name.startswith("tensorflow.python"), f"line {node.lineno}"
            if origin != "pickle" or names != ["UnpicklingError"]:  # the name of an error unpickles nothing
                assert top(name) not in {"pickle", "dill", "cloudpickle", "joblib"}, f"line {node.lineno}"


@each_source
def test_nothing_unsafe_is_switched_on(path):
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.keyword) and node.arg in {"safe_mode", "weights_only"}:
            assert ast.unparse(node.value) != "False", f"line {node.value.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert ast.unparse(node.value) == "False", f"line {node.value.lineno}"
        if isinstance(node, ast.Attribute):
            forbidden = {"Lambda", "numpy_function", "py_function", "enable_unsafe_deserialization"}
            assert node.attr not in forbidden, f"line {node.lineno}"


@each_source
def test_no_assert_outside_tests(path):
    assert [node.lineno for node in ast.walk(parse(path)) if isinstance(node, ast.Assert)] == []


def test_no_file_collects_everything():
    assert [path for path in SOURCES if path.name in {"utils.py", "util.py", "helpers.py", "misc.py"}] == []
