"""One study at the imaging console: DICOM in, findings out, without TensorFlow."""

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import kgp
from kgp.errors import KgpError, UsageError
from kgp.files import atomic_folder, write_json
from kgp.report.case_files import write_case
from kgp.report.overlay import shown_contrast
from kgp.runtime.litert import LiteRT
from kgp.runtime.runtime import Runtime
from kgp.scans.dicom.contrast_rules import ContrastRules, read_rules
from kgp.scans.dicom.study import Study, read_study
from kgp.scans.grid import Grid
from kgp.scans.volume import axial_slices
from serving.console.inference import Inference, infer
from serving.console.on_source_slices import on_source_slices
from serving.console.owner_only import owner_only
from serving.dicom_output.study_result import StudyResult

_log = logging.getLogger(__name__)
INCOMPLETE = "The association that sent this study was aborted, so images may be missing."


@dataclasses.dataclass(frozen=True)
class LoadedConsole:
    """A model that is loaded once for many studies, one after the other and in one thread.

    Attributes:
        runtime: the network.
        model: name, version and SHA-256 of its file.
        rules: which series is which contrast.
    """

    runtime: Runtime
    model: Mapping[str, str]
    rules: ContrastRules

    @property
    def reference(self) -> str:
        """The contrast whose series gives the grid: FLAIR if the model has it, else its first."""
        contrasts = self.runtime.description.contrasts
        return contrasts[shown_contrast(contrasts)]


@dataclasses.dataclass(frozen=True)
class _StudySlices:
    """A study as the network takes it.

    Attributes:
        study: the headers of its series, without intensities.
        grid: the grid of the reference series, without data.
        stack: axial slices on that grid, raw intensities [D, H, W, C].
        spacing: millimetres between rows and between columns.
    """

    study: Study
    grid: Grid
    stack: np.ndarray
    spacing: tuple[float, float]


def load_console(model: Path, rules: Path | None = None, *, any_body_part: bool = False) -> LoadedConsole:
    """Loads a model.

    Args:
        model: a .tflite file that `kgp export` wrote, with its manifest beside it.
        rules: file with the rules that tell which series is which contrast; None for those that
            come with kgp.
        any_body_part: take other parts of the body than head and brain too.

    Raises:
        KgpError: the model cannot be loaded.
        UsageError: the model is no .tflite file, or the rules cannot be used.
    """
    if model.suffix != ".tflite":
        raise UsageError(f"--model takes a .tflite file, not {model.name}.")
    contrast_rules = read_rules(rules, any_body_part=any_body_part)
    runtime = LiteRT(model)
    model_facts = {
        "name": str(runtime.manifest.get("run", {}).get("name", model.stem)),
        "version": str(runtime.manifest.get("versions", {}).get("kgp", kgp.__version__)),
        "sha256": runtime.manifest["files"][model.name],
    }
    return LoadedConsole(runtime, model_facts, contrast_rules)


def run_study(
    source: Path | Sequence[Path],
    console: LoadedConsole,
    out: Path,
    *,
    assigned: Mapping[str, str] | None = None,
    fractional: bool = False,
    empty_segmentation: bool = False,
    deterministic: bool = False,
    incomplete: bool = False,
    predecessor: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Reads one study and writes the findings.

    Args:
        source: folder (read with all below it), zip archive or file that holds the study, or
            several; read only.
        console: the loaded model; it serves any number of studies.
        out: the folder of results, which must not exist; it appears complete or not at all, for its
            owner only.
        assigned: series numbers or SeriesInstanceUIDs by contrast, which need no rule.
        fractional: write the heatmap as a fractional segmentation too.
        empty_segmentation: write segmentations where the mask is empty too.
        deterministic: derive UIDs from those of the sources, so that equal studies give equal UIDs.
        incomplete: whether the association that sent the study was aborted; the results say so.
        predecessor: the report.dcm of an earlier result of the study, which the new report names;
            None for the newest of the same model that lies among the study's files, if any.
        progress: called with (slices done, slices in all) after each slice.

    Returns:
        What summary.json says; nothing in it names the patient.

    Raises:
        KgpError: the study cannot be used, `out` exists, or a file cannot be written. The sentence
            may name files and series, but not the patient.
        UsageError: `assigned` names a contrast that the model does not read.
    """
    if out.exists():
        raise KgpError(f"{out} exists already; name another folder.")
    sources = [source] if isinstance(source, Path) else list(source)
    network = console.runtime.description
    unknown = [contrast for contrast in assigned or {} if contrast not in network.contrasts]
    if unknown:
        raise UsageError(f"--assign names {unknown[0]} where the model reads {', '.join(network.contrasts)}.")
    started = time.perf_counter()
    slices = _read_slices(sources, console, assigned)
    read_seconds = time.perf_counter() - started
    reading = network.readings[network.default_reading]
    inference = infer(console.runtime, slices.stack, slices.spacing, reading, progress)
    started = time.perf_counter()
    # Here, as highdicom would slow every start.
    from serving.dicom_output.earlier_report import find_earlier_report, read_earlier_report
    from serving.dicom_output.writer import write_dicom

    study_uid = slices.study.headers[0].StudyInstanceUID
    earlier = (
        read_earlier_report(predecessor) if predecessor else find_earlier_report(sources, study_uid, console.model)
    )
    with atomic_folder(out) as folder, owner_only(folder):
        summary, result = _write_case(folder, slices, inference, console, incomplete)
        written = write_dicom(
            result,
            folder / "dicom",
            fractional=fractional,
            empty_segmentation=empty_segmentation,
            deterministic=deterministic,
            predecessor=earlier,
        )
        summary["dicom"] = [path.name for path in written]
        summary["seconds"] = {
            "read": round(read_seconds, 3),
            "first_slice": round(inference.first_slice_seconds, 3),
            "infer": round(inference.seconds, 3),
            "write": round(time.perf_counter() - started, 3),
        }
        write_json(folder / "summary.json", summary)
    _log.info(
        "Read in %(read).2f s, inferred in %(infer).2f s (first slice %(first_slice).2f s), written in %(write).2f s.",
        summary["seconds"],
    )
    return summary


def _read_slices(sources: Sequence[Path], console: LoadedConsole, assigned: Mapping[str, str] | None) -> _StudySlices:
    """Reads the study; its intensities are kept once, as axial slices."""
    contrasts = console.runtime.description.contrasts
    study = read_study(sources, contrasts, console.rules, console.reference, assigned)
    stack, spacing = axial_slices(study.volume)
    emptied = dataclasses.replace(study.volume, data=np.zeros((0, 0, 0, 0), np.float32))
    return _StudySlices(dataclasses.replace(study, volume=emptied), study.volume.grid, stack, spacing)


def _write_case(
    folder: Path, slices: _StudySlices, inference: Inference, console: LoadedConsole, incomplete: bool
) -> tuple[dict[str, Any], StudyResult]:
    """Writes NIfTI, pictures and table; returns the summary so far, and the DICOM result."""
    network, prediction = console.runtime.description, inference.prediction
    reading_name = network.default_reading
    summary = write_case(folder, console.runtime, slices.grid, slices.stack, slices.spacing, prediction, reading_name)
    shown = slices.stack[..., shown_contrast(network.contrasts)]
    result = on_source_slices(slices.study, slices.grid, prediction, network, reading_name, console.model, shown)
    if incomplete:
        result = dataclasses.replace(result, remark=f"{INCOMPLETE} {result.remark}".strip())
    return summary | {
        "run": console.model["name"],
        "model": dict(console.model),
        "reference": console.reference,
        "series": {contrast: dict(taken) for contrast, taken in slices.study.series.items()},
        "tumour_found": bool((result.predicted != result.no_tumour_class).any()),
        "may_be_incomplete": incomplete,
        "remark": result.remark,
    }, result
