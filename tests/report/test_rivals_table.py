"""kgp.report.rivals_table: the rows of the table of trivial rivals."""

from kgp.report.rivals_table import rivals_shown


def metrics_with(detection, rivals):
    scores = {"macro_f1": 0.75, "accuracy": 0.8, "detection_f1": detection, "intervals": {"macro_f1": [0.7, 0.8]}}
    return {"classification": scores, "rivals": rivals}


def test_the_network_stands_above_its_rivals():
    ahead = {"macro_f1": {"difference": 0.25, "low": 0.1, "high": 0.4}}
    trees = {"what": "trees", "macro_f1": 0.5, "accuracy": 0.6, "detection_f1": 0.7, "intervals": {"macro_f1": None}}
    rivals = {
        "why_none": None,
        "why_no_place": "No place.",
        "figures": {"trees": trees | {"network_ahead": ahead}},
        "learned_from": {"runs": 1, "slices": 12, "slices_of_trees": 12},
        "warning": "Beaten.",
    }
    shown = rivals_shown(metrics_with(0.9, rivals))
    assert shown["head"] == [
        "",
        "macro-F1",
        "accuracy",
        "F1, tumour against none",
        "the network is ahead by (macro-F1)",
    ]
    assert shown["rows"] == [
        ["the network", "0.750 (0.700 to 0.800)", "0.800", "0.900", "–"],
        ["trees", "0.500", "0.600", "0.700", "+0.250 (0.100 to 0.400)"],
    ]
    assert (shown["missing"], shown["warning"]) == (["No place."], "Beaten.")
    assert len(rivals_shown(metrics_with(None, rivals))["rows"][1]) == 4


def test_nothing_is_shown_of_an_earlier_version_and_why_there_are_none():
    assert rivals_shown({"classification": {}}) is None
    none = {"why_none": "None.", "why_no_place": None, "figures": {}, "warning": None}
    shown = rivals_shown(metrics_with(None, none))
    assert (shown["rows"], shown["missing"], shown["learned_from"]) == ([], ["None."], None)
