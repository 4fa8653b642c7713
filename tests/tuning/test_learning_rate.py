import csv

import numpy as np
import pytest

from kgp import tune
from kgp.errors import KgpError
from tuning.learning_rate import suggest_rate


def test_the_suggestion_is_a_tenth_of_the_rate_of_the_lowest_loss():
    rates = np.logspace(-6, 0, 100)
    losses = np.where(rates < 0.1, 2.0 - np.arange(100) / 100, 50.0)
    found = suggest_rate(rates, losses)
    assert found.suggestion == pytest.approx(rates[rates < 0.1][-1] / 10)
    assert found.smoothed[0] == pytest.approx(losses[0])
    assert found.smoothed[1] == pytest.approx((0.9 * 0.1 * losses[0] + 0.1 * losses[1]) / (1 - 0.9**2))


def test_a_loss_that_never_falls_is_told():
    with pytest.raises(KgpError, match="never falls"):
        suggest_rate(np.logspace(-6, 0, 10), np.arange(1.0, 11.0))
    with pytest.raises(KgpError, match="never falls"):
        suggest_rate(np.zeros(0), np.zeros(0))


def test_the_command_writes_table_and_drawing(tiny_cohort, tmp_path, capsys):
    words = ["--find-lr", "--data", str(tiny_cohort.folder), "--preset", "demo", "--width", "2", "--depth", "1"]
    assert tune.main([*words, "--batch-size", "4", "--out", str(tmp_path / "rates")]) == 0
    assert "Suggested learning rate: " in capsys.readouterr().out
    with open(tmp_path / "rates" / "learning_rates.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rates = np.array([float(row["learning_rate"]) for row in rows])
    assert rates[0] == 1e-6 and len(rates) > 50 and np.allclose(rates[1:] / rates[:-1], 1e6 ** (1 / 99))
    assert (tmp_path / "rates" / "learning_rates.svg").read_text().startswith("<svg")
