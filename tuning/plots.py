"""Figures of the tuning report as SVG text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot

from kgp.report.plots import svg
from tuning.space import Range, Space


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
    figure, axes = pyplot.subplots(figsize=(8.6, 3.6), layout="constrained")
    colours = pyplot.get_cmap("viridis")
    heights = _shares(np.asarray(scores, float))
    shade = heights if direction == "max" else 1.0 - heights
    for index in np.argsort(shade):
        points = [_height_on_axis(space[name], values[index].get(name)) for name in names] + [heights[index]]
        axes.plot(range(len(points)), points, color=colours(shade[index]), marker="o", markersize=3, linewidth=1.2)
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


def importance_bars(names: Sequence[str], shares: Sequence[float]) -> str:
    """How much of the score's order each parameter explains, as bars."""
    figure, axes = pyplot.subplots(figsize=(5.2, 0.7 + 0.32 * len(names)), layout="constrained")
    order = np.argsort(shares)
    axes.barh([names[i] for i in order], [shares[i] for i in order], color="#4878a8")
    axes.set(xlim=(0, 1), xlabel="strength of the relation to the score, 0 to 1")
    return svg(figure)


def trial_curves(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], label: str) -> str:
    """A validation figure over the epochs, one line a trial; `curves` holds epochs and values by
    name.
    """
    figure, axes = pyplot.subplots(figsize=(6.4, 3.0), layout="constrained")
    for name, (epochs, values) in curves.items():
        axes.plot(epochs, values, label=name, marker="o" if len(epochs) == 1 else None)
    axes.set(xlabel="epoch", ylabel=label)
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def _shares(values: np.ndarray) -> np.ndarray:
    span = np.ptp(values)
    return (values - values.min()) / span if span else np.full(len(values), 0.5)


def _height_on_axis(kind: Any, value: Any) -> float:
    """Where a value lies between the ends of its axis, 0 to 1; NaN for no value."""
    if value is None:
        return float("nan")
    if isinstance(kind, Range):
        low, high, at = (
            np.log([kind.low, kind.high, value]) if kind.log else np.array([kind.low, kind.high, value])
        ).tolist()
        return (at - low) / (high - low)
    positions = {str(item): index for index, item in enumerate(kind.values)}
    return positions.get(str(value), 0) / max(1, len(kind.values) - 1)


def _ends(kind: Any) -> tuple[str, str]:
    if isinstance(kind, Range):
        return f"{kind.low:g}", f"{kind.high:g}"
    return str(kind.values[0]), str(kind.values[-1])
