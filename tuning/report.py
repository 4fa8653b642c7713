"""tuning_report.html: the results of a search on one page."""

import logging
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from keras_tuner.engine.trial import TrialStatus
from scipy import stats

from kgp.config import PAPER_NAMES
from kgp.files import read_json, read_table
from kgp.report.html import figure, table, write_page
from tuning import plots
from tuning.choices import OBJECTIVES, WITH_MASKS
from tuning.search import SEARCH, Search, TrialRow, best_trial, trial_rows
from tuning.space import Range, Space

_log = logging.getLogger(__name__)
_FEWEST = 5  # trials, for a relation between a parameter and the score to mean anything
_CURVES = 5


def write_report(search: Search) -> Path:
    """Writes tuning_report.html into the search's folder and returns its path."""
    rows = trial_rows(search.folder)
    done = _by_score([row for row in rows if row.status == TrialStatus.COMPLETED], search.objective)
    path = search.folder / "tuning_report.html"
    parts = [_facts(search, rows)]
    if done:
        parts += [_best(search, done), _coordinates(search, done), _importance(search, done), _curves(search, done)]
    else:
        parts.append("<p>No trial is complete.</p>")
    parts.append(_trials(search, rows))
    write_page(path, f"Search of {', '.join(search.space)}", parts)
    return path


def importance(space: Space, values: list[dict[str, Any]], scores: list[float]) -> dict[str, float]:
    """How strongly each parameter is related to the score, 0 to 1.

    For a range the absolute rank correlation (Spearman) over the trials that have the parameter;
    for a choice the correlation ratio (the root of the share of the variance of the scores' ranks
    that lies between the choices). Parameters with fewer than 5 trials, or without any difference,
    are left out. With few trials these are hints, not tests.
    """
    strengths = {}
    for name, kind in space.items():
        pairs = [(value[name], score) for value, score in zip(values, scores, strict=True) if name in value]
        given = [str(value) for value, _ in pairs]
        ranks = stats.rankdata([score for _, score in pairs]) if pairs else np.array([])
        if len(pairs) < _FEWEST or len(set(given)) < 2 or np.ptp(ranks) == 0:
            continue
        if isinstance(kind, Range):
            strengths[name] = abs(float(stats.spearmanr([float(value) for value, _ in pairs], ranks).statistic))
        else:
            groups = [ranks[[other == value for other in given]] for value in set(given)]
            between = sum(len(group) * (group.mean() - ranks.mean()) ** 2 for group in groups)
            strengths[name] = float(np.sqrt(between / np.sum((ranks - ranks.mean()) ** 2)))
    return strengths


def _by_score(rows: list[TrialRow], objective: str) -> list[TrialRow]:
    """Best first."""
    return sorted(rows, key=lambda row: row.score or 0.0, reverse=OBJECTIVES[objective] == "max")


def _facts(search: Search, rows: list[TrialRow]) -> str:
    known = read_json(search.folder / SEARCH)
    failed = sum(row.status == TrialStatus.FAILED for row in rows)
    facts = {
        "data": known["data"],
        "network": PAPER_NAMES[search.config.network.arch],
        "preset": search.config.preset,
        "slices": f"{search.config.data.size} x {search.config.data.size}"
        if search.config.data.size
        else "as prepared",
        "method": search.method,
        "objective": f"{search.objective} ({OBJECTIVES[search.objective]})",
        "most epochs of a trial": str(search.config.optimiser.epochs),
        "trials": f"{len(rows)}, {failed} failed",
        "hours of training": f"{sum(row.seconds or 0 for row in rows) / 3600:.2f}",
        "seed": str(search.config.optimiser.seed),
        "versions": f"kgp {known['version']}",
    }
    masks = (
        "Masks of the validation part were used to choose." if search.objective == WITH_MASKS else "No mask was used."
    )
    note = (
        f'<p class="note">{masks} The test part was not looked at; kgp tune --best judges the chosen trial on it.</p>'
    )
    return table([], [[name, value] for name, value in facts.items()], "facts") + note


def _best(search: Search, done: list[TrialRow]) -> str:
    best = best_trial(done, search.objective)
    first = next((row for row in done if int(row.name) == 0 and search.method != "hyperband"), None)
    rows = [["best", best.name, f"{best.score:.4f}"]] if best else []
    if first is not None:
        rows.append([f"values of preset {search.config.preset}", first.name, f"{first.score:.4f}"])
    return "<h2>Best</h2>" + table(["", "trial", search.objective], rows)


def _coordinates(search: Search, done: list[TrialRow]) -> str:
    drawing = plots.parallel_coordinates(
        search.space,
        [row.values for row in done],
        [row.score or 0.0 for row in done],
        search.objective,
        OBJECTIVES[search.objective],
    )
    return "<h2>Trials</h2>" + figure(drawing, "One line a trial; yellow is the best.")


def _importance(search: Search, done: list[TrialRow]) -> str:
    strengths = importance(search.space, [row.values for row in done], [row.score or 0.0 for row in done])
    if not strengths:
        return "<h2>Importance</h2><p>Too few trials to tell.</p>"
    text = (
        "Ranges: absolute rank correlation with the score. Choices: correlation ratio of the ranks. "
        f"{len(done)} trials: a hint, not a test."
    )
    return "<h2>Importance</h2>" + figure(plots.importance_bars([*strengths], [*strengths.values()]), text)


def _curves(search: Search, done: list[TrialRow]) -> str:
    name = search.objective if search.objective != WITH_MASKS else "val_macro_f1"
    curves = {}
    for row in done[:_CURVES]:
        history = read_table(row.folder / "run" / "history.csv").rows
        curves[f"trial {row.name}"] = ([float(h["epoch"]) for h in history], [float(h[name]) for h in history])
    return "<h2>Best curves</h2>" + figure(plots.trial_curves(curves, name), f"The {len(curves)} best trials.")


def _trials(search: Search, rows: list[TrialRow]) -> str:
    cells = [
        [
            row.name,
            "–" if row.score is None else f"{row.score:.4f}",
            *(_value(row.values.get(name)) for name in search.space),
            "–" if row.seconds is None else f"{row.seconds:.0f}",
            row.status.lower() + (f": {row.message}" if row.message else ""),
        ]
        for row in rows
    ]
    return f"<h2>All trials</h2>{table(['trial', escape(search.objective), *search.space, 'seconds', 'status'], cells)}"


def _value(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
