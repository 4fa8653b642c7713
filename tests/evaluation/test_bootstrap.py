import numpy as np
import pytest

from kgp.evaluation.bootstrap import draw_counts, patient_bootstrap


def test_interval_holds_the_value_and_is_repeatable():
    values = np.random.default_rng(0).random(300)
    groups = [f"p{index % 20}" for index in range(300)]
    value, low, high = patient_bootstrap(values, groups)
    assert value == np.median(values) and low < value < high
    assert patient_bootstrap(values, groups) == (value, low, high)
    assert patient_bootstrap(values, groups, seed=1) != (value, low, high)


def test_patients_are_drawn_whole():
    groups = ["a"] * 50 + ["b"] * 50
    value, low, high = patient_bootstrap(np.repeat([0.0, 1.0], 50), groups, np.mean)
    assert (value, low, high) == (0.5, 0.0, 1.0)
    assert patient_bootstrap(np.repeat([0.0, 1.0], 50), [str(i) for i in range(100)], np.mean)[1] > 0.35


def test_width_for_the_mean_is_that_of_theory():
    values = np.random.default_rng(1).normal(size=400)
    _, low, high = patient_bootstrap(values, [str(index) for index in range(400)], np.mean)
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20.0, rel=0.1)


def test_statistic_may_see_several_columns_and_nan_is_left_out():
    values = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.0, 1.0]])

    def share(rows):
        chosen = rows[rows[:, 0] == 1.0]
        return chosen[:, 1].mean() if len(chosen) else np.nan

    value, low, high = patient_bootstrap(values, ["a", "b", "c", "d"], share, resamples=200)
    assert (value, low, high) == (0.5, 0.0, 1.0)


@pytest.mark.parametrize(
    ("values", "groups", "expected"),
    [
        ([], [], (None, None, None)),
        ([1.0, 3.0], ["a", "a"], (2.0, None, None)),
        ([2.0, 2.0], ["a", "b"], (2.0, 2.0, 2.0)),
    ],
)
def test_degenerate(values, groups, expected):
    assert patient_bootstrap(values, groups) == expected


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 values are given for 1 patient names"):
        patient_bootstrap([1.0, 2.0], ["a"])


def test_each_resample_draws_as_many_patients():
    draws = draw_counts(7, 50, seed=3)
    assert draws.shape == (50, 7) and (draws.sum(axis=1) == 7).all()
