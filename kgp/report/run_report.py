"""Calibrating and judging a run: calibration.json, metrics.json, predictions.csv and report.html."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgp.config import PAPER_NAMES
from kgp.data.cohort import Cohort, SliceRow
from kgp.data.parts import part_of_run
from kgp.errors import UsageError
from kgp.evaluation.judge import judge, masks_of, predictions
from kgp.files import write_json, write_table
from kgp.heatmap.calibrate import Case, calibrations
from kgp.report.html import ShownCase, write_report
from kgp.report.overlay import Picture, draw_case, shown_contrast
from kgp.run_folder import Run, package_versions, read_run, refresh_manifest
from kgp.runtime import Runtime, load_runtime
from kgp.runtime.description import Description
from kgp.runtime.runtime import tumour_class

_log = logging.getLogger(__name__)
_POINTS = 12
_EACH = 3


def calibrate_run(folder: Path) -> None:
    """Writes calibration.json from the validation part of a run."""
    run, runtime = read_run(folder), load_runtime(folder)
    cohort, rows, _ = part_of_run(run, "validation")
    _log.info("Calibrating the readings on the %d slices of the validation part.", len(rows))
    cases = (
        Case(
            prediction.answers[1][1],
            int(prediction.answers[1][0].argmax()),
            prediction.image,
            prediction.mask,
            prediction.row.group,
        )
        for prediction in predictions(runtime, cohort, rows, range(cohort.shape[2]), {1})
    )
    write_json(run.folder / "calibration.json", calibrations(cases, run.no_tumour_class))
    refresh_manifest(run.folder)


def evaluate_run(folder: Path, part: str = "test") -> dict[str, Any]:
    """Judges a run on one part of its split and writes the results into the run folder.

    Returns:
        The content of metrics.json.
    """
    run = read_run(folder)
    cohort, rows, targets = part_of_run(run, part)
    facts = {**part_facts(run, part), **run_facts(run)}
    metrics = report_on(
        load_runtime(folder),
        cohort,
        rows,
        targets,
        run.folder,
        PAPER_NAMES[run.config.network.arch],
        facts,
        history=_history(run.folder / "history.csv"),
    )
    refresh_manifest(run.folder)
    return metrics


def report_on(
    runtime: Runtime,
    cohort: Cohort,
    rows: Sequence[SliceRow],
    targets: Sequence[int],
    out: Path,
    title: str,
    facts: dict[str, str],
    *,
    channels: Sequence[int] | None = None,
    reading: str = "",
    history: Sequence[dict[str, float]] = (),
) -> dict[str, Any]:
    """Judges slices with all readings and writes metrics.json, predictions.csv and report.html into `out`.

    Args:
        reading: name of the reading shown and used for the pictures; default the run's.

    Raises:
        UsageError: there is no such reading.
    """
    name = reading or runtime.default_reading
    if name not in runtime.readings:
        raise UsageError(f"--reading must be one of {', '.join(runtime.readings)}, not {name!r}.")
    _log.info("Judging %d slices.", len(rows))
    judgement = judge(runtime, cohort, rows, targets, runtime.readings, name, channels)
    metrics = {"facts": facts, **judgement.metrics}
    write_json(out / "metrics.json", metrics)
    write_table(judgement.table, out / "predictions.csv")
    chosen = choose_cases(judgement.table, f"dice_{name}")
    cases = [
        ShownCase(rule, _draw(runtime, cohort, rows[index], channels, name, judgement.table[index]))
        for rule, index in chosen
    ]
    dices = (
        {key: [line[f"dice_{key}"] for line in judgement.table if line.get("true_pixels")] for key in runtime.readings}
        if metrics["segmentation"] is not None
        else {}
    )
    write_report(out / "report.html", title, facts, metrics, history, dices, cases)
    return metrics


def choose_cases(table: Sequence[dict[str, Any]], column: str) -> list[tuple[str, int]]:
    """The cases shown in a report, as (rule, row number): by Dice where there is one, and the most confident errors.

    Args:
        table: as in `kgp.evaluation.judge.Judgement.table`.
        column: the column with the Dice coefficient.
    """
    chosen: list[tuple[str, int]] = []
    seen: set[int] = set()

    def add(rule: str, indices: Sequence[int]) -> None:
        for index in indices:
            if index not in seen:
                seen.add(index)
                chosen.append((rule, int(index)))

    tumour = sorted((i for i, line in enumerate(table) if line.get("true_pixels")), key=lambda i: table[i][column])
    confidence = [max(value for key, value in line.items() if key.startswith("p_")) for line in table]
    order = sorted(range(len(table)), key=lambda i: -confidence[i])
    if tumour:
        middle = (len(tumour) - 1) // 2
        add("highest Dice", tumour[::-1][:_EACH])
        add("median Dice", tumour[max(middle - 1, 0) : middle + 2])
        add("lowest Dice of the slices called tumour", [i for i in tumour if not _missed(table[i], column)][:_EACH])
    else:
        add("most confident right answer", [i for i in order if table[i]["true"] == table[i]["predicted"]][: 2 * _EACH])
    add("most confident wrong answer", [i for i in order if table[i]["true"] != table[i]["predicted"]][: 2 * _EACH])
    return chosen


def _missed(line: dict[str, Any], column: str) -> bool:
    """Whether "no tumour" was called. A slice called tumour may have an empty mask too, and is then its worst case."""
    return line.get(column.replace("dice_", "reason_")) == "no_tumour"


def _draw(
    runtime: Runtime, cohort: Cohort, row: SliceRow, channels: Sequence[int] | None, name: str, line: dict[str, Any]
) -> np.ndarray:
    """The picture of one slice, predicted anew."""
    reading = runtime.readings[name]
    channels = range(cohort.shape[2]) if channels is None else channels
    prediction = next(predictions(runtime, cohort, [row], channels, {reading.views}))
    delivered, tumour = masks_of(prediction, reading, runtime.no_tumour_class)
    likeliest = tumour_class(prediction.answers[reading.views][0], runtime.no_tumour_class)
    dice = f", Dice {line[f'dice_{name}']:.2f}" if line.get("true_pixels") else ""
    return draw_case(
        Picture(
            image=prediction.image,
            channel=shown_contrast(runtime.contrasts),
            map=tumour.map,
            mask=delivered.mask,
            truth=prediction.mask,
            points=runtime.evidence(prediction.image, likeliest).top(_POINTS),
            title=f"{row.id}: {line['true']}, called {line['predicted']} "
            f"({line['p_' + line['predicted']]:.2f}){dice}; map of {runtime.class_names[likeliest]}",
        )
    )


def part_facts(run: Run, part: str) -> dict[str, str]:
    """What a report says of the slices where they are a part of the run's own data."""
    return {"data": Path(run.data).name, "part": f"{part} (split by {_split_kind(run)})"}


def run_facts(run: Run) -> dict[str, str]:
    """What a report says of the run it is about."""
    manifest = run.manifest
    facts = {
        "preset": run.config.preset,
        "architecture": PAPER_NAMES[run.config.network.arch],
        "slices": f"{run.shape[0]} x {run.shape[1]}, contrasts {', '.join(run.contrasts)}",
        "seed": str(manifest["seed"]),
    }
    if "epochs_trained" in manifest:
        facts["training"] = f"{manifest['epochs_trained']} epochs, {manifest['training_seconds'] / 60:.1f} min"
    facts["versions"] = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    return facts


def export_facts(description: Description, place: str) -> dict[str, str]:
    """What a report says of an export or a served model that it is about."""
    return {
        "model": f"{place}, weights {description.weights_sha256[:12]}",
        "architecture": PAPER_NAMES.get(description.arch, description.arch),
        "slices": f"{description.shape[0]} x {description.shape[1]}, contrasts {', '.join(description.contrasts)}",
        "versions": ", ".join(f"{name} {version}" for name, version in package_versions().items()),
    }


def _split_kind(run: Run) -> str:
    return {"patient": "patient"}.get(run.config.data.split, "slice, which leaks between training and test")


def _history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as stream:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]
