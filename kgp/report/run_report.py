"""Calibration and evaluation of a run, and the files that they write."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgp.architectures import architecture_title
from kgp.data.cohort import Cohort, SliceRow
from kgp.data.parts import part_of_run
from kgp.errors import UsageError
from kgp.evaluation.judge import judge, offset_dices
from kgp.evaluation.judged_slice import JudgedSlice, prediction_rows
from kgp.evaluation.known_slices import predict_known
from kgp.evaluation.rivals import call_rivals_of_run, rival_metrics
from kgp.files import read_table, write_json, write_table
from kgp.heatmap.calibrate import OffsetSearch, calibration
from kgp.heatmap.reading import PAPER
from kgp.report.chosen_slices import choose_slices, draw_judged
from kgp.report.facts import part_facts, run_facts, run_page_facts
from kgp.report.html import ShownSlice, write_report
from kgp.run_folder import read_run, refresh_manifest
from kgp.runtime import Runtime, load_runtime

_log = logging.getLogger(__name__)


def calibrate_run(folder: Path) -> None:
    """Writes calibration.json from the validation part of a run."""
    run, runtime = read_run(folder), load_runtime(folder)
    cohort, rows, _ = part_of_run(run, "validation")
    _log.info("Calibrating the readings on the %d slices of the validation part.", len(rows))
    search = OffsetSearch(PAPER, None)
    for known in predict_known(runtime, cohort, rows, {"paper": PAPER}):
        offset_dices(search, known.predictions["paper"], known.truth, known.row.group)
    write_json(run.folder / "calibration.json", calibration(search, run.config.optimiser.stages == 2))
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
        part=part,
        page_facts=run_page_facts(run),
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
    part: str = "",
    channels: Sequence[int] | None = None,
    reading_name: str = "",
    page_facts: Mapping[str, str] | None = None,
    history: Sequence[dict[str, float]] = (),
) -> dict[str, Any]:
    """Judges slices by all readings and writes metrics.json, predictions.csv and report.html.

    Args:
        rows, targets: the slices of the cohort and their class indices.
        out: an existing folder.
        title: heading of the report.
        facts: what report and metrics.json say of network and slices; equal for equal runs.
        part: of the run's own split, where the slices are that part; "" for other data.
        channels: see `kgp.evaluation.known_slices.predict_known`.
        reading_name: the reading of the pictures and of the headline; default the network's.
        page_facts: facts that stand in the report only, such as times and versions.

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
    calls = call_rivals_of_run(runtime.run, cohort, rows, channels, part)
    rivals = rival_metrics(judgement.slices, network.class_names, network.no_tumour_class, calls)
    metrics = {"facts": facts, **judgement.metrics, "rivals": rivals}

    def draw(judged: JudgedSlice) -> np.ndarray:
        return draw_judged(runtime, cohort, judged, channels, name)

    write_results(out, title, metrics, judgement.slices, draw, page_facts=page_facts, history=history)
    return metrics


def write_results(
    out: Path,
    title: str,
    metrics: dict[str, Any],
    slices: Sequence[JudgedSlice],
    draw: Callable[[JudgedSlice], np.ndarray],
    *,
    page_facts: Mapping[str, str] | None = None,
    history: Sequence[dict[str, float]] = (),
) -> None:
    """Writes metrics.json, predictions.csv and report.html of judged slices, and warns where a
    trivial rival is as good as the network.

    Args:
        out: an existing folder.
        title: heading of the report.
        metrics: as `kgp.evaluation.metrics.metrics_of` gives them, with "facts" and "rivals".
        draw: gives the picture of one slice, RGB uint8 [H', W', 3].
        page_facts: facts that stand in the report only, such as times and versions.
        history: rows of history.csv; empty for none.
    """
    write_json(out / "metrics.json", metrics)
    write_table(prediction_rows(slices, metrics["class_names"]), out / "predictions.csv")
    shown = [ShownSlice(rule, draw(judged)) for rule, judged in choose_slices(slices, metrics["default_reading"])]
    tumour_slices = [judged for judged in slices if judged.has_tumour]
    dices = {
        key: [judged.segmentations[key].delivered.dice for judged in tumour_slices]
        for key in metrics["segmentation"] or {}
    }
    facts = {**metrics["facts"], **(page_facts or {})}
    write_report(out / "report.html", title, facts, metrics, history, dices, shown)
    if metrics["rivals"]["warning"]:
        _log.warning("%s", metrics["rivals"]["warning"])


def _history(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    return [{name: float(value) for name, value in row.items()} for row in read_table(path).rows]
