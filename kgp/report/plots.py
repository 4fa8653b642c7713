"""Figures of the report as SVG text, drawn by matplotlib."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

# Decorates a function that draws: the settings hold while it runs; the caller's own stay as they
# are.
drawing_style = matplotlib.rc_context(
    {
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "kgp",
        "font.family": "sans-serif",
        "text.parse_math": False,  # class names are the data's; one with two $ in it is no formula
    }
)


@drawing_style
def classification_curves(metrics: dict[str, Any]) -> str:
    """ROC and precision-recall curves of each class, with areas.

    Where there is a "no tumour" class, any tumour against none is one more curve.

    Args:
        metrics: the classification of metrics.json.
    """
    figure = Figure(figsize=(8.2, 3.6), layout="constrained")
    roc, precision_recall = figure.subplots(1, 2)
    curves = dict(metrics["curves"])
    scores = dict(metrics["classes"])
    if metrics["detection"] is not None:
        curves["any tumour"], scores["any tumour"] = metrics["detection"]["curves"], metrics["detection"]
    for name, curve in curves.items():
        if curve["roc"] is not None:
            roc.plot(
                curve["roc"]["false_positive_rate"],
                curve["roc"]["true_positive_rate"],
                label=f"{name} ({scores[name]['roc_auc']:.3f})",
            )
        if curve["precision_recall"] is not None:
            precision_recall.plot(
                curve["precision_recall"]["recall"],
                curve["precision_recall"]["precision"],
                label=f"{name} ({scores[name]['average_precision']:.3f})",
            )
    roc.plot([0, 1], [0, 1], color="0.8", linewidth=0.8, zorder=0)
    roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC (area)")
    precision_recall.set(
        xlabel="recall", ylabel="precision", title="Precision-recall (average precision)", ylim=(0, 1.02)
    )
    for axes in (roc, precision_recall):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    return svg(figure)


@drawing_style
def confusion_matrix(matrix: Sequence[Sequence[int]], class_names: Sequence[str]) -> str:
    """Counts of slices; rows are the true classes, columns the predicted ones."""
    counts = np.asarray(matrix)
    side = 1.8 + 0.7 * len(class_names)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            color="white" if shares[row, column] > 0.55 else "black",
        )
    axes.set_xticks(range(len(class_names)), class_names, rotation=30, ha="right")
    axes.set_yticks(range(len(class_names)), class_names)
    axes.set(xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    return svg(figure)


@drawing_style
def reliability_diagram(bins: Sequence[dict[str, Any]]) -> str:
    """Share of right answers against confidence; dots grow with the number of slices in a bin."""
    figure = Figure(figsize=(3.6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.8", linewidth=0.8, zorder=0)
    confidence, accuracy, slices = (
        np.array([row[key] for row in bins]) for key in ("confidence", "accuracy", "slices")
    )
    axes.plot(confidence, accuracy, linewidth=1)
    axes.scatter(confidence, accuracy, s=10 + 70 * slices / slices.max())
    axes.set(xlabel="confidence", ylabel="share of right answers", xlim=(0, 1.02), ylim=(0, 1.02))
    return svg(figure)


@drawing_style
def training_curves(history: Sequence[dict[str, float]]) -> str:
    """Loss and validation figures over the epochs."""
    figure = Figure(figsize=(8.2, 2.8), layout="constrained")
    loss, score = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in history]
    marker = "o" if len(epochs) == 1 else None
    loss.plot(epochs, [row["loss"] for row in history], label="training", marker=marker)
    loss.plot(epochs, [row["val_loss"] for row in history], label="validation", marker=marker)
    for name, label in (("val_accuracy", "accuracy"), ("val_macro_f1", "macro-F1")):
        score.plot(epochs, [row[name] for row in history], label=label, marker=marker)
    loss.set(xlabel="epoch", title="Loss (training with all its terms)")
    score.set(xlabel="epoch", title="Validation", ylim=(0, 1.02))
    for axes in (loss, score):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, fontsize=8)
    return svg(figure)


@drawing_style
def dice_distribution(values: Mapping[str, Sequence[float]]) -> str:
    """Dice of every tumour slice, sorted, one line a reading."""
    figure = Figure(figsize=(5.2, 2.8), layout="constrained")
    axes = figure.subplots()
    for name, dices in values.items():
        marker = "o" if len(dices) == 1 else None  # a line of one point is invisible
        axes.plot(np.linspace(0, 100, len(dices)), np.sort(dices), label=name, marker=marker)
    axes.set(xlabel="tumour slices, % (worst to best)", ylabel="Dice", xlim=(-2, 102), ylim=(0, 1.02))
    axes.axvline(50, color="0.8", linewidth=0.8, zorder=0)
    axes.legend(frameon=False, fontsize=8)
    return svg(figure)


def svg(figure: Figure) -> str:
    """The figure as an <svg> element."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    content = text.getvalue()
    return content[content.index("<svg") :]
