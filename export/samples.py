"""Slices for comparing an export with its run, and for the ranges of 8-bit values."""

import dataclasses
import logging
from collections.abc import Sequence

import cv2
import numpy as np

from kgp.data.cohort import read_image, read_mask
from kgp.data.parts import part_of_run
from kgp.data.sources.phantom import PhantomSource
from kgp.errors import KgpError
from kgp.run_folder import Run

_log = logging.getLogger(__name__)
SLICES = 100


@dataclasses.dataclass(frozen=True)
class Samples:
    """Slices for a comparison.

    Attributes:
        source: what they are, for the report.
        images: raw intensities float32 [N, H, W, C].
        masks: true masks bool [H, W], None where there is none.
        targets: class indices, or None where the classes are not those of the network.
    """

    source: str
    images: np.ndarray
    masks: Sequence[np.ndarray | None]
    targets: tuple[int, ...] | None


def run_samples(run: Run, part: str, count: int = SLICES) -> Samples:
    """Slices of one part of a run's data, equally many a class; of the phantom without data."""
    try:
        cohort, rows, targets = part_of_run(run, part)
        if not rows:
            raise KgpError(f"{run.folder / 'split.csv'} has no slice in it.")
    except KgpError as error:
        _log.warning("Slices of the phantom stand in for the %s part of %s: %s", part, run.folder, error)
        return _phantom_samples(run, count)
    picked: list[int] = []
    for target in sorted(set(targets)):
        of_class = [index for index, other in enumerate(targets) if other == target]
        wanted = min(len(of_class), max(1, count // len(set(targets))))
        picked += [of_class[i] for i in np.linspace(0, len(of_class) - 1, wanted).round().astype(int)]
    return Samples(
        f"the {part} part of {run.data_name}",
        np.stack([read_image(cohort, rows[index]) for index in picked]).astype(np.float32),
        [read_mask(cohort, rows[index]) for index in picked],
        tuple(targets[index] for index in picked),
    )


def _phantom_samples(run: Run, count: int) -> Samples:
    """Phantom slices of the run's size; its first contrast stands for those that it lacks."""
    height, width, _ = run.shape
    source = PhantomSource(patients=8, slices=6, size=max(64, height, width))
    drawn = [piece for case in source.cases() for piece in source.read(case)][:count]
    channels = [source.contrasts.index(name) if name in source.contrasts else 0 for name in run.contrasts]
    images = [cv2.resize(piece.image.astype(np.float32), (width, height))[..., channels] for piece in drawn]
    return Samples("the phantom", np.stack(images), [None] * len(drawn), None)
