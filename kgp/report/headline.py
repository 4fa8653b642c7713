"""The main figures of an evaluation in words, for the screen."""

from typing import Any

from kgp.report.numbers import interval


def headline(metrics: dict[str, Any]) -> str:
    """The main figures of metrics.json, a line each."""
    classification = metrics["classification"]
    lines = [
        f"{classification['slices']} slices of {classification['patients']} patients: "
        f"accuracy {classification['accuracy']:.3f}, macro-F1 {classification['macro_f1']:.3f}"
        f"{_detection(classification)}."
    ]
    for name, reading in (metrics["segmentation"] or {}).items():
        dice = reading["as_delivered"]["all"]["dice"]
        if dice["median"] is not None:
            lines.append(f"Median Dice, reading {name}: {dice['median']:.3f}{_interval(dice)}.")
    baseline = metrics.get("intensity_baseline")
    if baseline:
        lines.append(f"For comparison, {baseline['what']}: median Dice {baseline['median_dice']:.3f}.")
    return "\n".join(lines)


def _detection(classification: dict[str, Any]) -> str:
    f1 = classification["detection_f1"]
    return "" if f1 is None else f", F1 of tumour against none {f1:.3f}"


def _interval(values: dict[str, Any]) -> str:
    words = interval((values["low"], values["high"]))
    return f" (95 % interval over patients {words})" if words else ""
