"""A comparison of two networks as a table for the screen."""

from typing import Any

from kgp.report.numbers import interval, number

_WORDS = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "detection_f1": "F1, tumour against none",
    "detection_roc_auc": "ROC area, tumour against none",
}
_HEAD = ("", "A", "B", "B - A", "95 % interval", "p", "speaks for")
_LEAST_P = 0.001


def comparison_table(comparison: dict[str, Any]) -> str:
    """The content of compare.json as text: who is A and B, a row a figure, and what to know."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for name, figure in comparison["figures"].items():
        rows.append(_row(_figure_words(name), figure))
        if "delong" in figure:
            rows.append(_row("  DeLong, slices as independent", figure["delong"] | {"difference": None}))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [
        f"A: {comparison['first']}",
        f"B: {comparison['second']}",
        f"{comparison['slices']} slices of {comparison['patients']} patients.",
        "",
        *("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows),
    ]
    notes = [comparison[key] for key in ("why_no_intervals", "why_no_dice") if comparison[key]]
    if not comparison["why_no_intervals"]:
        notes.append("Intervals and p: paired bootstrap over patients; p is not corrected for the number of figures.")
    return "\n".join([*lines, "", *notes])


def _row(words: str, figure: dict[str, Any]) -> tuple[str, ...]:
    values = [number(figure[key]) if key in figure else "" for key in ("first", "second")]
    difference = figure["difference"]
    return (
        words,
        *values,
        "" if difference is None else f"{difference:+.3f}",
        _interval(figure),
        _p(figure["p"]),
        _favours(figure) if "favours" in figure else "",
    )


def _interval(figure: dict[str, Any]) -> str:
    ends = (figure["low"], figure["high"])
    return interval(ends) if None in ends else f"{figure['low']:+.3f} to {figure['high']:+.3f}"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return f"< {_LEAST_P}" if value < _LEAST_P else number(value)


def _favours(figure: dict[str, Any]) -> str:
    if figure["p"] is None:
        return ""
    return {"first": "A", "second": "B", None: "neither"}[figure["favours"]]


def _figure_words(name: str) -> str:
    for prefix, words in (("median_dice_", "median Dice, reading "), ("roc_auc_", "ROC area, class ")):
        if name.startswith(prefix):
            return words + name.removeprefix(prefix)
    return _WORDS[name]
