"""The main figures of an evaluation in words, for the screen."""

from collections.abc import Sequence
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
    if "intervals" in classification and score_intervals(metrics):
        lines.append(score_intervals(metrics))
    lines += _rivals(metrics)
    patients = metrics.get("patient_level")
    # Patients of one class alone are right whatever the network calls them.
    if patients and sum(map(any, patients["confusion_matrix"])) > 1:
        lines.append(
            f"{patients['patients']} patients, each as one: "
            f"accuracy {patients['accuracy']:.3f}{_ends(patients['intervals']['accuracy'])}, "
            f"macro-F1 {patients['macro_f1']:.3f}{_ends(patients['intervals']['macro_f1'])}."
        )
    for name, reading in (metrics["segmentation"] or {}).items():
        delivered = reading["as_delivered"]["all"]
        if delivered["dice"]["median"] is not None:
            lines.append(
                f"Median Dice, reading {name}: {delivered['dice']['median']:.3f}{_interval(delivered['dice'])}."
            )
            if name == metrics["default_reading"] and "slices" in delivered["hd95"]:
                lines.append(_distance(name, delivered, reading["distance_unit"]))
                lines += _volumes(name, reading.get("volumes"))
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


def _rivals(metrics: dict[str, Any]) -> list[str]:
    """The macro-F1 of the trivial rivals beside the network's; nothing of an earlier version."""
    rivals = metrics.get("rivals")
    if not rivals or rivals["why_none"]:
        return [rivals["why_none"]] if rivals else []
    words = [f"{rival['what']} {rival['macro_f1']:.3f}" for rival in rivals["figures"].values()]
    network = f"the network's {metrics['classification']['macro_f1']:.3f}"
    return [f"Trivial rivals reach, beside {network}, a macro-F1 of: {', '.join(words)}."]


def _distance(name: str, delivered: dict[str, Any], unit: str) -> str:
    """HD95 with the number of slices it is of, and with misses."""
    distance, with_misses = delivered["hd95"], delivered["hd95_with_misses"]
    return (
        f"Median HD95, reading {name}: {_distance_words(distance, unit)} on the {distance['slices']} of "
        f"{delivered['slices']} tumour slices that have a mask; {_distance_words(with_misses, unit)} with "
        f"{with_misses['missed']} missed and {with_misses['spurious']} spurious masks counted."
    )


def _volumes(name: str, volumes: dict[str, Any] | None) -> list[str]:
    """Dice and HD95 of whole volumes; nothing where slices form none or no volume has a tumour."""
    if not volumes or not volumes["tumour_volumes"]:
        return []
    dice, distance = volumes["dice"], volumes["hd95"]
    words = f"median Dice {number(dice['median'])}{_ends((dice['low'], dice['high']))}"
    if distance is not None:
        words += f", median HD95 {_distance_words(distance, 'mm')} on the {distance['volumes']} that have a mask"
    return [f"{volumes['tumour_volumes']} volume(s) with a tumour, reading {name}: {words}."]


def _distance_words(values: dict[str, Any], unit: str) -> str:
    return f"{number(values['median'], 1)} {unit}{_ends((values['low'], values['high']), digits=1)}"


def _ends(ends: Sequence[float | None] | None, digits: int = 3) -> str:
    words = interval(ends, digits)
    return f" ({words})" if words else ""


def _detection(classification: dict[str, Any]) -> str:
    f1 = classification["detection_f1"]
    return "" if f1 is None else f", F1 of tumour against none {f1:.3f}"


def _interval(values: dict[str, Any]) -> str:
    words = interval((values["low"], values["high"]))
    return f" (95 % interval over patients {words})" if words else ""
