"""One study at the imaging console: DICOM in, findings beside it, without TensorFlow."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import kgp
from kgp.data.sources.dicom import read_dicom_series
from kgp.data.volume import axial_slices, to_volume, write_nifti
from kgp.errors import KgpError, UsageError
from kgp.files import atomic_folder, write_json
from kgp.report.case import segment_stack
from kgp.runtime import load_runtime
from kgp.runtime.described import DescribedRuntime


@dataclasses.dataclass(frozen=True)
class LoadedConsole:
    """A model that is loaded once and used for many studies, one after the other (not from two threads at a time).

    Attributes:
        runtime: the network.
        model: name, version and SHA-256 of its file.
    """

    runtime: DescribedRuntime
    model: Mapping[str, str]


def load_console(model: Path, rules: Path | None = None) -> LoadedConsole:
    """Loads a model.

    Args:
        model: a .tflite file that `kgp export` wrote, with its manifest beside it.
        rules: file with the rules that tell which series is which contrast; None for those that come with kgp.

    Raises:
        KgpError: the model cannot be loaded.
        UsageError: the model is no .tflite file, or the rules cannot be used.
    """
    if model.suffix != ".tflite":
        raise UsageError(f"--model takes a .tflite file, not {model.name}.")
    runtime: Any = load_runtime(model)
    run = runtime.manifest.get("run", {})
    described = {
        "name": str(run.get("name", model.stem)),
        "version": str(runtime.manifest.get("versions", {}).get("kgp", kgp.__version__)),
        "sha256": runtime.manifest["files"][model.name],
    }
    return LoadedConsole(runtime, described)


def run_study(
    source: Path,
    console: LoadedConsole,
    out: Path,
    *,
    fractional: bool = False,
    deterministic: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Reads one study, finds and writes what there is to say of it.

    Args:
        source: folder (read with all below it), zip archive or file that holds the study; it is read only.
        console: the loaded model; the same one may be used for any number of studies.
        out: the folder of results; it must not exist, and appears with everything in it or not at all.
        fractional: write the heatmap as a fractional segmentation too.
        deterministic: UIDs that follow from those of the sources, so that the same work done twice has the same.
        progress: called with (slices done, slices in all) after each slice.

    Returns:
        What summary.json says; nothing in it names the patient.

    Raises:
        KgpError: something is wrong with the study (one sentence, which may name files and series but not the patient), `out`
            exists, or a file cannot be written.
    """
    if out.exists():
        raise KgpError(f"{out} exists already; name another folder.")
    started = time.perf_counter()
    volume = read_dicom_series(source, console.runtime.contrasts[0])
    stack, spacing = axial_slices(volume)
    result = segment_stack(console.runtime, stack, console.runtime.default_reading, spacing)
    if progress:
        progress(len(stack), len(stack))
    summary = {"slices": len(stack), "seconds": time.perf_counter() - started}
    with atomic_folder(out) as folder:
        write_nifti(to_volume(result.masks, volume), volume, folder / "mask.nii.gz")
        write_nifti(to_volume(result.maps, volume), volume, folder / "heatmap.nii.gz")
        write_json(folder / "summary.json", summary)
    return summary
