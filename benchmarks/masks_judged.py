"""The masks of one run by every rung of the ladder, slice by slice, kept in a table as they are done."""

import csv
import dataclasses
import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgp.data.cohort import Cohort, SliceRow
from kgp.evaluation.distance import hd95
from kgp.evaluation.judged_slice import all_spaced
from kgp.evaluation.known_slices import KnownSlice, predict_known
from kgp.evaluation.ladder import LadderSlice, RungMask
from kgp.evaluation.segmentation import peak_in_tumour, pixel_average_precision
from kgp.heatmap.head_mask import head_mask
from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import HYSTERESIS, IMAGE_LEVEL, REFINED, Reading
from kgp.heatmap.threshold import cut_mask, finish_cut, prepare_cut
from kgp.prediction.own_grid import cut_on_grid, map_on_grid
from kgp.prediction.slice import SlicePrediction
from kgp.runtime.runtime import Runtime

READINGS: dict[str, Reading] = {
    "hysteresis": HYSTERESIS,
    "map > 0": dataclasses.replace(HYSTERESIS, rule="zero", value=None),
    "image_level": IMAGE_LEVEL,
    "refined": REFINED,
}
ORACLES = ("oracle level", "oracle level, refined")  # what looked at the very masks it is judged on
RUNGS = ("delivered", *READINGS, *ORACLES)
LEVELS = np.linspace(-4.0, 4.0, 33)

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class RunPart:
    """Slices that a run is judged on.

    Attributes:
        name: what the run is called.
        runtime: the run.
        cohort, rows: the slices.
        channels: see `kgp.evaluation.known_slices.predict_known`.
    """

    name: str
    runtime: Runtime
    cohort: Cohort
    rows: Sequence[SliceRow]
    channels: Sequence[int] | None = None


def judged_slices(part: RunPart, folder: Path) -> list[LadderSlice]:
    """The slices with a true mask of a run, from the table in `folder` as far as it goes.

    The name of the table holds what it depends on: weights, readings, data and number of slices.
    Remove it where the code of a reading has changed.
    """
    network = part.runtime.description
    readings = repr((network.readings[network.default_reading], READINGS))
    digests = [network.weights_sha256, hashlib.sha256(readings.encode()).hexdigest(), part.cohort.content]
    path = folder / f"{'-'.join([part.name, *(digest[:8] for digest in digests)])}-{len(part.rows)}.csv"
    done = {one.id: one for one in _read(path)}
    missing = [row for row in part.rows if row.mask and row.id not in done]
    if missing:
        _log.info("%s: %d slices are done, %d are to do.", path.name, len(done), len(missing))
        with path.open("a", encoding="utf-8", newline="") as stream:
            for one in _judge(part, missing):
                _append(stream, one)
                done[one.id] = one
    return [done[row.id] for row in part.rows if row.mask]


def known_slices(part: RunPart, rows: Sequence[SliceRow]) -> Iterator[KnownSlice]:
    """What the run says of slices, by its default reading, which is called "delivered"."""
    network = part.runtime.description
    return predict_known(
        part.runtime, part.cohort, rows, {"delivered": network.readings[network.default_reading]}, part.channels
    )


def rung_masks(prediction: SlicePrediction, truth: np.ndarray) -> dict[str, np.ndarray]:
    """The mask of the likeliest tumour class by each rung, bool [H, W], on the slice's own grid."""
    tumour, image, none = prediction.tumour_class, prediction.image, prediction.no_tumour_class
    readings = {"delivered": prediction.reading, **READINGS}
    masks = {
        name: cut_on_grid(prediction.heatmap, tumour, image, reading, none, prediction.spacing).mask
        for name, reading in readings.items()
    }
    margin = map_on_grid(prediction.heatmap, tumour, image.shape, HYSTERESIS, none, prediction.spacing)[..., None]
    level = _oracle_level(margin, image, truth)
    for name, reading in zip(ORACLES, (HYSTERESIS, REFINED), strict=True):
        masks[name] = cut_mask(margin, 0, dataclasses.replace(reading, rule="fixed", value=level), image=image).mask
    return masks


def _oracle_level(margin: np.ndarray, image: np.ndarray, truth: np.ndarray) -> float:
    """The level, from -4 to 4, whose cleaned level set has the highest Dice; of several the one
    next to 0.
    """
    reading = dataclasses.replace(HYSTERESIS, rule="fixed", value=0.0)
    cut = prepare_cut(margin, 0, reading, image=image)
    if cut.threshold is None:
        return 0.0
    levels = sorted((float(level) for level in LEVELS), key=abs)
    dices = [dice(finish_cut(dataclasses.replace(cut, threshold=level), reading).mask, truth) for level in levels]
    return levels[int(np.argmax(dices))]


def _judge(part: RunPart, rows: Sequence[SliceRow]) -> Iterator[LadderSlice]:
    spaced = all_spaced(part.rows)
    for known in known_slices(part, rows):
        truth, prediction = known.truth, known.predictions["delivered"]
        if truth is None:
            continue
        head = head_mask(prediction.image)
        spacing = known.spacing if spaced else None
        masks = rung_masks(prediction, truth)
        yield LadderSlice(
            id=known.row.id,
            patient=known.row.patient,
            group=known.row.group,
            volume=known.row.volume,
            called=prediction.predicted_class != prediction.no_tumour_class,
            true_pixels=int(truth.sum()),
            tumour_share=float(truth.sum() / (head.sum() or head.size)),
            average_precision=pixel_average_precision(prediction.map[head], truth[head]),
            peak_in_tumour=peak_in_tumour(prediction.map, truth, head),
            rungs={
                name: RungMask(
                    dice=dice(mask, truth),
                    pixels=int(mask.sum()),
                    common=int((mask & truth).sum()),
                    hd95=hd95(mask, truth, spacing),
                )
                for name, mask in masks.items()
            },
        )


def _append(stream: Any, one: LadderSlice) -> None:
    """Writes one line, so that a table that is killed keeps what is done."""
    row = {field.name: getattr(one, field.name) for field in dataclasses.fields(one) if field.name != "rungs"}
    for name, mask in one.rungs.items():
        row |= {f"{name}: {key}": value for key, value in dataclasses.asdict(mask).items()}
    line = io.StringIO()
    writer = csv.DictWriter(line, list(row), lineterminator="\n")
    if stream.tell() == 0:
        writer.writeheader()
    writer.writerow(row)
    stream.write(line.getvalue())
    stream.flush()


def _read(path: Path) -> list[LadderSlice]:
    """The slices of a table; a last line that was cut short is removed from it."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [_slice(row) for row in csv.DictReader(io.StringIO(whole))]


def _slice(row: dict[str, str]) -> LadderSlice:
    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    return LadderSlice(
        id=row["id"],
        patient=row["patient"],
        group=row["group"],
        volume=row["volume"],
        called=row["called"] == "True",
        true_pixels=int(row["true_pixels"]),
        tumour_share=float(row["tumour_share"]),
        average_precision=number("average_precision"),
        peak_in_tumour=None if not row["peak_in_tumour"] else row["peak_in_tumour"] == "True",
        rungs={
            name: RungMask(
                dice=float(row[f"{name}: dice"]),
                pixels=int(row[f"{name}: pixels"]),
                common=int(row[f"{name}: common"]),
                hd95=number(f"{name}: hd95"),
            )
            for name in RUNGS
        },
    )
