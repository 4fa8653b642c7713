"""Calibrating and judging a run: calibration.json, metrics.json, predictions.csv and report.html."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgp.architectures import architecture_title
from kgp.data.cohort import Cohort, SliceRow, read_image, read_mask
from kgp.data.parts import part_of_run
from kgp.errors import UsageError
from kgp.evaluation.judge import JudgedSlice, judge, predict_known, prediction_rows
from kgp.evaluation.segmentation import Overlap
from kgp.files import read_table, write_json, write_table
from kgp.heatmap.calibrate import OffsetSearch, calibration
from kgp.heatmap.reading import PAPER
from kgp.prediction.slice import predict_slices
from kgp.report.html import ShownCase, write_report
from kgp.report.overlay import Picture, draw_case, shown_contrast
from kgp.run_folder import Run, package_versions, read_run, refresh_manifest
from kgp.runtime import Runtime, load_runtime
from kgp.runtime.description import Description

_log = logging.getLogger(__name__)
_POINTS = 12
_SHOWN = 3  # cases for each rule


def calibrate_run(folder: Path) -> None:
    """Writes calibration.json from the validation part of a run."""
    run, runtime = read_run(folder), load_runtime(folder)
    cohort, rows, _ = part_of_run(run, "validation")
    _log.info("Calibrating the readings on the %d slices of the validation part.", len(rows))
    search = OffsetSearch(PAPER, run.no_tumour_class)
    for known in predict_known(runtime, cohort, rows, {"paper": PAPER}):
        prediction = known.predictions["paper"]
        search.add(prediction.heatmap, prediction.predicted_class, prediction.image, known.truth, known.row.group)
    write_json(run.folder / "calibration.json", calibration(search))
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
        architecture_title(run.config.network.arch),
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
    network = runtime.description
    name = reading or network.default_reading
    if name not in network.readings:
        raise UsageError(f"--reading must be one of {', '.join(network.readings)}, not {name!r}.")
    _log.info("Judging %d slices.", len(rows))
    judgement = judge(runtime, cohort, rows, targets, network.readings, name, channels)
    metrics = {"facts": facts, **judgement.metrics}
    write_json(out / "metrics.json", metrics)
    write_table(prediction_rows(judgement.slices, network.class_names), out / "predictions.csv")
    cases = [
        ShownCase(rule, _draw(runtime, cohort, judged, channels, name))
        for rule, judged in choose_cases(judgement.slices, name)
    ]
    dices = (
        {
            key: [judged.segmentations[key].delivered.dice for judged in judgement.slices if _has_tumour(judged)]
            for key in network.readings
        }
        if metrics["segmentation"] is not None
        else {}
    )
    write_report(out / "report.html", title, facts, metrics, history, dices, cases)
    return metrics


def choose_cases(slices: Sequence[JudgedSlice], reading: str) -> list[tuple[str, JudgedSlice]]:
    """The cases shown in a report, each with the rule: by Dice where there is one, and the most confident errors.

    Args:
        slices: as judged.
        reading: name of the reading whose Dice counts.
    """
    chosen: list[tuple[str, JudgedSlice]] = []
    seen: set[str] = set()

    def add(rule: str, candidates: Sequence[JudgedSlice]) -> None:
        for judged in candidates:
            if judged.row.id not in seen:
                seen.add(judged.row.id)
                chosen.append((rule, judged))

    def delivered(judged: JudgedSlice) -> Overlap:
        return judged.segmentations[reading].delivered

    by_dice = sorted((judged for judged in slices if _has_tumour(judged)), key=lambda judged: delivered(judged).dice)
    by_confidence = sorted(slices, key=lambda judged: -round(float(judged.probabilities.max()), 6))
    right = [judged for judged in by_confidence if judged.predicted_class == judged.target]
    wrong = [judged for judged in by_confidence if judged.predicted_class != judged.target]
    if by_dice:
        middle = (len(by_dice) - 1) // 2
        add("highest Dice", by_dice[::-1][:_SHOWN])
        add("median Dice", by_dice[max(middle - 1, 0) : middle + 2])
        # A slice called tumour may have an empty mask too, and is then its worst case.
        called = [judged for judged in by_dice if delivered(judged).reason != "no_tumour"]
        add("lowest Dice of the slices called tumour", called[:_SHOWN])
    else:
        add("most confident right answer", right[: 2 * _SHOWN])
    add("most confident wrong answer", wrong[: 2 * _SHOWN])
    return chosen


def _has_tumour(judged: JudgedSlice) -> bool:
    """Whether the slice has a true mask that is not empty."""
    return any(record.true_pixels for record in judged.segmentations.values())


def _draw(
    runtime: Runtime, cohort: Cohort, judged: JudgedSlice, channels: Sequence[int] | None, name: str
) -> np.ndarray:
    """The picture of one slice, predicted anew."""
    network, row = runtime.description, judged.row
    image = read_image(cohort, row)[..., list(range(cohort.shape[2]) if channels is None else channels)]
    (prediction,) = predict_slices(runtime, image[None], network.readings[name], with_evidence=True)
    dice = f", Dice {judged.segmentations[name].delivered.dice:.2f}" if _has_tumour(judged) else ""
    return draw_case(
        Picture(
            image=image,
            channel=shown_contrast(network.contrasts),
            map=prediction.map,
            mask=prediction.mask,
            truth=read_mask(cohort, row),
            points=prediction.evidence(prediction.tumour_class).top(_POINTS),
            title=f"{row.id}: {network.class_names[judged.target]}, "
            f"called {network.class_names[judged.predicted_class]} "
            f"({judged.probabilities[judged.predicted_class]:.2f}){dice}; "
            f"map of {network.class_names[prediction.tumour_class]}",
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
        "architecture": architecture_title(run.config.network.arch),
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
        "architecture": architecture_title(description.arch),
        "slices": f"{description.shape[0]} x {description.shape[1]}, contrasts {', '.join(description.contrasts)}",
        "versions": ", ".join(f"{name} {version}" for name, version in package_versions().items()),
    }


def _split_kind(run: Run) -> str:
    return {"patient": "patient"}.get(run.config.data.split, "slice, which leaks between training and test")


def _history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    return [{name: float(value) for name, value in row.items()} for row in read_table(path).rows]
