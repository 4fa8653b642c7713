"""report.html: one self-contained page with tables, curves and pictures.

It has no script and loads nothing from elsewhere. This file says which rows and figures a report
has; the markup lies in `templates`.
"""

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from kgp.files import write_text
from kgp.heatmap.reading import HYSTERESIS, named_readings
from kgp.report import plots
from kgp.report.numbers import interval, number
from kgp.report.overlay import encode_png
from kgp.report.rivals_table import rivals_shown
from kgp.research_use import NOT_FOR_CARE, RESEARCH_USE

_SCORES = {  # key in metrics.json: words in the report
    "accuracy": "accuracy",
    "tumour_only_accuracy": "accuracy on tumour slices only",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro-F1",
    "detection_f1": "F1, tumour against none",
    "detection_roc_auc": "ROC area, tumour against none",
    "detection_average_precision": "average precision, tumour against none",
    "expected_calibration_error": "expected calibration error",
    "brier": "Brier score",
}
_CLASS_SCORES = ("precision", "recall", "f1", "roc_auc", "average_precision")


@dataclasses.dataclass(frozen=True)
class ShownSlice:
    """One picture in the report: why it was chosen, and the picture RGB uint8 [H, W, 3]."""

    rule: str
    picture: np.ndarray


def write_report(
    path: Path,
    title: str,
    facts: Mapping[str, str],
    metrics: dict[str, Any],
    history: Sequence[dict[str, float]],
    dices: Mapping[str, Sequence[float]],
    shown: Sequence[ShownSlice],
) -> None:
    """Writes the report of a run atomically.

    Args:
        path: the .html file.
        title: heading.
        facts: what was run on what: data set, part, preset, seed, versions.
        metrics: as in metrics.json (see `kgp.evaluation.judge`).
        history: rows of history.csv; empty for none.
        dices: Dice of every tumour slice for each reading; empty where there are no masks.
        shown: pictures of slices, in this order.
    """
    classification = metrics["classification"]
    write_page(
        path,
        "run_report.html.jinja",
        title=title,
        facts=facts,
        headline=_headline(metrics),
        slices=classification["slices"],
        patients=classification["patients"],
        score_rows=_score_rows(classification),
        class_rows=_class_rows(classification),
        why_no_intervals=metrics["why_no_intervals"],
        rivals=rivals_shown(metrics),
        patients_as_one=_patients_as_one(metrics),
        definitions=metrics["definitions"],
        confusion_matrix=plots.confusion_matrix(classification["confusion_matrix"], metrics["class_names"]),
        reliability_diagram=plots.reliability_diagram(classification["reliability"]),
        classification_curves=plots.classification_curves(classification),
        segmentation=_segmentation(metrics, dices) if metrics["segmentation"] is not None else None,
        training_curves=plots.training_curves(history) if history else None,
        slices_shown=[(chosen.rule, base64.b64encode(encode_png(chosen.picture)).decode()) for chosen in shown],
    )


def write_page(path: Path, template: str, package: str = "kgp.report", **values: Any) -> None:
    """Writes one page atomically.

    Args:
        path: the .html file.
        template: file in the folder `templates` of `package`; it may extend and import those of
            `kgp.report`.
        package: the package with the template.
        values: what the template names, `title` among them; text is escaped.

    Raises:
        jinja2.UndefinedError: the template names a value that is not given.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader("kgp.report")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    notice = {"research_use": RESEARCH_USE, "not_for_care": NOT_FOR_CARE}
    write_text(path, environment.get_template(template).render(**notice, **values))


def _headline(metrics: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The boxes on top as (name, value, interval)."""
    classification = metrics["classification"]
    boxes = [
        (_SCORES[key], number(classification[key]), interval(classification["intervals"][key]))
        for key in ("accuracy", "macro_f1", "detection_f1")
        if classification[key] is not None
    ]
    if metrics["segmentation"] is not None:
        name = metrics["default_reading"]
        dice = metrics["segmentation"][name]["as_delivered"]["all"]["dice"]
        boxes.append((f"median Dice, reading {name}", number(dice["median"]), interval((dice["low"], dice["high"]))))
    return boxes


def _score_rows(classification: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Score, value, interval."""
    intervals, detection = classification["intervals"], classification["detection"] or {}
    values = {**classification, **{f"detection_{key}": detection.get(key) for key in ("roc_auc", "average_precision")}}
    return [(words, number(values[key]), interval(intervals.get(key))) for key, words in _SCORES.items()]


def _patients_as_one(metrics: dict[str, Any]) -> dict[str, Any] | None:
    """What the template shows of patients that are classified from their slices."""
    found = metrics["patient_level"]
    if found is None or found["accuracy"] is None:
        return None
    return {
        "patients": found["patients"],
        "left_out": found["patients_of_several_classes"],
        "one_class": sum(map(any, found["confusion_matrix"])) == 1,
        "rows": [
            (_SCORES[key], number(found[key]), interval(found["intervals"][key]))
            for key in ("accuracy", "macro_f1", "detection_f1")
        ],
        "confusion_matrix": plots.confusion_matrix(found["confusion_matrix"], metrics["class_names"]),
    }


def _class_rows(classification: dict[str, Any]) -> list[list[str]]:
    """Class, number of slices, and the scores of `_CLASS_SCORES`."""
    return [
        [name, str(scores["support"]), *(number(scores[key]) for key in _CLASS_SCORES)]
        for name, scores in classification["classes"].items()
    ]


def _segmentation(metrics: dict[str, Any], dices: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What the template shows of the masks."""
    readings = metrics["segmentation"]
    first = next(iter(readings.values()))
    baseline = metrics.get("intensity_baseline")
    return {
        "tumour_slices": first["tumour_slices"],
        "distance_unit": first["distance_unit"],
        "grid": metrics["grid"],
        "volumes": first["volumes"] and first["volumes"]["volumes"],
        "volume_rows": [_volume_row(name, judged["volumes"]) for name, judged in readings.items() if judged["volumes"]],
        "why_no_volume_hd95": first["volumes"] and first["volumes"].get("why_no_hd95"),
        "mask_rows": [row for name, judged in readings.items() for row in _mask_rows(name, judged)],
        "losses": [(name, _loss_words(judged)) for name, judged in readings.items()],
        "readings": [(name, _about_reading(judged)) for name, judged in readings.items()],
        "dice_distribution": plots.dice_distribution(dices),
        "baseline": _about_baseline(baseline) if baseline else None,
        "oracle_rows": _oracle_rows(readings),
    }


def _mask_rows(name: str, judged: dict[str, Any]) -> list[list[str]]:
    """Reading, Dice, IoU, HD95, slices it is of, HD95 with misses: over all slices, then class by
    class.
    """
    delivered = judged["as_delivered"]
    rows = [
        (f"{name}, as delivered", delivered["all"]),
        (f"{name}, whatever was predicted", judged["any_prediction"]["all"]),
        *((f"{name}, as delivered: {group}", scores) for group, scores in delivered["classes"].items()),
    ]
    return [
        [
            words,
            _median(scores["dice"]),
            _median(scores["iou"]),
            _median(scores["hd95"], digits=1),
            f"{scores['hd95']['slices']} of {scores['slices']}",
            _median(scores["hd95_with_misses"], digits=1),
        ]
        for words, scores in rows
    ]


def _loss_words(judged: dict[str, Any]) -> str:
    """Where the masks of a reading lose, in a sentence on masks as delivered and one on the map."""
    scores, thirds = judged["as_delivered"]["all"], judged["as_delivered"]["thirds"]
    by_size = ", ".join(f"{name} {_median(third['dice'])}" for name, third in thirds.items())
    return (
        f"mean Dice {number(scores['dice']['mean'])}; median by size of the tumour: {by_size}; share below 0.1: "
        f"{number(scores['dice_below_0.1'])}; without a mask: {number(judged['empty_share'])}. The map itself: average "
        f"precision in the head {_median(judged['average_precision_in_head'])}, peak in the tumour "
        f"{number(judged['peak']['hit_rate'])}."
    )


def _volume_row(name: str, volumes: dict[str, Any]) -> list[str]:
    """Reading, volumes with a tumour, Dice, HD95, volumes it is of, HD95 with misses."""
    row = [name, str(volumes["tumour_volumes"]), _median(volumes["dice"])]
    if volumes["hd95"] is None:
        return [*row, "–", "–", "–"]
    distance = _median(volumes["hd95"], digits=1)
    return [*row, distance, str(volumes["hd95"]["volumes"]), _median(volumes["hd95_with_misses"], digits=1)]


def _oracle_rows(readings: dict[str, Any]) -> list[list[str]]:
    """Reading, offset, median Dice; without the readings that have no offset."""
    rows = []
    for name, judged in readings.items():
        oracle = judged["oracle_offset"]
        if oracle is not None and oracle["median_dice_of_slices_called_tumour"] is not None:
            rows.append(
                [name, number(oracle["offset"], digits=2), number(oracle["median_dice_of_slices_called_tumour"])]
            )
    return rows


def _about_baseline(baseline: dict[str, Any]) -> str:
    return f"{baseline['what']}: median Dice {_median(baseline | {'median': baseline['median_dice']})}"


def _about_reading(judged: dict[str, Any]) -> str:
    """A reading in words, with the masks used to set it and how often its mask is empty."""
    empty = judged["empty"]
    return (
        f"{describe_reading(judged['reading'])}. {_masks_used(judged)} "
        f"Empty masks on tumour slices: {empty['tumour_slices_without_mask']}; masks on tumour-free slices: "
        f"{empty['tumour_free_slices_with_mask']} of {empty['tumour_free_slices']}."
    )


def describe_reading(reading: dict[str, Any]) -> str:
    """The settings of a reading in words."""
    words = [
        f"{reading['map']} map",
        f"{reading['views']} view(s)",
        f"threshold in the {reading['region']}",
        f"rule {reading['rule']}",
    ]
    if reading["value"] is not None:
        words.append(f"value {reading['value']:g}")
    if reading["rule"] in ("multiotsu", "otsu"):
        offset = reading["offset"]
        words.append("offset of each run" if offset is None else f"offset {offset:g}")
    if reading["clip_negative"]:
        words.append("negative values set to 0")
    if reading.get("refinements", 0):
        words.append(f"outline then moved {reading['refinements']} time(s) to where the image changes")
    return ", ".join(words)


def _masks_used(judged: dict[str, Any]) -> str:
    """Which masks were used to set a reading."""
    if judged["masks_used"]:
        return "Its offset was set on masks of validation patients."
    reading = {"refinements": 0} | judged["reading"] | {"views": 1}
    named = [*named_readings(False).values(), *named_readings(True).values()]
    if reading in [same.to_dict() for same in (HYSTERESIS, *named) if same.rule != "multiotsu"]:
        also = " and of the phantom" if reading["rule"] == "hysteresis" else ""
        return (
            f"It is the same for every run: its rule was chosen once, on validation masks of LGG (TCGA) slices{also}, "
            "and no mask was used to fit it to this run."
        )
    return "No mask was used to set it."


def _median(values: dict[str, Any], digits: int = 3) -> str:
    """Median and interval; a single patient has no interval."""
    words = interval((values["low"], values["high"]), digits)
    return number(values["median"], digits) + (f" ({words})" if words else "")
