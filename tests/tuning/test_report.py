"""The page about searches whose trials are only files; tests/tuning/test_search.py has one of real trials."""

import pytest

from kgp.files import write_json
from kgp.training.presets import load_preset
from tuning.report import importance, write_report
from tuning.search import Search
from tuning.space import SPACE, Choice, Range

HOSTILE = "<script>alert(1)</script>"
HISTORY = "epoch,val_macro_f1,val_loss\n1,0.4,1.0\n2,0.5,0.9\n"


@pytest.fixture
def search_of(tmp_path):
    """Makes a search with a completed trial for each score, and a failed one for each None."""

    def make(scores, method="random", objective="val_macro_f1"):
        write_json(tmp_path / "search.json", {"data": HOSTILE, "version": "1"})
        for index, score in enumerate(scores):
            folder = tmp_path / f"trial_{index}"
            (folder / "run").mkdir(parents=True)
            (folder / "run" / "history.csv").write_text(HISTORY)
            trial = {"trial_id": str(index), "score": score, "hyperparameters": {"values": {"dropout": index / 10}}}
            ended = {"status": "FAILED", "message": HOSTILE} if score is None else {"status": "COMPLETED"}
            write_json(folder / "trial.json", trial | ended)
        space = {"dropout": SPACE["dropout"]}
        return Search(tmp_path, load_preset("demo", "unet"), {}, space, method, objective, len(scores))

    return make


def page_of(search):
    return write_report(search).read_text(encoding="utf-8")


def test_the_best_trial_and_the_first_stand_on_top(search_of):
    page = page_of(search_of([0.5, 0.9, 0.7]))
    assert "<tr><td>best</td><td>1</td><td>0.9000</td></tr>" in page
    assert "<tr><td>values of preset demo</td><td>0</td><td>0.5000</td></tr>" in page
    assert "The 3 best trials." in page and "Too few trials to tell." in page


def test_the_lowest_loss_is_the_best(search_of):
    page = page_of(search_of([0.5, 0.9], method="hyperband", objective="val_loss"))
    assert "<tr><td>best</td><td>0</td><td>0.5000</td></tr>" in page
    assert "values of preset" not in page  # Hyperband draws its first trial too


def test_importance_is_drawn_from_five_trials_on(search_of):
    page = page_of(search_of([0.1, 0.2, 0.3, 0.4, None, 0.6]))
    assert page.count("<svg") == 3 and "5 trials: a hint, not a test." in page


def test_names_and_messages_are_escaped(search_of):
    page = page_of(search_of([None, None]))
    assert "No trial is complete." in page and "<script" not in page
    assert page.count("&lt;script&gt;") == 3  # the data's name and two messages


def test_importance_by_hand():
    space = {"a": Range(0.0, 1.0), "b": Choice(("x", "y")), "c": Range(0.0, 1.0), "d": Range(0.0, 1.0)}
    values = [{"a": i / 10, "b": "xy"[i % 2], "c": 0.5} for i in range(6)]
    strengths = importance(space, values, [1.0 - i / 10 for i in range(6)])
    # Ranks 6..1; those of x are 6, 4, 2 and those of y 5, 3, 1: between 2 * 3 * 0.5 ** 2 = 1.5 of 17.5.
    assert strengths == {"a": pytest.approx(1.0), "b": pytest.approx((1.5 / 17.5) ** 0.5)}
