"""The slice that `kgp explain` draws: of a file, of a volume, or of the run's own data."""

import dataclasses
from pathlib import Path

import numpy as np

from kgp.data.cohort import read_image
from kgp.data.own_slices import read_own_slice
from kgp.data.run_data import cohort_of_run
from kgp.errors import KgpError, UsageError
from kgp.files import read_table
from kgp.report.notes import warn_of_notes
from kgp.run_folder import read_run
from kgp.scans.case import read_case
from kgp.scans.fit import fit_image
from kgp.scans.pictures import ENDINGS, read_slice
from kgp.scans.volume import axial_slices


@dataclasses.dataclass(frozen=True)
class SliceToExplain:
    """One slice at the network's size, and on its own grid.

    Attributes:
        image: raw intensities [h, w, C] at the network's size.
        truth: true mask bool [H, W] on the slice's own grid, or None where unknown.
        name: what the slice is called.
        own_image: raw intensities [H, W, C] on the slice's own grid.
        spacing: what it was fitted to the network's size with; None for square pixels, or where it
            was not fitted.
    """

    image: np.ndarray
    truth: np.ndarray | None
    name: str
    own_image: np.ndarray
    spacing: tuple[float, float] | None = None


def slice_of_file(
    path: Path, contrasts: tuple[str, ...], size: int, index: int | None = None, resample_to: str | None = None
) -> SliceToExplain:
    """A picture, or an axial slice of a volume, fitted to `size` pixels a side.

    Args:
        path: picture, NIfTI file, or folder with a file for each contrast.
        contrasts: the network's contrasts, in order.
        size: side of the network's slices in pixels.
        index: number of the slice in the volume, from below, from 0; a picture needs none.
        resample_to: contrast to whose grid the others are resampled, or None.

    Raises:
        KgpError: the file is missing or cannot be read.
        UsageError: a volume has no slice of that number.
    """
    if not path.exists():
        raise KgpError(f"{path} does not exist.")
    if path.suffix.lower() in ENDINGS:
        image, notes = read_slice(path, len(contrasts))
        warn_of_notes(path.name, notes)
        return _fitted(image, size, None, path.name)
    volume = read_case(contrasts, path, resample_to)
    warn_of_notes(path.name, volume.notes)
    stack, spacing = axial_slices(volume)
    if index is None or not 0 <= index < len(stack):
        raise UsageError(f"--slice must be a number from 0 to {len(stack) - 1} for {path}, not {index}.")
    return _fitted(stack[index], size, spacing, f"{path.name}, slice {index}")


def _fitted(image: np.ndarray, size: int, spacing: tuple[float, float] | None, name: str) -> SliceToExplain:
    spacing = spacing if size else None
    return SliceToExplain(fit_image(image, size, spacing), None, name, image.astype(np.float32), spacing)


def slice_of_run(folder: Path | str, identifier: str | None, reading_name: str) -> SliceToExplain:
    """A slice of a run's own data.

    Args:
        folder: the run folder; anything else that a network can be read from is refused.
        identifier: id of the slice; None takes the test slice with the median Dice of
            `reading_name`.
        reading_name: name of a reading of the run.

    Raises:
        UsageError: `folder` is no run folder.
        KgpError: the run has no data or no such slice, or has not been evaluated.
    """
    if isinstance(folder, str) or not (folder / "config.json").is_file():
        raise UsageError(f"{folder} is no run folder, so it has no data of its own; name an INPUT.")
    run = read_run(folder)
    if not run.data:
        raise KgpError(f"{folder} has no data of its own; name an INPUT.")
    cohort = cohort_of_run(run)
    if identifier is None:
        identifier = _median_slice(folder / "predictions.csv", reading_name)
    row = next((row for row in cohort.rows if row.id == identifier), None)
    if row is None:
        raise KgpError(f"{cohort.name} has no slice {identifier!r}.")
    own = read_own_slice(cohort, row)
    return SliceToExplain(read_image(cohort, row), own.mask, identifier, own.image, own.fit_spacing)


def _median_slice(predictions: Path, reading_name: str) -> str:
    """Id of the tumour slice with the median Dice in predictions.csv; of two, the lower one."""
    if not predictions.is_file():
        raise KgpError(f"{predictions.parent} has not been evaluated; name an INPUT or a slice with --id.")
    rows = [row for row in read_table(predictions).rows if row.get("true_pixels") not in (None, "", "0")]
    if not rows:
        raise KgpError(f"{predictions} has no slice with a true mask; name a slice with --id.")
    rows.sort(key=lambda row: float(row[f"dice_{reading_name}"]))
    return str(rows[(len(rows) - 1) // 2]["id"])
