import shutil
import subprocess
import sys

import pytest

from kgp import compare, evaluate
from kgp.files import read_json, read_table, write_table


@pytest.fixture(scope="module")
def judged(tiny_run, tmp_path_factory):
    """A run judged with one and with eight views on its training part, which has six patients."""
    run = shutil.copytree(tiny_run, tmp_path_factory.mktemp("compare") / "run")
    for options in (["--part", "train"], ["--part", "train", "--views", "8"], ["--part", "validation"]):
        assert evaluate.main([str(run), *options]) == 0
    return run


@pytest.fixture
def run_copy(judged, tmp_path):
    return shutil.copytree(judged, tmp_path / "run")


def test_two_evaluations_are_compared(run_copy, capsys):
    eight = run_copy / "evaluations" / "train-8views"
    assert compare.main([str(run_copy), str(eight), "--part", "train"]) == 0
    printed = capsys.readouterr().out
    assert (
        "12 slices of 6 patients" in printed and "median Dice, reading refined" in printed and "speaks for" in printed
    )
    found = read_json(run_copy / "comparisons" / "train-8views-train" / "compare.json")
    assert found["figures"]["accuracy"]["difference"] == 0.0 and found["why_no_intervals"] is None
    assert found["use"].startswith("Research use only")
    assert compare.main([str(run_copy), str(eight), "--part", "train"]) == 1
    assert "exists already" in capsys.readouterr().err
    assert compare.main([str(run_copy), str(eight), "--part", "train", "--reading", "refined", "--overwrite"]) == 0
    found = read_json(run_copy / "comparisons" / "train-8views-train" / "compare.json")["figures"]
    assert "median_dice_refined" in found and "median_dice_paper" not in found


def test_few_patients_have_no_interval(run_copy, tmp_path, capsys):
    out = tmp_path / "out"
    assert compare.main([str(run_copy), str(run_copy), "--part", "validation", "--out", str(out)]) == 0
    assert "2 patients are too few to tell how patients differ" in capsys.readouterr().out
    assert read_json(out / "compare.json")["figures"]["accuracy"]["p"] is None


def test_other_slices_are_refused(run_copy, capsys):
    parts = [str(run_copy / "evaluations" / part) for part in ("train", "validation")]
    assert compare.main(parts) == 1
    assert "12 of 12 stand in the first alone and 4 of 4 in the second alone" in capsys.readouterr().err
    table = read_table(run_copy / "evaluations" / "train" / "predictions.csv").rows
    table[3]["group"] = "somebody"
    write_table(table, run_copy / "evaluations" / "train" / "predictions.csv")
    assert compare.main([parts[0], str(run_copy / "evaluations" / "train-8views")]) == 1
    assert "name different patients for 1 of 12 slices" in capsys.readouterr().err
    assert not (run_copy / "comparisons").exists()


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--reading", "sharp"], 2, "--reading must be one of paper, image_level, refined in"),
        (["--part", "test"], 1, "holds no predictions.csv"),
    ],
)
def test_bad_options(run_copy, options, status, message, capsys):
    if "--part" not in options:
        options = [*options, "--part", "train"]
    assert compare.main([str(run_copy), str(run_copy), *options]) == status
    assert message in capsys.readouterr().err


def test_what_is_no_comparison_is_not_replaced(run_copy, capsys):
    command = [str(run_copy), str(run_copy), "--part", "train", "--out", str(run_copy), "--overwrite"]
    assert compare.main(command) == 2
    assert "is not a result of kgp compare" in capsys.readouterr().err
    assert (run_copy / "config.json").is_file()


def test_tensorflow_is_not_imported(run_copy):
    script = (
        "import sys\nfrom kgp.compare import main\nstatus = main(sys.argv[1:])\n"
        "sys.exit('heavy' if {'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules) else status)"
    )
    command = [sys.executable, "-c", script, str(run_copy), str(run_copy), "--part", "train"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
