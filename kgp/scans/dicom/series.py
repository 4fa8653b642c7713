"""One DICOM series as a volume; read only. Slices are ordered by position, never by file name or instance number."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.scans.dicom.place import Place, read_place, stack
from kgp.scans.volume import Volume


def read_dicom_series(folder: Path, contrast: str) -> Volume:
    """Reads the one series of single-frame images in a folder.

    Args:
        folder: every readable DICOM file in it must belong to one series.
        contrast: name that the one channel is to have.

    Returns:
        The rescaled intensities with an affine in right-anterior-superior millimetres.

    Raises:
        KgpError: pydicom is missing; there is no image or there are several series; a position, orientation or spacing is
            missing; slices are doubled, missing, or not parallel; or pixels cannot be read.
    """
    try:
        import pydicom
    except ImportError:
        raise KgpError('Reading DICOM needs pydicom; install it with: pip install "kgp[console]"') from None
    datasets = [
        dataset for path in sorted(folder.iterdir()) if path.is_file() and (dataset := _open(pydicom, path)) is not None
    ]
    if not datasets:
        raise KgpError(f"{folder} holds no DICOM image.")
    series = dict(_series(dataset) for dataset in datasets)
    if len(series) > 1:
        raise KgpError(
            f"{folder} holds {len(series)} series ({', '.join(repr(text) for text in series.values())}); give a "
            "folder with one."
        )
    order, affine = stack(str(folder), [_place(dataset) for dataset in datasets])
    data = np.stack([_pixels(datasets[index]).T for index in order], axis=-1)
    return Volume(data[..., None], affine, (contrast,))


def _open(pydicom: Any, path: Path) -> Any:
    """The image in a file, or None where the file is something else."""
    try:
        with _one_sentence(path):
            dataset = pydicom.dcmread(path)
    except pydicom.errors.InvalidDicomError:
        if path.suffix.lower() == ".dcm":
            raise KgpError(f"{path} is cut short or not a DICOM file.") from None
        return None
    if "PixelData" in dataset and "SeriesInstanceUID" in dataset:
        return dataset
    # A report or a directory may lie beside the images; an image cut short must not be taken for one.
    kind = pydicom.uid.UID(str(dataset.file_meta.get("MediaStorageSOPClassUID", "")))
    if not kind or "Image Storage" in kind.name:
        raise KgpError(f"{path} is a DICOM image without pixels or SeriesInstanceUID; it may be cut short.")
    return None


def _series(dataset: Any) -> tuple[str, str]:
    """UID and description of the series."""
    with _one_sentence(dataset.filename):
        return str(dataset.SeriesInstanceUID), str(dataset.get("SeriesDescription", ""))


def _place(dataset: Any) -> Place:
    with _one_sentence(dataset.filename):
        return read_place(dataset, str(dataset.filename))


def _pixels(dataset: Any) -> np.ndarray:
    """Rescaled intensities float32 [rows, columns]."""
    from kgp.scans.dicom.damage import DAMAGE
    from kgp.scans.dicom.pixels import rescaled

    try:
        pixels = dataset.pixel_array
    except DAMAGE as error:
        reason = str(error).partition("\n")[0].rstrip(".:")  # pydicom lists every decoder, a line each
        raise KgpError(f"{dataset.filename}: the pixels cannot be read: {reason}.") from None
    if pixels.ndim != 2:
        raise KgpError(f"{dataset.filename} holds {pixels.ndim}-dimensional pixels where one grey slice is expected.")
    with _one_sentence(dataset.filename):
        return rescaled(dataset, pixels[None], str(dataset.filename))[0]


@contextlib.contextmanager
def _one_sentence(path: Path | str) -> Iterator[None]:
    """Turns what pydicom raises for a damaged file, which may be as late as when a value is looked at, into one sentence."""
    from kgp.scans.dicom.damage import DAMAGE

    try:
        yield
    except KgpError:
        raise
    except DAMAGE as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise KgpError(f"{path} is cut short or damaged: {reason}.") from None
