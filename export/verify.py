"""The proof of an export: its answers compared with its run's, on slices like the run's data."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from export.comparison import BOUNDS, bound_excesses, compare, default_predictions, median_dice
from export.samples import Samples
from kgp.errors import KgpError
from kgp.runtime import Runtime
from kgp.runtime.saved_model import SavedModel


def verify(run: Runtime, export: Runtime, samples: Samples) -> dict[str, Any]:
    """Compares an export with its run, and measures both, each in a process of its own.

    Args:
        run: the run.
        export: its export.
        samples: slices that look like the run's data.

    Returns:
        What `compare` returns, with `milliseconds` a slice and `peak_mib` of both, and `megabytes`
        of the export.

    Raises:
        KgpError: `export` is no export, belongs to another run, or is beyond the bounds; names each
            bound.
    """
    if export.manifest is None:
        raise KgpError(f"{export.name} is not an export.")
    kind, precision = str(export.manifest.get("kind")), str(export.manifest.get("precision"))
    if (kind, precision) not in BOUNDS:
        raise KgpError(f"{export.name} has a manifest of an unknown kind of export ({kind}, {precision}).")
    if export.description.weights_sha256 != run.description.weights_sha256:
        raise KgpError(f"{export.name} was not exported from {run.name}: its weights have another SHA-256.")
    predictions = default_predictions(export, samples.images)
    comparison = compare(default_predictions(run, samples.images), predictions, samples)
    if isinstance(export, SavedModel):
        graph_masks = list(export.masks(samples.images))
        comparison["graph_mask_dice"] = median_dice([prediction.mask for prediction in predictions], graph_masks)
    excesses = bound_excesses(comparison, BOUNDS[kind, precision])
    if excesses:
        raise KgpError(f"the export is not equal to {run.name}: {'; '.join(excesses)}.")
    measured = {"run": _measure(run.name), "export": _measure(export.name)}
    return {
        **comparison,
        "megabytes": _size(Path(export.name)) / 1e6,
        "milliseconds": {name: values["milliseconds"] for name, values in measured.items()},
        "peak_mib": {name: values["peak_mib"] for name, values in measured.items()},
    }


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())


def _measure(path: str) -> dict[str, float]:
    """Time and memory of a run or an export, in a process of its own."""
    command = [sys.executable, "-P", "-m", "export.measure", path]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr.strip() or "no message").splitlines()[-1]
        raise KgpError(f"measuring {path} failed: {last}")
    return json.loads(result.stdout.strip().splitlines()[-1])
