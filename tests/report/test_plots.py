import matplotlib
import pytest

from kgp.report import plots

CURVES = {
    "roc": {"false_positive_rate": [0, 1], "true_positive_rate": [0, 1]},
    "precision_recall": {"recall": [1, 0], "precision": [0.5, 1]},
}
SCORES = {"roc_auc": 0.75, "average_precision": 0.5}


def test_curves_name_classes_with_areas():
    metrics = {"curves": {"a & b": CURVES}, "classes": {"a & b": SCORES}, "detection": SCORES | {"curves": CURVES}}
    drawn = plots.classification_curves(metrics)
    assert drawn.startswith("<svg") and drawn.rstrip().endswith("</svg>")
    for text in ("a &amp; b (0.750)", "any tumour (0.500)", "false positive rate"):
        assert text in drawn


def test_classes_without_a_curve_are_left_out():
    nothing = {"roc": None, "precision_recall": None}
    drawn = plots.classification_curves({"curves": {"a": nothing}, "classes": {"a": SCORES}, "detection": None})
    assert "0.750" not in drawn


def test_confusion_matrix_shows_counts():
    drawn = plots.confusion_matrix([[12, 3], [0, 45]], ["free", "tumour"])
    for text in (">12<", ">3<", ">0<", ">45<", ">free<"):
        assert text in drawn


@pytest.mark.parametrize("bins", [[(0.9, 1.0, 3)], [(0.6, 0.5, 1), (0.9, 0.8, 20)]])
def test_reliability_diagram(bins):
    drawn = plots.reliability_diagram(
        [dict(zip(("confidence", "accuracy", "slices"), one, strict=True)) for one in bins]
    )
    assert "share of right answers" in drawn


@pytest.mark.parametrize("epochs", [1, 3])
def test_training_curves(epochs):
    rows = [
        {"epoch": number, "loss": 1.0, "val_loss": 0.9, "val_accuracy": 0.5, "val_macro_f1": 0.4}
        for number in range(1, epochs + 1)
    ]
    assert "macro-F1" in plots.training_curves(rows)


def test_the_same_figures_give_the_same_bytes():
    assert plots.dice_distribution({"best": [0.1, 0.9]}) == plots.dice_distribution({"best": [0.9, 0.1]})


def test_dollars_in_a_class_name_are_no_formula():
    drawn = plots.confusion_matrix([[1, 0], [0, 1]], ["$a_{b$", "b"])
    assert ">$a_{b$<" in drawn


def test_a_single_tumour_slice_is_seen():
    one, two = (plots.dice_distribution({"best": dices}).count("<use") for dices in ([0.5], [0.5, 0.5]))
    assert one == two + 2  # a dot in the figure and one in its legend


def test_epochs_are_whole_numbers():
    row = {"loss": 1.0, "val_loss": 0.9, "val_accuracy": 0.5, "val_macro_f1": 0.4}
    drawn = plots.training_curves([row | {"epoch": number} for number in (1, 2, 3)])
    assert ">2<" in drawn and ">1.5<" not in drawn and ">1.25<" not in drawn


def test_the_settings_of_the_caller_stay():
    with matplotlib.rc_context({"font.size": 20}):
        before = dict(matplotlib.rcParams)
        larger = plots.dice_distribution({"best": [0.1, 0.9]})
        assert dict(matplotlib.rcParams) == before
    assert larger == plots.dice_distribution({"best": [0.1, 0.9]})
