"""The direction of imports, where tests lie, and what must not stand in the code at all.

Read from the sources; nothing is imported. One test a rule, which lists all offenders.
"""

import ast
import functools
import graphlib
import sys
from pathlib import Path

from kgp.__main__ import VERBS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("kgp", "tuning", "export", "serving")
COMMANDS = {f"kgp.{verb.replace('-', '_')}" for verb in VERBS}
BACK_ENDS = {"tensorflow", "keras", "torch", "jax"}
WITHOUT_BACK_END = (
    "kgp.scans", "kgp.data.sources", "kgp.heatmap", "kgp.prediction", "kgp.evaluation", "kgp.report",
    "kgp.runtime.artifact", "kgp.runtime.runtime", "kgp.runtime.description", "kgp.runtime.litert",
)  # fmt: skip

# Tests of what is no module: files of the repository, folders that are deployed, real peers.
WITHOUT_SUBJECT = (
    "test_import_rules", "test_examples", "test_packaging", "test_docs", "test_export_command",
    "test_console_listen", "serving/listen/test_command", "serving/model_server/test_deploy_files",
    "serving/listen/test_deploy_files", "serving/listen/test_dcmtk", "serving/listen/test_listener_process",
    "serving/console/test_mutated_files", "serving/dicom_output/test_other_readers",
)  # fmt: skip


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
SOURCES = sorted([*FILES.values(), *(ROOT / "benchmarks").rglob("*.py")])


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


def where(path, node):
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def nodes_of_sources():
    """Every node of every source file that stands in a line, with its file."""
    return [(path, node) for path in SOURCES for node in ast.walk(parse(path)) if hasattr(node, "lineno")]


def loading(modules, forbidden):
    """How those modules that load something forbidden come to load it."""
    return [" -> ".join(way) for module in modules for name, way in reached(module).items() if top(name) in forbidden]


def test_there_is_something_to_check():
    assert {"kgp", "kgp.networks", "kgp.heatmap.reading", *WITHOUT_BACK_END} <= set(FILES)


def test_no_files_import_each_other_in_a_circle():
    # The package's face hands names on, and files ask it for the version only.
    graph = {module: {name for name in everywhere(module) if name in FILES} - {"kgp", module} for module in FILES}
    del graph["kgp"]
    graphlib.TopologicalSorter(graph).prepare()  # names a circle


def test_networks_import_keras_only():
    allowed = {"", "keras", "numpy", *sys.stdlib_module_names}
    own = ("kgp.networks", "kgp.architectures", "kgp.pooling_defaults")
    assert not [
        f"{module} imports {name}"
        for module in below("kgp.networks")
        for name in everywhere(module)
        if top(name) not in allowed and name != "kgp" and not name.startswith(own)
    ]


def test_some_rooms_load_without_a_back_end():
    modules = [module for package in WITHOUT_BACK_END for module in below(package)]
    assert not loading(modules, BACK_ENDS)
    # Not inside a function either.
    assert not [module for module in modules if {top(name) for name in everywhere(module)} & BACK_ENDS]


def test_commands_load_without_heavy_packages():
    heavy = BACK_ENDS | {"sklearn", "matplotlib", "skimage", "nibabel"}
    assert not loading(sorted(COMMANDS | {"kgp", "kgp.__main__", "kgp.command"}), heavy)


def test_nothing_imports_a_command():
    assert not [module for module in FILES if module != "kgp.__main__" and everywhere(module) & COMMANDS]


def test_the_library_does_not_know_what_stands_on_it():
    above = {"tuning", "export", "serving"}
    library = [module for module in below("kgp") if module not in COMMANDS]
    assert not [module for module in library if {top(name) for name in everywhere(module)} & above]


def test_rooms_of_the_library_are_entered_in_one_direction():
    """A room may import those that stand before it in the list; what only reads and shows stands last."""
    order = ["scans", "heatmap", "runtime", "prediction", "evaluation", "report"]
    assert not [
        f"{module} imports {name}"
        for number, room in enumerate(order)
        for module in below(f"kgp.{room}")
        for name in everywhere(module)
        if name.startswith(tuple(f"kgp.{later}" for later in order[number + 1 :]))
    ]


def test_the_programs_of_serving_meet_at_one_place():
    """The console hands its results to the writer of DICOM objects; no other program imports another."""
    programs = sorted(path.name for path in (ROOT / "serving").iterdir() if (path / "__init__.py").is_file())
    crossings = {
        (program, other)
        for program in programs
        for module in below(f"serving.{program}")
        for name in everywhere(module)
        for other in programs
        if other != program and name.startswith(f"serving.{other}")
    }
    assert crossings == {("console", "dicom_output")}


def test_tests_lie_where_their_subject_does():
    """tests/scans/dicom/test_study.py is about kgp/scans/dicom/study.py, tests/export/test_verify.py about export/verify.py."""
    rooms = ("export", "serving", "tuning")
    strangers = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        parts = path.relative_to(ROOT / "tests").with_suffix("").parts
        subject = (*parts[:-1], parts[-1].removeprefix("test_"))
        root = ROOT if parts[0] in rooms else ROOT / "kgp"
        source = root.joinpath(*subject)
        has_subject = source.with_suffix(".py").is_file() or (source / "__init__.py").is_file()
        of_its_folder = parts[-1] in ("test_main", f"test_{parts[-2] if len(parts) > 1 else ''}")  # its __init__.py
        if not has_subject and not of_its_folder and "/".join(parts) not in WITHOUT_SUBJECT:
            strangers.append("/".join(parts))
    assert not strangers


def test_no_private_tensorflow_and_no_pickle():
    offenders = []
    for path, node in nodes_of_sources():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        origin = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        if origin == "pickle" and names == ["UnpicklingError"]:  # the name of an error unpickles nothing
            continue
        for name in [origin, *names, *(f"{origin}.{name}" for name in names)]:
            unsafe = top(name) in {"pickle", "dill", "cloudpickle", "joblib"}
            if unsafe or name.startswith("tensorflow.python"):
                offenders.append(where(path, node))
    assert not offenders


def test_nothing_unsafe_is_switched_on():
    forbidden = {"Lambda", "numpy_function", "py_function", "enable_unsafe_deserialization"}
    assert not [where(path, node) for path, node in nodes_of_sources() if getattr(node, "attr", "") in forbidden]
    assert not [where(path, node.value) for path, node in nodes_of_sources() if _switches_on(node)]


def _switches_on(node):
    if not isinstance(node, ast.keyword):
        return False
    value = ast.unparse(node.value)
    return (node.arg in {"safe_mode", "weights_only"} and value == "False") or (
        node.arg == "allow_pickle" and value != "False"
    )


def test_no_assert_outside_tests():
    assert not [where(path, node) for path, node in nodes_of_sources() if isinstance(node, ast.Assert)]


def test_no_file_collects_everything():
    assert not [path for path in SOURCES if path.name in {"utils.py", "util.py", "helpers.py", "misc.py"}]
