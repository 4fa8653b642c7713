"""The main figures of an evaluation in words, for the screen."""

from typing import Any

from kgp.report.numbers import interval, number


def headline(metrics: dict[str, Any]) -> str:
    """The main figures of metrics.json, a line each."""
    classification = metrics["classification"]
    lines = [
        f"{classification['slices']} slices of {classification['patients']} patients: "
        f"accuracy {classification['accuracy']:.3f}, macro-F1 {classification['macro_f1']:.3f}"
        f"{_detection(classification)}."
    ]
    patients = metrics.get("patient_level")
    if patients and patients["accuracy"] is not None:
        lines.append(
            f"{patients['patients']} patients, each as one: accuracy {patients['accuracy']:.3f}, "
            f"macro-F1 {patients['macro_f1']:.3f}."
        )
    for name, reading in (metrics["segmentation"] or {}).items():
        delivered = reading["as_delivered"]["all"]
        if delivered["dice"]["median"] is not None:
            lines.append(
                f"Median Dice, reading {name}: {delivered['dice']['median']:.3f}{_interval(delivered['dice'])}."
            )
            if name == metrics["default_reading"] and "slices" in delivered["hd95"]:
                lines.append(_distance(name, delivered, reading["distance_unit"]))
    baseline = metrics.get("intensity_baseline")
    if baseline:
        lines.append(f"For comparison, {baseline['what']}: median Dice {baseline['median_dice']:.3f}.")
    lines += [metrics[name] for name in ("grid", "why_no_intervals") if metrics.get(name)]
    return "\n".join(lines)


def score_intervals(metrics: dict[str, Any]) -> str:
    """The intervals of accuracy and F1 in a line; empty where there are too few patients."""
    titles = {"accuracy": "accuracy", "macro_f1": "macro-F1", "detection_f1": "F1 of tumour against none"}
    ends = metrics["classification"]["intervals"]
    words = [f"{title} {interval(ends[name])}" for name, title in titles.items() if interval(ends.get(name))]
    return f"95 % intervals over patients: {', '.join(words)}." if words else ""


def _distance(name: str, delivered: dict[str, Any], unit: str) -> str:
    """HD95 with the number of slices it is of, and with misses."""
    distance, with_misses = delivered["hd95"], delivered["hd95_with_misses"]
    return (
        f"Median HD95, reading {name}: {number(distance['median'], 1)} {unit} on the {distance['slices']} of "
        f"{delivered['slices']} tumour slices that have a mask; {number(with_misses['median'], 1)} {unit} with "
        f"{with_misses['missed']} missed and {with_misses['spurious']} spurious masks counted."
    )


def _detection(classification: dict[str, Any]) -> str:
    f1 = classification["detection_f1"]
    return "" if f1 is None else f", F1 of tumour against none {f1:.3f}"


def _interval(values: dict[str, Any]) -> str:
    words = interval((values["low"], values["high"]))
    return f" (95 % interval over patients {words})" if words else ""
