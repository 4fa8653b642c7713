"""How the predictions of an export differ from those of its run, and how much they may."""

import dataclasses
from typing import Any

import numpy as np

from export.samples import Samples
from kgp.heatmap.overlap import dice
from kgp.prediction.slice import SlicePrediction, predict_slices
from kgp.runtime import Runtime


@dataclasses.dataclass(frozen=True)
class Bounds:
    """How much an export may differ from its run; None for no bound.

    Attributes:
        difference: largest difference of logits and heatmaps, as a share of the largest absolute
            value.
        agreement: lowest share of slices that both call alike.
        mask_dice: lowest median Dice between the masks of both.
        dice_loss: most that the median Dice to the true masks may fall.
        graph_dice: lowest median Dice between the masks of the signature `segment` and those cut
            with NumPy.
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


# 8 bits have no bound on the largest difference: what counts is that classes and masks stay.
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
        Plain JSON values: largest differences, share of slices called alike, median Dice between
        the masks (slices in which both are empty left out), and for each its accuracy and median
        Dice to the true masks where these are known.
    """
    by_source = {"run": run, "export": export}
    called = {
        name: np.array([prediction.predicted_class for prediction in predictions])
        for name, predictions in by_source.items()
    }
    masks = {name: [prediction.mask for prediction in predictions] for name, predictions in by_source.items()}
    result: dict[str, Any] = {
        "slices": len(samples.images),
        "of": samples.source,
        "logits_difference": _relative([p.logits for p in run], [p.logits for p in export]),
        "heatmap_difference": _relative([p.heatmap for p in run], [p.heatmap for p in export]),
        "class_agreement": float(np.mean(called["run"] == called["export"])),
        "mask_dice": median_dice(masks["run"], masks["export"]),
    }
    if samples.targets is not None:
        result["accuracy"] = {name: float(np.mean(called[name] == samples.targets)) for name in by_source}
    true = [(index, mask) for index, mask in enumerate(samples.masks) if mask is not None and mask.any()]
    if true:
        result["dice_to_truth"] = {
            name: median_dice([masks[name][index] for index, _ in true], [mask for _, mask in true])
            for name in by_source
        }
    return result


def bound_excesses(comparison: dict[str, Any], bounds: Bounds) -> list[str]:
    """Each value of a comparison that is beyond the bounds, in words; empty where all hold."""
    excesses = []
    if bounds.difference is not None:
        excesses += [
            f"the largest difference of the {name} is {comparison[f'{name}_difference']:.1e} of its largest value where "
            f"{bounds.difference:.0e} is allowed"
            for name in ("logits", "heatmap")
            if not comparison[f"{name}_difference"] <= bounds.difference
        ]
    if not comparison["class_agreement"] >= bounds.agreement:
        excesses.append(
            f"{comparison['class_agreement']:.1%} of the slices are called alike where {bounds.agreement:.0%} are asked"
        )
    if comparison["mask_dice"] is not None and not comparison["mask_dice"] >= bounds.mask_dice:
        excesses.append(
            f"the median Dice between the masks is {comparison['mask_dice']:.3f} where {bounds.mask_dice} is asked"
        )
    if comparison.get("dice_to_truth"):
        loss = comparison["dice_to_truth"]["run"] - comparison["dice_to_truth"]["export"]
        if not loss <= bounds.dice_loss:
            excesses.append(
                f"the median Dice to the true masks falls by {loss:.3f} where {bounds.dice_loss} is allowed"
            )
    graph = comparison.get("graph_mask_dice")
    if bounds.graph_dice is not None and graph is not None and not graph >= bounds.graph_dice:
        excesses.append(f"the median Dice between masks cut in the graph and with NumPy is {graph:.4f}")
    return excesses


def comparison_lines(comparison: dict[str, Any]) -> list[str]:
    """A comparison in words, a line each."""
    lines = [
        f"{comparison['slices']} slices of {comparison['of']}: "
        f"largest difference of the logits {comparison['logits_difference']:.1e}, "
        f"of the heatmap {comparison['heatmap_difference']:.1e} of the largest value; "
        f"{comparison['class_agreement']:.1%} called alike"
    ]
    if comparison["mask_dice"] is not None:
        lines.append(f"median Dice between the masks {comparison['mask_dice']:.4f}")
    if comparison.get("graph_mask_dice") is not None:
        lines.append(f"median Dice between masks cut in the graph and with NumPy {comparison['graph_mask_dice']:.4f}")
    for key, name in (("accuracy", "accuracy"), ("dice_to_truth", "median Dice to the true masks")):
        if key in comparison:
            lines.append(f"{name}: run {comparison[key]['run']:.3f}, export {comparison[key]['export']:.3f}")
    speed, memory = comparison["milliseconds"], comparison["peak_mib"]
    lines.append(
        f"{comparison['megabytes']:.1f} MB; one slice: {speed['export']:.1f} ms, "
        f"{speed['export'] / speed['run']:.2f} times the run's {speed['run']:.1f} ms; "
        f"peak memory {memory['export']:.0f} MiB (run {memory['run']:.0f} MiB)"
    )
    return lines


def _relative(reference: list[np.ndarray], other: list[np.ndarray]) -> float:
    """The largest difference, as a share of the largest absolute value."""
    difference = np.abs(np.stack(reference) - np.stack(other)).max()
    return float(difference / max(np.abs(np.stack(reference)).max(), np.finfo(np.float32).tiny))


def median_dice(masks: list[np.ndarray], others: list[np.ndarray]) -> float | None:
    """The median Dice of pairs of masks bool [H, W], without pairs that are both empty.

    Returns:
        In [0, 1]; None where all are left out.
    """
    pairs = [(mask, other) for mask, other in zip(masks, others, strict=True) if mask.any() or other.any()]
    return float(np.median([dice(mask, other) for mask, other in pairs])) if pairs else None
