"""report.html: one self-contained page with tables, curves and pictures; no script, nothing loaded from elsewhere."""

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from kgp.files import write_text
from kgp.heatmap.reading import BEST
from kgp.report import plots
from kgp.report.overlay import encode_png

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; color: #1d2733;
  max-width: 960px; margin: 2rem auto; padding: 0 1rem; background: #fff; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem;
  border-bottom: 1px solid #dde3ea; padding-bottom: .2rem; } h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
.notice { background: #fff4e0; border-left: 4px solid #e09b20; padding: .5rem .8rem; margin: .8rem 0; }
table { border-collapse: collapse; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem .25rem 0; text-align: right; vertical-align: top; border-bottom: 1px solid #eef1f5; }
th:first-child, td:first-child, .facts td { text-align: left; } th { font-weight: 600; color: #4a5766; }
figure { margin: .8rem 0; } figcaption { color: #4a5766; font-size: .9rem; } img, svg { max-width: 100%; height: auto; }
.pair { display: flex; flex-wrap: wrap; gap: 0 2rem; align-items: flex-end; }
.note { color: #4a5766; font-size: .9rem; } .numbers { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; }
.numbers div { background: #f4f7fa; border-radius: 6px; padding: .6rem 1rem; min-width: 8rem; }
.numbers b { display: block; font-size: 1.4rem; } .numbers small { color: #4a5766; }
@media print { body { margin: 0; } figure, table { break-inside: avoid; } }
"""


@dataclasses.dataclass(frozen=True)
class ShownCase:
    """One picture in the report: why it was chosen, and the picture RGB uint8."""

    rule: str
    picture: np.ndarray


def write_report(
    path: Path,
    title: str,
    facts: dict[str, str],
    metrics: dict[str, Any],
    history: Sequence[dict[str, float]],
    dices: Mapping[str, Sequence[float]],
    cases: Sequence[ShownCase],
) -> None:
    """Writes the page atomically.

    Args:
        path: the .html file.
        title: heading.
        facts: what was run on what: data set, part, preset, seed, versions.
        metrics: as in metrics.json (see `kgp.evaluation.judge`).
        history: rows of history.csv; empty for none.
        dices: Dice of every tumour slice for each reading; empty where there are no masks.
        cases: pictures, in the order shown.
    """
    parts = [
        _headline(metrics),
        _facts(facts),
        _classification(metrics),
        _segmentation(metrics, dices),
    ]
    if history:
        parts += ["<h2>Training</h2>", figure(plots.training_curves(history), "")]
    parts += _cases(cases, metrics["segmentation"] is not None)
    write_page(path, title, parts)


def write_page(path: Path, title: str, parts: Sequence[str]) -> None:
    """Writes pieces of HTML as one page with a heading and the notice of research use, atomically."""
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>"
        '<p class="notice"><b>Research use only.</b> Not a medical device; not for diagnosis or treatment.</p>'
        f"{''.join(parts)}</body></html>\n"
    )
    write_text(path, page)


def _headline(metrics: dict[str, Any]) -> str:
    classification = metrics["classification"]
    intervals = classification["intervals"]
    boxes = [
        ("accuracy", classification["accuracy"], intervals["accuracy"]),
        ("macro-F1", classification["macro_f1"], intervals["macro_f1"]),
    ]
    if classification["detection_f1"] is not None:
        boxes.append(("F1, tumour against none", classification["detection_f1"], intervals["detection_f1"]))
    if metrics["segmentation"] is not None:
        name = metrics["default_reading"]
        dice = metrics["segmentation"][name]["as_delivered"]["all"]["dice"]
        boxes.append((f"median Dice, reading {name}", dice["median"], [dice["low"], dice["high"]]))
    cells = "".join(
        f"<div><b>{number(value)}</b>{escape(name)}<br><small>{_interval(span)}</small></div>"
        for name, value, span in boxes
    )
    return f'<div class="numbers">{cells}</div>'


def _facts(facts: dict[str, str]) -> str:
    return table([], [[name, value] for name, value in facts.items()], "facts")


def _classification(metrics: dict[str, Any]) -> str:
    found = metrics["classification"]
    intervals = found["intervals"]
    rows = [
        [name, number(found[key]), _interval(intervals.get(key))]
        for name, key in (
            ("accuracy", "accuracy"),
            ("accuracy on tumour slices only", "tumour_only_accuracy"),
            ("macro precision", "macro_precision"),
            ("macro recall", "macro_recall"),
            ("macro-F1", "macro_f1"),
            ("F1, tumour against none", "detection_f1"),
            ("expected calibration error", "expected_calibration_error"),
            ("Brier score", "brier"),
        )
    ]
    classes = [
        [
            name,
            str(score["support"]),
            *(number(score[key]) for key in ("precision", "recall", "f1", "roc_auc", "average_precision")),
        ]
        for name, score in found["classes"].items()
    ]
    return "".join(
        [
            "<h2>Classification</h2>",
            f'<p class="note">{found["slices"]} slices of {found["patients"]} patients. Intervals: 95 %, bootstrap over '
            "patients.</p>",
            table(["", "value", "95 % interval"], rows),
            table(["class", "slices", "precision", "recall", "F1", "ROC area", "average precision"], classes),
            '<div class="pair">',
            figure(plots.confusion_matrix(found["confusion_matrix"], metrics["class_names"]), "Confusion matrix."),
            figure(plots.reliability_diagram(found["reliability"]), "Reliability: confidence against right answers."),
            "</div>",
            figure(plots.classification_curves(found), "Curves, one class against the rest."),
        ]
    )


def _segmentation(metrics: dict[str, Any], dices: Mapping[str, Sequence[float]]) -> str:
    if metrics["segmentation"] is None:
        return (
            "<h2>Segmentation</h2><p>The data have no masks, so no mask was judged. "
            "The heatmaps below show where the decision comes from.</p>"
        )
    rows, notes, oracle = [], [], []
    for name, found in metrics["segmentation"].items():
        for label, key in (("as delivered", "as_delivered"), ("whatever was predicted", "any_prediction")):
            every = found[key]["all"]
            rows.append([f"{name}, {label}", _median(every["dice"]), _median(every["iou"]), _median(every["hd95"], 1)])
        rows += [
            [f"{name}, as delivered: {group}", _median(one["dice"]), _median(one["iou"]), _median(one["hd95"], 1)]
            for group, one in found["as_delivered"]["classes"].items()
        ]
        notes.append(
            f"<li><b>{escape(name)}</b>: {escape(describe_reading(found['reading']))}. {_how_set(found)} "
            f"{_empties(found['empty'])}</li>"
        )
        if (
            found["oracle_offset"] is not None
            and found["oracle_offset"]["median_dice_of_slices_called_tumour"] is not None
        ):
            best = found["oracle_offset"]
            oracle.append([name, f"{best['offset']:.2f}", number(best["median_dice_of_slices_called_tumour"])])
    first = next(iter(metrics["segmentation"].values()))
    unit = first["distance_unit"]
    parts = [
        "<h2>Segmentation without masks in training</h2>",
        f'<p class="note">{first["tumour_slices"]} tumour slices. Medians with 95 % intervals by bootstrap over patients. '
        "As delivered, a slice called tumour-free has an empty mask and counts with Dice 0; its HD95 is undefined and left "
        "out.</p>",
        table(["reading", "Dice", "IoU", f"HD95 ({unit})"], rows),
        f"<ul>{''.join(notes)}</ul>",
        figure(plots.dice_distribution(dices), "Dice of every tumour slice, as delivered."),
    ]
    baseline = metrics.get("intensity_baseline")
    if baseline:
        parts.append(
            f"<p>For comparison, {escape(baseline['what'])}: median Dice {number(baseline['median_dice'])}"
            f"{_bracketed([baseline['low'], baseline['high']])}.</p>"
        )
    if oracle:
        parts += [
            "<h3>Oracle offset (not a result)</h3>",
            '<p class="note">The offset chosen on these very masks, over the slices called tumour: an upper bound '
            "that no honest use can reach.</p>",
            table(["reading", "offset", "median Dice"], oracle),
        ]
    return "".join(parts)


def describe_reading(reading: dict[str, Any]) -> str:
    """A reading in words."""
    words = [
        f"{reading['map']} map",
        f"{reading['views']} view(s)",
        f"threshold in the {reading['region']}",
        f"rule {reading['rule']}",
    ]
    if reading["value"] is not None:
        words.append(f"value {reading['value']:g}")
    if reading["rule"] in ("multiotsu", "otsu"):
        words.append(f"offset {reading['offset']:g}")
    if reading["clip_negative"]:
        words.append("negative values set to 0")
    return ", ".join(words)


def _how_set(found: dict[str, Any]) -> str:
    """Which masks a reading has looked at to be set."""
    if found["masks_used"]:
        return "Its offset was set on masks of validation patients."
    if found["reading"] | {"views": BEST.views} == BEST.to_dict():
        return (
            "It is the same for every run: its rule was chosen once, on validation masks of LGG (TCGA) slices and of the "
            "phantom, and no mask was used to fit it to this run."
        )
    return "No mask was used to set it."


def _empties(empty: dict[str, Any]) -> str:
    return (
        f"Empty masks on tumour slices: {empty['tumour_slices_without_mask']}; masks on tumour-free slices: "
        f"{empty['tumour_free_slices_with_mask']} of {empty['tumour_free_slices']}."
    )


def _cases(cases: Sequence[ShownCase], masks: bool) -> list[str]:
    if not cases:
        return []
    legend = (
        "Left the slice, middle the map that is cut (red for the class, blue against it) with its evidence points: "
        "circles where the logit comes from, larger for larger contributions, close ones as one; right the mask"
    )
    parts = [
        "<h2>Cases, chosen by rule</h2>",
        f'<p class="note">{legend}{" and the true outline" if masks else ""}.</p>',
    ]
    for case in cases:
        data = base64.b64encode(encode_png(case.picture)).decode()
        parts.append(
            f'<figure><img alt="{escape(case.rule)}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(case.rule)}</figcaption></figure>"
        )
    return parts


def table(head: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "figures") -> str:
    """Text cells as a table; `kind` is "figures" or "facts"."""
    top = f"<tr>{''.join(f'<th>{escape(cell)}</th>' for cell in head)}</tr>" if head else ""
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{kind}">{top}{body}</table>'


def figure(svg: str, caption: str) -> str:
    """A drawing with its caption."""
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many digits after the point, or a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def _interval(span: Sequence[float | None] | None, digits: int = 3) -> str:
    if span is None or span[0] is None or span[1] is None:
        return ""
    return f"{span[0]:.{digits}f} to {span[1]:.{digits}f}"


def _bracketed(span: Sequence[float | None], digits: int = 3) -> str:
    text = _interval(span, digits)
    return f" ({text})" if text else ""


def _median(values: dict[str, Any], digits: int = 3) -> str:
    """Median and interval; a single patient has no interval."""
    return number(values["median"], digits) + _bracketed([values["low"], values["high"]], digits)
