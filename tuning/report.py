"""tuning_report.html: the trials of a search on one page.

This file says which rows and figures the page has; the markup lies in `templates`.
"""

from pathlib import Path
from typing import Any

import numpy as np
from keras_tuner.engine.trial import TrialStatus
from scipy import stats

from kgp.architectures import architecture_title
from kgp.files import read_json, read_table
from kgp.report.html import write_page
from kgp.report.numbers import number
from tuning import plots
from tuning.choices import OBJECTIVES, WITH_MASKS
from tuning.search import SEARCH, Search, TrialRow, best_trial, trial_rows
from tuning.space import Range, Space

_FEWEST_TRIALS = 5  # for a relation between a parameter and the score to mean anything
_CURVES = 5


def write_report(search: Search) -> Path:
    """Writes tuning_report.html into the search's folder and returns its path."""
    rows = trial_rows(search.folder)
    completed = _best_first([row for row in rows if row.status == TrialStatus.COMPLETED], search.objective)
    path = search.folder / "tuning_report.html"
    write_page(
        path,
        "tuning_report.html.jinja",
        package="tuning",
        title=f"Search of {', '.join(search.space)}",
        facts=_facts(search, rows),
        masks_used=search.objective == WITH_MASKS,
        objective=search.objective,
        completed=_completed(search, completed) if completed else None,
        trial_head=["trial", search.objective, *search.space, "seconds", "status"],
        trial_rows=[_trial_row(search, row) for row in rows],
    )
    return path


def importance(space: Space, values: list[dict[str, Any]], scores: list[float]) -> dict[str, float]:
    """How strongly each parameter is related to the score, 0 to 1.

    For a range the absolute rank correlation (Spearman) over the trials that have the parameter;
    for a choice the correlation ratio (the root of the share of the variance of the scores' ranks
    that lies between the choices). Parameters with fewer than 5 trials, or without any difference,
    are left out. With few trials these are hints, not tests.
    """
    strengths = {}
    for name, parameter in space.items():
        pairs = [(value[name], score) for value, score in zip(values, scores, strict=True) if name in value]
        given = [str(value) for value, _ in pairs]
        ranks = stats.rankdata([score for _, score in pairs]) if pairs else np.array([])
        if len(pairs) < _FEWEST_TRIALS or len(set(given)) < 2 or np.ptp(ranks) == 0:
            continue
        if isinstance(parameter, Range):
            strengths[name] = abs(float(stats.spearmanr([float(value) for value, _ in pairs], ranks).statistic))
        else:
            groups = [ranks[[other == value for other in given]] for value in set(given)]
            between = sum(len(group) * (group.mean() - ranks.mean()) ** 2 for group in groups)
            strengths[name] = float(np.sqrt(between / np.sum((ranks - ranks.mean()) ** 2)))
    return strengths


def _best_first(rows: list[TrialRow], objective: str) -> list[TrialRow]:
    return sorted(rows, key=lambda row: row.score or 0.0, reverse=OBJECTIVES[objective] == "max")


def _facts(search: Search, rows: list[TrialRow]) -> dict[str, str]:
    recorded = read_json(search.folder / SEARCH)
    failed = sum(row.status == TrialStatus.FAILED for row in rows)
    size = search.config.data.size
    return {
        "data": recorded["data"],
        "network": architecture_title(search.config.network.arch),
        "preset": search.config.preset,
        "slices": f"{size} x {size}" if size else "as prepared",
        "method": search.method,
        "objective": f"{search.objective} ({OBJECTIVES[search.objective]})",
        "most epochs of a trial": str(search.config.optimiser.epochs),
        "trials": f"{len(rows)}, {failed} failed",
        "hours of training": number(sum(row.seconds or 0 for row in rows) / 3600, digits=2),
        "seed": str(search.config.optimiser.seed),
        "versions": f"kgp {recorded['version']}",
    }


def _completed(search: Search, completed: list[TrialRow]) -> dict[str, Any]:
    """What the template shows of the completed trials."""
    values, scores = [row.values for row in completed], [row.score or 0.0 for row in completed]
    strengths = importance(search.space, values, scores)
    curve_of = search.objective if search.objective != WITH_MASKS else "val_macro_f1"
    curves = {f"trial {row.name}": _curve(row, curve_of) for row in completed[:_CURVES]}
    return {
        "best_rows": _best_rows(search, completed),
        "parallel_coordinates": plots.parallel_coordinates(
            search.space, values, scores, search.objective, OBJECTIVES[search.objective]
        ),
        "importance_bars": plots.importance_bars(strengths) if strengths else None,
        "trials": len(completed),
        "best_curves": plots.trial_curves(curves, curve_of),
        "curves_shown": len(curves),
    }


def _best_rows(search: Search, completed: list[TrialRow]) -> list[list[str]]:
    """The best trial and, except in Hyperband, the first, which has the values of the preset."""
    rows = []
    best = best_trial(completed, search.objective)
    if best is not None:
        rows.append(["best", best.name, number(best.score, digits=4)])
    for row in completed:
        if int(row.name) == 0 and search.method != "hyperband":
            rows.append([f"values of preset {search.config.preset}", row.name, number(row.score, digits=4)])
    return rows


def _curve(row: TrialRow, name: str) -> tuple[list[float], list[float]]:
    """Epochs of a trial and the values of one column of its history.csv."""
    history = read_table(row.folder / "run" / "history.csv").rows
    return [float(line["epoch"]) for line in history], [float(line[name]) for line in history]


def _trial_row(search: Search, row: TrialRow) -> list[str]:
    """Name, score, value of each parameter, seconds, and status with the reason of a failure."""
    values = [_value(row.values.get(name)) for name in search.space]
    status = row.status.lower() + (f": {row.message}" if row.message else "")
    return [row.name, number(row.score, digits=4), *values, number(row.seconds, digits=0), status]


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
