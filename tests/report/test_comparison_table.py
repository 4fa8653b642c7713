from kgp.report.comparison_table import comparison_table


def figure(first=0.9, second=0.8, **changes):
    values = {"first": first, "second": second, "difference": second - first, "low": -0.2, "high": -0.01}
    return values | {"p": 0.0312, "favours": "first"} | changes


def comparison(figures, **changes):
    values = {"first": "runs/a", "second": "runs/b", "slices": 9, "patients": 5}
    return values | {"why_no_intervals": None, "why_no_dice": None, "figures": figures} | changes


def test_each_figure_says_whom_it_speaks_for():
    text = comparison_table(
        comparison(
            {
                "accuracy": figure(),
                "detection_roc_auc": figure(low=-0.2, high=0.1, favours=None, p=0.5)
                | {"delong": {"low": -0.15, "high": 0.05, "p": 0.0002}},
                "roc_auc_grade II": figure(second=1.0, favours="second", low=0.05, high=0.2, p=0.0001),
                "median_dice_best": figure(),
            }
        )
    )
    lines = text.splitlines()
    assert lines[:3] == ["A: runs/a", "B: runs/b", "9 slices of 5 patients."]
    rows = [line.split("  ") for line in lines[4:10]]
    words = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert words[0] == ["A", "B", "B - A", "95 % interval", "p", "speaks for"]
    assert words[1] == ["accuracy", "0.900", "0.800", "-0.100", "-0.200 to -0.010", "0.031", "A"]
    assert words[2][-1] == "neither" and words[3] == ["DeLong, slices as independent", "-0.150 to +0.050", "< 0.001"]
    assert words[4][0] == "ROC area, class grade II" and words[4][-2:] == ["< 0.001", "B"]
    assert words[5][0] == "median Dice, reading best"
    assert lines[-1].startswith("Intervals and p: paired bootstrap over patients")


def test_without_intervals_nobody_is_favoured():
    few = figure(low=None, high=None, p=None, favours=None)
    text = comparison_table(comparison({"macro_f1": few}, why_no_intervals="Too few.", why_no_dice="No Dice."))
    assert text.splitlines()[-2:] == ["Too few.", "No Dice."]
    assert "neither" not in text and "paired bootstrap" not in text


def test_a_figure_that_one_lacks_is_a_dash():
    unknown = figure(low=None, high=None, p=None, favours=None) | {"first": None, "difference": None}
    assert "–" in comparison_table(comparison({"detection_f1": unknown}))
