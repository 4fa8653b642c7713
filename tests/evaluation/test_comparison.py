import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from kgp.evaluation.bootstrap import draw_counts
from kgp.evaluation.comparison import compare_predictions
from kgp.evaluation.delong import delong
from kgp.evaluation.predictions import Predictions

NAMES = ("none", "II", "III")


def predictions(skill, seed=0, patients=12, names=NAMES, no_tumour_class=0):
    """Six slices a patient; the higher the skill, the better classes and masks."""
    rng = np.random.default_rng(7)
    count, classes = 6 * patients, len(names)
    targets = rng.integers(0, classes, count)
    logits = np.random.default_rng(seed).normal(size=(count, classes)) + skill * np.eye(classes)[targets]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true_pixels = np.where(targets > 0, 10, 0)
    dice = np.clip(0.2 * skill + 0.1 * np.random.default_rng(seed + 1).normal(size=count), 0, 1)
    return Predictions(
        folder=Path(f"skill{skill}"),
        class_names=names,
        no_tumour_class=no_tumour_class,
        ids=tuple(f"s{number:03d}" for number in range(count)),
        groups=tuple(f"p{number // 6}" for number in range(count)),
        targets=targets,
        predicted=probabilities.argmax(axis=1),
        probabilities=probabilities,
        true_pixels=true_pixels,
        dices={"best": np.where(true_pixels > 0, dice, 1.0), "paper": np.where(true_pixels > 0, 0.3, 1.0)},
    )


def test_figures_are_those_of_scikit_learn_and_intervals_those_of_the_same_draws():
    first, second = predictions(1.0), predictions(2.0, seed=5)
    found = compare_predictions(first, second, resamples=200)
    assert list(found["figures"]) == [
        "accuracy", "macro_f1", "detection_f1", "detection_roc_auc", "roc_auc_II", "roc_auc_III",
        "median_dice_best", "median_dice_paper",
    ]  # fmt: skip
    names, patient = np.unique(first.groups, return_inverse=True)
    drawn = [np.repeat(np.arange(72), times[patient]) for times in draw_counts(len(names), 200, seed=0)]
    tumour = first.targets > 0

    def accuracy(of, index):
        return metrics.accuracy_score(of.targets[index], of.predicted[index])

    def macro_f1(of, index):
        return metrics.f1_score(of.targets[index], of.predicted[index], average="macro")

    def detection_roc_auc(of, index):
        return metrics.roc_auc_score(tumour[index], 1 - of.probabilities[index, 0])

    def median_dice_best(of, index):
        return np.median(of.dices["best"][index[tumour[index]]])

    for score in (accuracy, macro_f1, detection_roc_auc, median_dice_best):
        figure = found["figures"][score.__name__]
        values = [score(of, np.arange(72)) for of in (first, second)]
        assert [figure["first"], figure["second"]] == pytest.approx(values)
        differences = [score(second, index) - score(first, index) for index in drawn]
        assert (figure["low"], figure["high"]) == pytest.approx(tuple(np.quantile(differences, (0.025, 0.975))))
        smaller = min(np.sum(np.array(differences) <= 0), np.sum(np.array(differences) >= 0))
        assert figure["p"] == pytest.approx(min(2 * (smaller + 1) / 201, 1.0), abs=0.02)  # ties of rounding
    json.dumps(found, allow_nan=False)


def test_the_better_one_is_favoured_and_turning_them_turns_all():
    first, second = predictions(0.5), predictions(3.0)
    found, turned = compare_predictions(first, second), compare_predictions(second, first)
    for name in ("accuracy", "macro_f1", "detection_roc_auc", "median_dice_best"):
        figure, other = found["figures"][name], turned["figures"][name]
        assert (figure["favours"], other["favours"]) == ("second", "first")
        assert figure["p"] < 0.01 and figure["low"] > 0
        assert other["difference"] == -figure["difference"]
        assert (other["low"], other["high"]) == pytest.approx((-figure["high"], -figure["low"]))
    assert found["figures"]["median_dice_paper"] == {
        "first": 0.3, "second": 0.3, "difference": 0.0, "low": 0.0, "high": 0.0, "p": 1.0, "favours": None,
    }  # fmt: skip


def test_delong_stands_beside_the_bootstrap():
    first, second = predictions(1.0), predictions(2.0, seed=5)
    figure = compare_predictions(first, second)["figures"]["detection_roc_auc"]
    scores = [1 - of.probabilities[:, 0] for of in (first, second)]
    difference, error, p = delong(first.targets > 0, *scores)
    assert figure["difference"] == pytest.approx(difference)
    assert figure["delong"]["p"] == p
    assert figure["delong"]["high"] - figure["delong"]["low"] == pytest.approx(2 * 1.96 * error, rel=1e-4)


def test_of_equal_networks_none_is_favoured():
    found = compare_predictions(predictions(1.0), predictions(1.0))
    for figure in found["figures"].values():
        assert (figure["difference"], figure["low"], figure["high"], figure["p"]) == (0.0, 0.0, 0.0, 1.0)
        assert figure["favours"] is None and figure.get("delong", {"p": 1.0})["p"] == 1.0


def test_fewer_than_five_patients_have_values_and_no_interval():
    found = compare_predictions(predictions(1.0, patients=4), predictions(2.0, patients=4))
    assert found["why_no_intervals"].startswith("No intervals are given: 4 patients")
    for figure in found["figures"].values():
        assert figure["first"] is not None and figure["difference"] is not None
        assert (figure["low"], figure["high"], figure["p"], figure["favours"]) == (None,) * 4
        assert "delong" not in figure


def test_one_reading_alone():
    found = compare_predictions(predictions(1.0), predictions(2.0), "paper")["figures"]
    assert [name for name in found if "dice" in name] == ["median_dice_paper"]


def test_masks_on_different_grids_are_not_compared():
    second = predictions(2.0)
    second = dataclasses.replace(second, true_pixels=np.where(second.true_pixels > 0, 40, 0))
    found = compare_predictions(predictions(1.0), second)
    assert not [name for name in found["figures"] if "dice" in name]
    assert "slices differ in size, so masks were judged on different grids" in found["why_no_dice"]


def test_without_masks_or_a_class_without_tumour():
    pair = [
        dataclasses.replace(predictions(skill, names=("a", "b"), no_tumour_class=None), dices={})
        for skill in (1.0, 2.0)
    ]
    found = compare_predictions(*pair)
    assert list(found["figures"]) == ["accuracy", "macro_f1", "roc_auc_a", "roc_auc_b"]
    assert found["why_no_dice"].startswith("The two share no reading")
