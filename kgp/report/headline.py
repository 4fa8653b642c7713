"""Findings in words, for the screen."""

from typing import Any


def headline(metrics: dict[str, Any]) -> str:
    """The main figures of metrics.json, a line each."""
    found = metrics["classification"]
    lines = [
        f"{found['slices']} slices of {found['patients']} patients: accuracy {found['accuracy']:.3f}, "
        f"macro-F1 {found['macro_f1']:.3f}" + _detection(found) + "."
    ]
    for name, reading in (metrics["segmentation"] or {}).items():
        dice = reading["as_delivered"]["all"]["dice"]
        if dice["median"] is not None:
            lines.append(f"Median Dice, reading {name}: {dice['median']:.3f}{_span(dice)}.")
    baseline = metrics.get("intensity_baseline")
    if baseline:
        lines.append(f"For comparison, {baseline['what']}: median Dice {baseline['median_dice']:.3f}.")
    return "\n".join(lines)


def _detection(found: dict[str, Any]) -> str:
    return "" if found["detection_f1"] is None else f", F1 of tumour against none {found['detection_f1']:.3f}"


def _span(values: dict[str, Any]) -> str:
    if values["low"] is None:
        return ""
    return f" (95 % interval over patients {values['low']:.3f} to {values['high']:.3f})"
