"""kgp.evaluation.rivals: figures of the rivals beside the network, on slices whose answers are known by hand."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import f1_score

from kgp.data.cohort import SliceRow
from kgp.evaluation import rivals as module
from kgp.evaluation.classification import classification_metrics
from kgp.evaluation.judged_slice import JudgedSlice
from kgp.evaluation.rivals import RivalCalls, call_rivals, call_rivals_of_run, pooled_calls, rival_metrics
from kgp.files import read_json, write_json
from kgp.run_folder import read_run

NAMES = ("none", "a", "b")


def judged(targets, called, patients=8):
    """One slice for each target, of so many patients in turn, which the network calls so."""
    return [
        JudgedSlice(SliceRow(str(number), "", f"p{number % patients}", target, ""), target, np.eye(3)[call], {})
        for number, (target, call) in enumerate(zip(targets, called, strict=True))
    ]


def calls(**called):
    return RivalCalls({name: np.array(values) for name, values in called.items()}, dict.fromkeys(called, "it"), 12, 10)


@pytest.fixture
def known(tiny_cohort):
    """Seven patients of the tiny cohort to learn from, and three to call."""
    rows = tiny_cohort.rows
    return (tiny_cohort, rows[:14], [row.label for row in rows[:14]]), rows[14:]


def test_each_rival_calls_the_slices(known, tiny_cohort):
    learned, rows = known
    found = call_rivals(learned, tiny_cohort, rows, 2)
    assert list(found.what) == ["trees", "place", "majority"] and (found.slices, found.slices_of_trees) == (14, 14)
    # A patient's first slice is the one without tumour, which the position alone tells.
    assert found.what["place"] == "the position of the slice in its volume alone"
    assert found.called["place"].tolist() == [0, 1] * 3
    again = call_rivals(learned, tiny_cohort, rows, 2)
    assert all((again.called[name] == found.called[name]).all() for name in found.what)


def test_planes_decide_and_the_majority_is_that_of_the_training_part(known, tiny_cohort):
    (cohort, rows, targets), others = known

    def laid(rows):
        return [dataclasses.replace(row, plane=["coronal", "axial"][row.label], index=0) for row in rows]

    found = call_rivals((cohort, laid(rows)[1:], targets[1:]), tiny_cohort, laid(others), 3)
    assert found.what["place"] == "the plane of the slice alone"
    assert found.called["place"].tolist() == [0, 1] * 3
    assert found.called["majority"].tolist() == [1] * 6  # of 13 slices seven show a tumour
    only_tumour = [row for row in laid(rows) if row.label]
    found = call_rivals((cohort, only_tumour, [1] * 7), cohort, laid(others), 3)
    assert found.called["trees"].tolist() == found.called["majority"].tolist() == [1] * 6


def test_without_plane_and_position_that_rival_is_absent_and_why_is_said(known, tiny_cohort):
    (cohort, rows, targets), others = known
    cohort = dataclasses.replace(cohort, rows=tuple(dataclasses.replace(row, index=0) for row in cohort.rows))
    found = call_rivals((cohort, cohort.rows[:14], targets), cohort, cohort.rows[14:], 2)
    assert list(found.what) == ["trees", "majority"]
    metrics = rival_metrics(judged([0, 1] * 3, [0, 1] * 3), NAMES, 0, found)
    assert metrics["why_no_place"].startswith("The data name neither the plane of a slice (column plane)")


def test_figures_are_those_of_the_one_function_and_of_scikit_learn():
    rng = np.random.default_rng(0)
    targets, network, rival = rng.integers(0, 3, (3, 60))
    slices = judged(targets, network)
    figures = rival_metrics(slices, NAMES, 0, calls(trees=rival, place=network))["figures"]
    trees, same = figures["trees"], figures["place"]
    assert trees["macro_f1"] == pytest.approx(f1_score(targets, rival, average="macro"), abs=1e-12)
    assert trees["detection_f1"] == pytest.approx(f1_score(targets > 0, rival > 0), abs=1e-12)
    groups = [slice_.row.group for slice_ in slices]
    found = classification_metrics(targets, np.eye(3)[rival], NAMES, 0, groups=groups)
    for key in ("accuracy", "macro_f1", "detection_f1"):
        assert trees[key] == found[key] and trees["intervals"][key] == found["intervals"][key]
        difference = f1_score(targets, network, average="macro") - trees["macro_f1"]
        assert same["network_ahead"][key] == {"difference": 0.0, "low": 0.0, "high": 0.0}
    assert trees["network_ahead"]["macro_f1"]["difference"] == pytest.approx(difference, abs=1e-12)
    ahead = trees["network_ahead"]["macro_f1"]
    assert ahead["low"] < ahead["difference"] < ahead["high"]


def test_a_score_that_is_undefined_is_none():
    figures = rival_metrics(judged([0, 0], [0, 0]), NAMES, 0, calls(majority=[0, 1]))["figures"]["majority"]
    assert figures["detection_f1"] == 0.0 and figures["network_ahead"]["detection_f1"]["difference"] is None
    figures = rival_metrics(judged([1, 2], [1, 2]), NAMES, None, calls(majority=[1, 1]))["figures"]["majority"]
    assert figures["detection_f1"] is None and figures["network_ahead"]["accuracy"]["difference"] == 0.5


TRUE = [0, 1, 2, 1] * 10


@pytest.mark.parametrize(
    ("network", "patients", "warning"),
    [
        (TRUE, 7, None),
        # Nobody is ahead of what is right everywhere.
        (
            [0, 1, 2, 1] * 9 + [0, 1, 1, 1],
            8,
            "does not beat a trivial rival on the same 40 slices (macro-F1 0.974 against",
        ),
        (TRUE, 4, None),
    ],
)
def test_a_network_that_is_not_ahead_is_warned_of(network, patients, warning):
    rival = TRUE if warning else [0, 1, 1, 1] * 10
    found = rival_metrics(judged(TRUE, network, patients), NAMES, 0, calls(majority=[1] * 40, trees=rival))
    assert found["strongest"] == "trees"
    if warning is None:
        assert found["warning"] is None
    else:
        assert found["warning"] == (
            f"The network {warning} 1.000 of it), so nothing shows that it has learned what a tumour looks like; do not "
            "use it."
        )


def test_a_network_that_is_as_good_is_warned_of():
    found = rival_metrics(judged(TRUE, TRUE), NAMES, 0, calls(trees=TRUE))
    assert (
        "does not beat a trivial rival on the same 40 slices (macro-F1 1.000 against 1.000 of it)" in found["warning"]
    )


def test_a_network_that_is_ahead_by_chance_is_warned_of():
    """Of eight patients the network is better in two and worse in one."""
    network, rival = list(TRUE), list(TRUE)
    network[2], rival[4], rival[9] = 1, 1, 2
    found = rival_metrics(judged(TRUE, network), NAMES, 0, calls(trees=rival))
    ahead = found["figures"]["trees"]["network_ahead"]["macro_f1"]
    assert ahead["low"] <= 0 < ahead["difference"]
    assert found["warning"].startswith("The network is not clearly better than a trivial rival on the same 40 slices (")
    assert found["warning"].endswith(
        f"; difference {ahead['difference']:.3f}, 95 % interval {ahead['low']:.3f} to {ahead['high']:.3f}), so its figures "
        "do not show yet that it has learned what a tumour looks like; judge it on more patients."
    )
    few = rival_metrics(judged(TRUE, network, patients=4), NAMES, 0, calls(trees=rival))
    assert few["warning"] is None and few["figures"]["trees"]["intervals"]["macro_f1"] is None


def test_where_all_slices_are_of_one_class_nothing_is_warned_of():
    found = rival_metrics(judged([1] * 4, [1] * 4), NAMES, 0, calls(majority=[1] * 4))
    assert found["figures"]["majority"]["macro_f1"] == 1.0 and found["warning"] is None


def test_calls_of_several_runs_stand_one_after_the_other():
    together = pooled_calls([calls(trees=[0, 1], place=[1, 1], majority=[0, 0]), calls(trees=[2], majority=[1])])
    assert {name: called.tolist() for name, called in together.called.items()} == {
        "trees": [0, 1, 2],
        "majority": [0, 0, 1],
    }
    assert (together.runs, together.slices, together.slices_of_trees) == (2, 24, 20)
    assert pooled_calls([calls(trees=[0]), "No rivals: why."]) == "No rivals: why."


def test_why_there_are_no_rivals(tiny_run, tiny_cohort, tmp_path, caplog):
    caplog.set_level("INFO")
    run, rows = read_run(tiny_run), tiny_cohort.rows[:2]
    assert call_rivals_of_run(None, tiny_cohort, rows) == module.NO_RUN
    assert call_rivals_of_run(run, tiny_cohort, rows, part="train") == module.OWN_TRAINING
    gone = dataclasses.replace(run, data=str(tmp_path / "gone"), data_content="none")
    assert call_rivals_of_run(gone, tiny_cohort, rows) == module.NO_TRAINING_PART
    assert "No trivial rivals are judged: The prepared slices of" in caplog.text
    metrics = rival_metrics(judged([0], [0]), NAMES, 0, module.NO_TRAINING_PART)
    assert metrics["why_none"] == module.NO_TRAINING_PART and metrics["warning"] is None and metrics["figures"] == {}
    write_json(tmp_path / "rivals.json", metrics)
    assert read_json(tmp_path / "rivals.json") == metrics
