"""Calibration and evaluation of a run, and the files that they write."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kgp.architectures import architecture_title
from kgp.data.cohort import Cohort, SliceRow
from kgp.data.parts import part_of_run
from kgp.errors import UsageError
from kgp.evaluation.judge import judge, prediction_rows
from kgp.evaluation.known_slices import predict_known
from kgp.files import read_table, write_json, write_table
from kgp.heatmap.calibrate import OffsetSearch, calibration
from kgp.heatmap.reading import PAPER
from kgp.report.chosen_slices import choose_slices, draw_judged
from kgp.report.facts import part_facts, run_facts
from kgp.report.html import ShownSlice, write_report
from kgp.run_folder import read_run, refresh_manifest
from kgp.runtime import Runtime, load_runtime

_log = logging.getLogger(__name__)


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
    reading_name: str = "",
    history: Sequence[dict[str, float]] = (),
) -> dict[str, Any]:
    """Judges slices by all readings and writes metrics.json, predictions.csv and report.html.

    Args:
        rows, targets: the slices of the cohort and their class indices.
        out: an existing folder.
        title: heading of the report.
        facts: what the report says of network and slices.
        channels: see `kgp.evaluation.known_slices.predict_known`.
        reading_name: the reading of the pictures and of the headline; default the network's.

    Returns:
        The content of metrics.json.

    Raises:
        UsageError: there is no such reading.
    """
    network = runtime.description
    name = reading_name or network.default_reading
    if name not in network.readings:
        raise UsageError(f"--reading must be one of {', '.join(network.readings)}, not {name!r}.")
    _log.info("Judging %d slices.", len(rows))
    judgement = judge(runtime, cohort, rows, targets, network.readings, name, channels)
    metrics = {"facts": facts, **judgement.metrics}
    write_json(out / "metrics.json", metrics)
    write_table(prediction_rows(judgement.slices, network.class_names), out / "predictions.csv")
    shown = [
        ShownSlice(rule, draw_judged(runtime, cohort, judged, channels, name))
        for rule, judged in choose_slices(judgement.slices, name)
    ]
    dices = {}
    if metrics["segmentation"] is not None:
        tumour_slices = [judged for judged in judgement.slices if judged.has_tumour]
        dices = {
            key: [judged.segmentations[key].delivered.dice for judged in tumour_slices] for key in network.readings
        }
    write_report(out / "report.html", title, facts, metrics, history, dices, shown)
    return metrics


def _history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    return [{name: float(value) for name, value in row.items()} for row in read_table(path).rows]
