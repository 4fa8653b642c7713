import numpy as np
import pytest

from kgp.evaluation.bootstrap import (
    draw_counts,
    few_patients,
    interval,
    intervals_of,
    median_of_repeated,
    patient_bootstrap,
)


def test_interval_holds_the_value_and_is_repeatable():
    values = np.random.default_rng(0).random(300)
    groups = [f"p{index % 20}" for index in range(300)]
    value, low, high = patient_bootstrap(values, groups)
    assert value == np.median(values) and low < value < high
    assert patient_bootstrap(values, groups) == (value, low, high)
    assert patient_bootstrap(values, groups, seed=1) != (value, low, high)


def test_patients_are_drawn_whole():
    values = np.random.default_rng(1).permutation(100)
    groups = np.array(["a", "b", "c", "d", "e"])[values // 20]
    # Patients differ by 20, slices of one by less.
    _, low, high = patient_bootstrap(values, groups)
    assert low < 20 and high >= 80  # three of five draws of the lowest patient are no rarity
    _, low, high = patient_bootstrap(values, [str(value) for value in values])
    assert 35 < low < high < 65


def test_equals_the_medians_of_the_slices_drawn():
    rng = np.random.default_rng(2)
    values, patients = rng.random(31), rng.integers(0, 6, 31)
    drawn = [np.median(np.repeat(values, times[patients])) for times in draw_counts(6, 300, seed=0)]
    expected = np.median(values), *np.quantile(drawn, (0.05, 0.95))
    assert patient_bootstrap(values, patients.astype(str), resamples=300, level=0.9) == pytest.approx(
        expected, abs=1e-15
    )


def test_width_is_that_of_theory():
    values = np.random.default_rng(1).normal(size=400)
    _, low, high = patient_bootstrap(values, [str(index) for index in range(400)])
    # The standard error of a normal sample's median is sqrt(pi / 2) times that of its mean.
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(np.pi / 2) * values.std() / 20.0, rel=0.15)


@pytest.mark.parametrize(
    ("values", "groups", "expected"),
    [
        ([], [], (None, None, None)),
        ([1.0, 3.0], ["a", "a"], (2.0, None, None)),
        ([2.0] * 4, list("abcd"), (2.0, None, None)),  # fewer than five patients
        ([2.0] * 5, list("abcde"), (2.0, 2.0, 2.0)),
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


def test_results_that_are_nan_are_left_out():
    assert interval(np.array([np.nan, 1.0, 3.0]), 0.5) == (1.5, 2.5)
    assert interval(np.array([np.nan]), 0.5) == (None, None)


def test_a_median_of_nothing_is_nan():
    assert np.isnan(median_of_repeated(np.array([1.0, 2.0]), np.array([0, 0])))
    assert np.isnan(median_of_repeated(np.array([]), np.array([], int)))


@pytest.mark.parametrize("patients", [1, 4, 5])
def test_fewer_than_five_patients_have_no_interval_and_a_sentence(patients):
    groups = [f"p{index}" for index in range(patients)]

    def scores(draws, patient):
        return {"sum": (draws @ np.bincount(patient)).astype(float), "undefined": np.full(len(draws), np.nan)}

    expected = [patients, patients] if patients == 5 else None
    assert intervals_of(groups, scores, 10, 0) == {"sum": expected, "undefined": None}
    sentence = few_patients(patients)
    assert (sentence is None) == (patients == 5)
    if patients == 4:
        assert sentence == (
            "No intervals are given: 4 patients are too few to tell how patients differ (at least 5 are needed)."
        )
    if patients == 1:
        assert "1 patient is too few" in sentence
