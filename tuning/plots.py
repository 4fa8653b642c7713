"""Figures of the tuning report as SVG text."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from kgp.report.plots import drawing_style, svg
from tuning.space import Choice, Range, Space


@drawing_style
def parallel_coordinates(
    space: Space, values: Sequence[dict[str, Any]], scores: Sequence[float], objective: str, direction: str = "max"
) -> str:
    """One line a trial across all parameters, coloured by its score, the best ones on top.

    Args:
        space: the parameters.
        values: of each trial; a parameter that a trial did not have leaves a gap.
        scores: of each trial.
        objective: name of the score, for the last axis.
        direction: "max" where the highest score is the best, else "min".
    """
    names = [*space]
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    axes = figure.subplots()
    colours = matplotlib.colormaps["viridis"]
    score_heights = _shares(np.asarray(scores, float))
    quality = score_heights if direction == "max" else 1.0 - score_heights
    for trial in np.argsort(quality):
        heights = [_height(space[name], values[trial].get(name)) for name in names] + [score_heights[trial]]
        axes.plot(range(len(heights)), heights, color=colours(quality[trial]), marker="o", markersize=3, linewidth=1.2)
    axes.set_xticks(range(len(names) + 1), [*names, objective], rotation=20, ha="right")
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_ylim(-0.12, 1.12)
    ends = [_ends(space[name]) for name in names] + [(f"{min(scores):.3f}", f"{max(scores):.3f}")]
    for position, (low, high) in enumerate(ends):
        axes.axvline(position, color="0.85", linewidth=0.8, zorder=0)
        axes.text(position, -0.04, low, ha="center", va="top", fontsize=7)
        axes.text(position, 1.04, high, ha="center", va="bottom", fontsize=7)
    return svg(figure)


@drawing_style
def importance_bars(strengths: Mapping[str, float]) -> str:
    """A bar for each parameter, the strongest on top; `strengths` as `tuning.report.importance` gives them."""
    figure = Figure(figsize=(5.2, 0.7 + 0.32 * len(strengths)), layout="constrained")
    axes = figure.subplots()
    names = sorted(strengths, key=strengths.__getitem__)
    axes.barh(names, [strengths[name] for name in names], color="#4878a8")
    axes.set(xlim=(0, 1), xlabel="strength of the relation to the score, 0 to 1")
    return svg(figure)


@drawing_style
def trial_curves(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], label: str) -> str:
    """A validation figure over the epochs, one line a trial.

    Args:
        curves: epochs and values of each trial, by its name.
        label: name of the figure.
    """
    figure = Figure(figsize=(6.4, 3.0), layout="constrained")
    axes = figure.subplots()
    for name, (epochs, values) in curves.items():
        axes.plot(epochs, values, label=name, marker="o" if len(epochs) == 1 else None)
    axes.set(xlabel="epoch", ylabel=label)
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def _shares(values: np.ndarray) -> np.ndarray:
    """Scores as heights between the lowest, 0, and the highest, 1; all 0.5 where they are equal."""
    span = np.ptp(values)
    return (values - values.min()) / span if span else np.full(len(values), 0.5)


def _height(parameter: Range | Choice, value: Any) -> float:
    """Where a value lies between the ends of its axis, 0 to 1; NaN for no value."""
    if value is None:
        return float("nan")
    if isinstance(parameter, Range):
        low, high, at = [parameter.low, parameter.high, value]
        if parameter.log:
            low, high, at = np.log([low, high, at]).tolist()
        return (at - low) / (high - low)
    heights = {str(choice): index for index, choice in enumerate(parameter.values)}
    return heights.get(str(value), 0) / max(1, len(parameter.values) - 1)


def _ends(parameter: Range | Choice) -> tuple[str, str]:
    """What stands below and above an axis."""
    if isinstance(parameter, Range):
        return f"{parameter.low:g}", f"{parameter.high:g}"
    return str(parameter.values[0]), str(parameter.values[-1])
