"""Several runs of one data set judged as one: each on its own test part, such as the folds of a
cross-validation.
"""

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgp.architectures import architecture_title
from kgp.data.cohort import Cohort
from kgp.data.parts import part_of_run
from kgp.errors import KgpError
from kgp.evaluation.judge import judge_slices
from kgp.evaluation.judged_slice import JudgedSlice, all_spaced
from kgp.evaluation.metrics import metrics_of
from kgp.evaluation.rivals import RivalCalls, call_rivals_of_run, pooled_calls, rival_metrics
from kgp.report.chosen_slices import draw_judged
from kgp.report.facts import part_facts, run_facts, run_page_facts
from kgp.report.run_report import write_results
from kgp.run_folder import Run
from kgp.runtime import Runtime, load_runtime
from kgp.runtime.description import Description

_log = logging.getLogger(__name__)


def report_pooled(runs: Sequence[Run], out: Path, part: str = "test") -> dict[str, Any]:
    """Judges each run on one part of its own split, and writes metrics.json, predictions.csv and
    report.html of all slices together.

    Args:
        runs: at least one; no slice may stand in the parts of two.
        out: an existing folder.
        part: the part of each run's split.

    Returns:
        The content of metrics.json.

    Raises:
        KgpError: the runs differ in classes, contrasts or readings, share a slice, or a run's data
            are gone.
    """
    judged_by: dict[str, tuple[Runtime, Cohort]] = {}
    parts = [part_of_run(run, part) for run in runs]
    _check_slices(runs, [[row.id for row in rows] for _, rows, _ in parts])
    runtimes = [load_runtime(run.folder) for run in runs]
    network = _common_description(runs, [runtime.description for runtime in runtimes])
    name = network.default_reading
    spaced = all(all_spaced(rows) for _, rows, _ in parts)
    slices: list[JudgedSlice] = []
    calls: list[RivalCalls | str] = []
    for run, runtime, (cohort, rows, targets) in zip(runs, runtimes, parts, strict=True):
        _log.info("Judging the %d slices of the %s part of %s.", len(rows), part, run.folder)
        readings = runtime.description.readings
        slices += judge_slices(runtime, cohort, rows, targets, readings, name, spaced=spaced)
        calls.append(call_rivals_of_run(run, cohort, rows, part=part))
        judged_by |= {row.id: (runtime, cohort) for row in rows}
    metrics = {
        "facts": _facts(runs, part),
        **metrics_of(slices, network, network.readings, name, parts[0][0]),
        "rivals": rival_metrics(slices, network.class_names, network.no_tumour_class, pooled_calls(calls)),
    }
    if metrics["segmentation"] is not None:
        for reading_name, judged in metrics["segmentation"].items():
            if len({runtime.description.readings[reading_name].offset for runtime in runtimes}) > 1:
                judged["reading"]["offset"] = None  # each run has its own

    def draw(judged: JudgedSlice) -> np.ndarray:
        runtime, cohort = judged_by[judged.row.id]
        return draw_judged(runtime, cohort, judged, None, name)

    title = f"{architecture_title(runs[0].config.network.arch)}, {len(runs)} runs pooled"
    write_results(out, title, metrics, slices, draw, page_facts=run_page_facts(runs[0]))
    return metrics


def _check_slices(runs: Sequence[Run], parts: Sequence[Sequence[str]]) -> None:
    run_of: dict[str, Run] = {}
    for run, identifiers in zip(runs, parts, strict=True):
        for identifier in identifiers:
            if identifier in run_of:
                raise KgpError(
                    f"Slice {identifier} stands in the parts of {run_of[identifier].folder} and {run.folder}, so they "
                    "cannot be pooled."
                )
            run_of[identifier] = run


def _common_description(runs: Sequence[Run], networks: Sequence[Description]) -> Description:
    """The first network's description, with the readings that looked at masks in any run."""
    same: dict[str, Callable[[Description], Any]] = {
        "classes": lambda network: (network.class_names, network.no_tumour_class),
        "contrasts": lambda network: network.contrasts,
        "readings": lambda network: (list(network.readings), network.default_reading),
    }
    for run, network in zip(runs, networks, strict=True):
        for what, value in same.items():
            if value(network) != value(networks[0]):
                raise KgpError(f"{run.folder} has other {what} than {runs[0].folder}, so they cannot be pooled.")
    masks_used = sorted({name for network in networks for name in network.masks_used})
    return dataclasses.replace(networks[0], masks_used=tuple(masks_used))


def _facts(runs: Sequence[Run], part: str) -> dict[str, str]:
    """What is true of all runs, and the values of each where they differ."""
    of_each = [{**part_facts(run, part), **run_facts(run)} for run in runs]
    facts = {"pooled": f"the {part} parts of {len(runs)} runs: {', '.join(run.folder.name for run in runs)}"}
    for key in of_each[0]:
        values = [facts_of_run.get(key, "–") for facts_of_run in of_each]
        facts[key] = values[0] if len(set(values)) == 1 else ", ".join(values)
    return facts
