import functools
import shlex
import shutil
import subprocess
import sys

import pytest

from kgp import evaluate, explain, export, segment
from kgp.files import read_json
from kgp.runtime import load_runtime


def test_a_saved_model_is_written_and_described(saved_model, tiny_run, tmp_path, capsys, monkeypatch):
    """What `export_savedmodel` writes is tested in tests/export; here, what the command asks for and prints."""
    asked_for = []

    def export_savedmodel(*arguments, **options):
        asked_for.append((arguments, options))
        return saved_model

    monkeypatch.setattr("export.savedmodel.export_savedmodel", export_savedmodel)
    assert export.main([str(tiny_run), "--format", "savedmodel", "--out", str(tmp_path / "kgp")]) == 0
    assert asked_for == [((tiny_run, tmp_path / "kgp"), {"heatmap": "float32"})]
    output = capsys.readouterr().out
    assert f"{saved_model[0]} answers as {tiny_run} does" in output and "called alike" in output


def test_an_export_is_verified(saved_model, tiny_run, capsys):
    assert export.main([str(tiny_run), "--verify", str(saved_model[0].parent)]) == 0
    output = capsys.readouterr().out
    assert f"{saved_model[0].parent} answers as {tiny_run} does" in output and "called alike" in output


def test_a_litert_file_is_written(litert_files, tiny_run, tmp_path, capsys, monkeypatch):
    content = litert_files("float32")[0].read_bytes()
    monkeypatch.setattr("export.litert.converted", lambda *_: content)
    out = tmp_path / "models" / "tiny.tflite"
    command = [str(tiny_run), "--format", "litert", "--out", str(out)]
    assert export.main(command) == 0
    assert {path.name for path in out.parent.iterdir()} == {"tiny.tflite", "tiny.tflite.json"}
    assert export.main(command) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["runs/x", "--verify", "x.tflite"], ["--verify", "x.tflite", "runs/x"]])
def test_verify_takes_run_and_export_in_any_order(words):
    arguments = export.build_parser().parse_args(words)
    assert (str(arguments.run), str(arguments.verify)) == ("runs/x", "x.tflite")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--format and --out are needed"),
        (["--format", "litert"], "--format and --out are needed"),
        (["--verify", "x", "--format", "litert"], "does not go with --format or --out"),
        (
            ["--format", "litert", "--out", "model.bin"],
            "--out must end in .tflite for --format litert, not 'model.bin'",
        ),
        (["--format", "savedmodel", "--out", "x", "--precision", "int8"], "--precision is float32 or float16"),
    ],
)
def test_bad_usage(words, message, capsys):
    assert export.main(["run", *words]) == 2
    assert message in capsys.readouterr().err


def test_what_is_no_run_is_refused(tmp_path, capsys):
    command = ["--format", "savedmodel", "--out", str(tmp_path / "kgp")]
    assert export.main([str(tmp_path), *command]) == 1
    assert "is not a run folder" in capsys.readouterr().err
    assert not (tmp_path / "kgp").exists()


@pytest.mark.parametrize("kind", ["saved model", "litert"])
def test_commands_take_exports(kind, saved_model, litert_files, tiny_cohort, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("kgp.runtime.load_runtime", functools.cache(load_runtime))
    path = str(saved_model[0].parent if kind == "saved model" else litert_files("float32")[0])
    assert evaluate.main([path, "--data", str(tiny_cohort.folder), "--out", str(tmp_path / "judged")]) == 0
    facts = read_json(tmp_path / "judged" / "metrics.json")["facts"]
    assert facts["model"].startswith(path) and "Research" in (tmp_path / "judged" / "report.html").read_text()
    shutil.copy(tiny_cohort.folder / tiny_cohort.rows[1].image, tmp_path / "slice.npy")
    assert segment.main([path, str(tmp_path / "slice.npy"), "--out", str(tmp_path / "masks")]) == 0
    assert read_json(tmp_path / "masks" / "summary.json")["slices"] == 1
    assert explain.main([path, str(tmp_path / "slice.npy"), "--out", str(tmp_path / "why.png")]) == 0
    assert "logit" in capsys.readouterr().out


def test_an_export_has_no_data_of_its_own(litert_files, tmp_path, capsys):
    path = str(litert_files("float32")[0])
    assert evaluate.main([path]) == 2
    assert "has no data of its own; name --data and --out" in capsys.readouterr().err
    assert explain.main([path, "--out", str(tmp_path / "why.png")]) == 2
    assert "name an INPUT" in capsys.readouterr().err


def test_a_disk_that_takes_no_more_leaves_nothing(tiny_run, tmp_path):
    """Both formats in one process, in which no file may become larger than 1 KiB."""
    (tmp_path / "out").mkdir()
    formats = {"savedmodel": "models", "litert": "model.tflite"}
    words = [[str(tiny_run), "--format", kind, "--out", str(tmp_path / "out" / name)] for kind, name in formats.items()]
    program = f"from kgp import export; raise SystemExit([export.main(words) for words in {words}] != [1, 1])"
    limited = f"ulimit -f 1; exec {shlex.join([sys.executable, '-c', program])}"
    done = subprocess.run(["bash", "-c", limited], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0
    assert done.stderr.count("kgp export: The network cannot be written below") == 2 and "Traceback" not in done.stderr
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
