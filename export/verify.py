"""The proof of an export: what it answers compared with what the run answers, on slices that look like its data."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from export.samples import Samples
from kgp.errors import KgpError
from kgp.heatmap.overlap import dice
from kgp.prediction.slice import SlicePrediction, predict_slices
from kgp.runtime import Runtime
from kgp.runtime.saved_model import SavedModel


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What an export may differ from its run; None where nothing is asked.

    Attributes:
        difference: largest difference of logits and heatmaps, as a share of the largest absolute value.
        agreement: lowest share of slices that both call alike.
        mask_dice: lowest median Dice between the masks of both.
        dice_loss: most that the median Dice to the true masks may fall.
        graph_dice: lowest median Dice between the masks of the signature `segment` and those cut with NumPy.
    """

    difference: float | None = None
    agreement: float = 0.99
    mask_dice: float = 0.97
    dice_loss: float = 0.01
    graph_dice: float | None = None

    def stricter(self) -> "Bounds":
        """Bounds for choosing on other slices than the export is judged on."""
        return dataclasses.replace(
            self, agreement=1.0, mask_dice=(1.0 + self.mask_dice) / 2.0, dice_loss=self.dice_loss / 2.0
        )


# Of 8 bits no largest difference is asked: what counts is that classes and masks stay.
BOUNDS = {
    ("savedmodel", "float32"): Bounds(
        difference=1e-5, agreement=1.0, mask_dice=0.999, dice_loss=0.001, graph_dice=0.999
    ),
    ("savedmodel", "float16"): Bounds(difference=1e-3, graph_dice=0.99),
    ("litert", "float32"): Bounds(difference=1e-4),
    ("litert", "float16"): Bounds(difference=1e-2),
    ("litert", "dynamic"): Bounds(),
    ("litert", "int8"): Bounds(),
}


def default_predictions(runtime: Runtime, images: np.ndarray) -> list[SlicePrediction]:
    """What a runtime says of raw intensities [N, H, W, C] by its default reading."""
    network = runtime.description
    return predict_slices(runtime, images, network.readings[network.default_reading])


def compare(run: list[SlicePrediction], export: list[SlicePrediction], samples: Samples) -> dict[str, Any]:
    """How the predictions of a run and of its export for the same slices differ.

    Returns:
        Plain JSON values: largest differences, share of slices called alike, median Dice between the masks (slices in
        which both are empty left out), and for each its accuracy and median Dice to the true masks where these are known.
    """
    both = {"run": run, "export": export}
    called = {name: np.array([one.predicted_class for one in predictions]) for name, predictions in both.items()}
    masks = {name: [one.mask for one in predictions] for name, predictions in both.items()}
    result: dict[str, Any] = {
        "slices": len(samples.images),
        "of": samples.source,
        "logits_difference": _relative([one.logits for one in run], [one.logits for one in export]),
        "heatmap_difference": _relative([one.heatmap for one in run], [one.heatmap for one in export]),
        "class_agreement": float(np.mean(called["run"] == called["export"])),
        "mask_dice": _median_dice(masks["run"], masks["export"]),
    }
    if samples.targets is not None:
        result["accuracy"] = {name: float(np.mean(called[name] == samples.targets)) for name in both}
    true = [(index, mask) for index, mask in enumerate(samples.masks) if mask is not None and mask.any()]
    if true:
        result["dice_to_truth"] = {
            name: _median_dice([masks[name][index] for index, _ in true], [mask for _, mask in true]) for name in both
        }
    return result


def broken_bounds(found: dict[str, Any], bounds: Bounds) -> list[str]:
    """What of a comparison is beyond the bounds, in words."""
    broken = []
    if bounds.difference is not None:
        broken += [
            f"the largest difference of the {name} is {found[f'{name}_difference']:.1e} of its largest value where "
            f"{bounds.difference:.0e} is allowed"
            for name in ("logits", "heatmap")
            if not found[f"{name}_difference"] <= bounds.difference
        ]
    if not found["class_agreement"] >= bounds.agreement:
        broken.append(
            f"{found['class_agreement']:.1%} of the slices are called alike where {bounds.agreement:.0%} are asked"
        )
    if found["mask_dice"] is not None and not found["mask_dice"] >= bounds.mask_dice:
        broken.append(
            f"the median Dice between the masks is {found['mask_dice']:.3f} where {bounds.mask_dice} is asked"
        )
    if found.get("dice_to_truth"):
        loss = found["dice_to_truth"]["run"] - found["dice_to_truth"]["export"]
        if not loss <= bounds.dice_loss:
            broken.append(f"the median Dice to the true masks falls by {loss:.3f} where {bounds.dice_loss} is allowed")
    graph = found.get("graph_mask_dice")
    if bounds.graph_dice is not None and graph is not None and not graph >= bounds.graph_dice:
        broken.append(f"the median Dice between masks cut in the graph and with NumPy is {graph:.4f}")
    return broken


def verify(run: Runtime, export: Runtime, samples: Samples) -> dict[str, Any]:
    """Compares an export with its run, and measures both, each in a process of its own.

    Args:
        run: the run.
        export: its export.
        samples: slices that look like the run's data.

    Returns:
        What `compare` returns, with `milliseconds` a slice and `peak_mib` of both, and `megabytes` of the export.

    Raises:
        KgpError: the export belongs to another run, or is beyond the bounds; says in what.
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
        comparison["graph_mask_dice"] = _median_dice([one.mask for one in predictions], graph_masks)
    broken = broken_bounds(comparison, BOUNDS[kind, precision])
    if broken:
        raise KgpError(f"the export is not equal to {run.name}: {'; '.join(broken)}.")
    measured = {"run": _measure(run.name), "export": _measure(export.name)}
    return {
        **comparison,
        "megabytes": _size(Path(export.name)) / 1e6,
        "milliseconds": {name: values["milliseconds"] for name, values in measured.items()},
        "peak_mib": {name: values["peak_mib"] for name, values in measured.items()},
    }


def comparison_lines(found: dict[str, Any]) -> list[str]:
    """A comparison in words, a line each."""
    lines = [
        f"{found['slices']} slices of {found['of']}: largest difference of the logits {found['logits_difference']:.1e}, of the "
        f"heatmap {found['heatmap_difference']:.1e} of the largest value; {found['class_agreement']:.1%} called alike"
    ]
    if found["mask_dice"] is not None:
        lines.append(f"median Dice between the masks {found['mask_dice']:.4f}")
    if "graph_mask_dice" in found and found["graph_mask_dice"] is not None:
        lines.append(f"median Dice between masks cut in the graph and with NumPy {found['graph_mask_dice']:.4f}")
    for key, name in (("accuracy", "accuracy"), ("dice_to_truth", "median Dice to the true masks")):
        if key in found:
            lines.append(f"{name}: run {found[key]['run']:.3f}, export {found[key]['export']:.3f}")
    speed, memory = found["milliseconds"], found["peak_mib"]
    lines.append(
        f"{found['megabytes']:.1f} MB; one slice: {speed['export']:.1f} ms, {speed['export'] / speed['run']:.2f} times the "
        f"run's {speed['run']:.1f} ms; "
        f"peak memory {memory['export']:.0f} MiB (run {memory['run']:.0f} MiB)"
    )
    return lines


def _relative(reference: list[np.ndarray], other: list[np.ndarray]) -> float:
    """The largest difference, as a share of the largest absolute value."""
    difference = np.abs(np.stack(reference) - np.stack(other)).max()
    return float(difference / max(np.abs(np.stack(reference)).max(), np.finfo(np.float32).tiny))


def _median_dice(masks: list[np.ndarray], others: list[np.ndarray]) -> float | None:
    """Pairs of which both are empty left out; None where all are."""
    pairs = [(mask, other) for mask, other in zip(masks, others, strict=True) if mask.any() or other.any()]
    return float(np.median([dice(mask, other) for mask, other in pairs])) if pairs else None


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
