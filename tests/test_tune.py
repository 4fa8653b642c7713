import pytest

from kgp import tune


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: --out"),
        (["--out", "x", "--trials", "0"], "--trials and --workers must be at least 1"),
        (["--out", "x", "--method", "hyperband", "--trials", "3"], "--trials does not go with --method hyperband"),
        (["--out", "x", "--search", "speed"], "there is no parameter 'speed'"),
        (["--out", "x", "--objective", "dice"], "invalid choice: 'dice'"),
        (["--out", "x", "--epochs", "3"], "unrecognized arguments: --epochs"),
        (["--out", "x", "--dropout", "2"], "--dropout must be at most 0.999"),
    ],
)
def test_bad_usage(words, message, capsys):
    assert tune.main(words) == 2
    assert message in capsys.readouterr().err


def test_best_of_nothing(tmp_path, capsys):
    assert tune.main(["--best", str(tmp_path), "--out", str(tmp_path / "run")]) == 1
    assert "holds no search" in capsys.readouterr().err


def test_the_best_trial_becomes_a_run(tiny_cohort, tmp_path, capsys):
    search, run = tmp_path / "search", tmp_path / "run"
    words = ["--data", str(tiny_cohort.folder), "--preset", "demo", "--width", "2", "--depth", "1", "--batch-size", "4"]
    words += ["--equivariance", "0"]
    assert (
        tune.main(
            [*words, "--max-epochs", "2", "--method", "hyperband", "--objective", "val_dice", "--out", str(search)]
        )
        == 0
    )
    printed = capsys.readouterr()
    assert "masks" not in printed.err and "Best: trial" in printed.out
    assert "Masks of the validation part were used" in (search / "tuning_report.html").read_text()
    assert tune.main(["--best", str(search), "--out", str(run)]) == 0
    assert {"metrics.json", "report.html", "calibration.json"} <= {path.name for path in run.iterdir()}
    assert tune.main(["--best", str(search), "--out", str(run)]) == 1
    assert "exists already" in capsys.readouterr().err
