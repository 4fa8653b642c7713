"""One DICOM series as a volume; read only. Slices are ordered by position, never by file name or instance number."""

import struct
from pathlib import Path
from typing import Any

import numpy as np

from kgp.data.volume import Volume
from kgp.errors import KgpError

_MOST_VOXELS = 1 << 30
_PARALLEL = 1e-3
_RIGHT_ANGLE = 1e-2  # direction cosines are often written with three decimals
_GAP = 0.05  # tolerated difference of slice distances, as a share of their median
_PLACE = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2, "Rows": 1, "Columns": 1}


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
    series = {str(dataset.SeriesInstanceUID): str(dataset.get("SeriesDescription", "")) for dataset in datasets}
    if len(series) > 1:
        raise KgpError(
            f"{folder} holds {len(series)} series ({', '.join(repr(text) for text in series.values())}); give a "
            "folder with one."
        )
    for dataset in datasets:
        _check_place(dataset)
    return _assemble(folder, datasets, contrast)


def _open(pydicom: Any, path: Path) -> Any:
    """The image in a file, or None where the file is something else."""
    try:
        dataset = pydicom.dcmread(path)
    except pydicom.errors.InvalidDicomError:
        if path.suffix.lower() == ".dcm":
            raise KgpError(f"{path} is cut short or not a DICOM file.") from None
        return None
    except (struct.error, EOFError, ValueError, KeyError, NotImplementedError) as error:
        raise KgpError(f"{path} is cut short or damaged: {error}.") from None
    if "PixelData" in dataset and "SeriesInstanceUID" in dataset:
        return dataset
    # A report or a directory may lie beside the images; an image cut short must not be taken for one.
    kind = pydicom.uid.UID(str(dataset.file_meta.get("MediaStorageSOPClassUID", "")))
    if not kind or "Image Storage" in kind.name:
        raise KgpError(f"{path} is a DICOM image without pixels or SeriesInstanceUID; it may be cut short.")
    return None


def _check_place(dataset: Any) -> None:
    """Refuses an image whose place in space is missing or cannot be."""
    for name, count in _PLACE.items():
        try:
            value = dataset.get(name)
            numbers = np.atleast_1d(np.array(value or [], float))
        except (ValueError, TypeError):
            raise KgpError(f"{dataset.filename} has text for {name} where numbers are expected.") from None
        if numbers.size == 0:
            raise KgpError(f"{dataset.filename} has no {name}, so its place in space is not known.")
        if numbers.shape != (count,) or not np.isfinite(numbers).all():
            raise KgpError(f"{dataset.filename} has the {name} {value} where {count} finite number(s) are expected.")
    spacing = np.array(dataset.PixelSpacing, float)
    if (spacing <= 0).any():
        raise KgpError(
            f"{dataset.filename} has the PixelSpacing {dataset.PixelSpacing} where millimetres are expected."
        )
    directions = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3)
    if not np.allclose(directions @ directions.T, np.eye(2), atol=_RIGHT_ANGLE):
        raise KgpError(
            f"{dataset.filename} has the ImageOrientationPatient {dataset.ImageOrientationPatient} where two directions "
            "of length 1 at right angles are expected."
        )


def _assemble(folder: Path, datasets: list[Any], contrast: str) -> Volume:
    along_row, along_column = np.array(datasets[0].ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(along_row, along_column)
    shape = (int(datasets[0].Rows), int(datasets[0].Columns))
    if shape[0] * shape[1] * len(datasets) > _MOST_VOXELS:
        raise KgpError(f"{folder} claims {shape[0]}x{shape[1]}x{len(datasets)} voxels, more than are read.")
    for dataset in datasets:
        if not np.allclose(
            np.array(dataset.ImageOrientationPatient, float), [*along_row, *along_column], atol=_PARALLEL
        ):
            raise KgpError(f"{dataset.filename} is not parallel to the other slices of {folder}.")
        if (int(dataset.Rows), int(dataset.Columns)) != shape or not np.allclose(
            np.array(dataset.PixelSpacing, float), np.array(datasets[0].PixelSpacing, float), atol=1e-4
        ):
            raise KgpError(f"{dataset.filename} has another matrix or pixel spacing than the other slices of {folder}.")
    datasets = sorted(
        datasets, key=lambda dataset: float(np.dot(normal, np.array(dataset.ImagePositionPatient, float)))
    )
    step = _step(folder, datasets)
    spacing = [float(value) for value in datasets[0].PixelSpacing]
    first = np.array(datasets[0].ImagePositionPatient, float)
    affine = np.eye(4)
    # PixelSpacing is (between rows, between columns); along a row the column index grows.
    affine[:3, 0] = along_row * spacing[1]
    affine[:3, 1] = along_column * spacing[0]
    affine[:3, 2] = step
    affine[:3, 3] = first
    data = np.stack([_pixels(dataset).T for dataset in datasets], axis=-1)
    # DICOM's patient axes run to left and back; ours to right and front.
    return Volume(data[..., None], np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine, (contrast,))


def _step(folder: Path, datasets: list[Any]) -> np.ndarray:
    """The vector from one slice to the next."""
    positions = np.array([[float(value) for value in dataset.ImagePositionPatient] for dataset in datasets])
    normal = np.cross(*np.array(datasets[0].ImageOrientationPatient, float).reshape(2, 3))
    if len(positions) == 1:
        thickness = float(datasets[0].get("SliceThickness", 0) or 0)
        if thickness <= 0:
            raise KgpError(
                f"{datasets[0].filename} is a single slice without SliceThickness, so its depth is not known."
            )
        return normal * thickness
    steps = np.diff(positions, axis=0)
    distances = steps @ normal
    median = float(np.median(distances))
    if distances.min() < _GAP * median or median == 0:
        raise KgpError(f"{folder} has two slices at one position; give a folder with one series of one time point.")
    if np.abs(distances - median).max() > _GAP * median:
        place = int(np.argmax(np.abs(distances - median)))
        raise KgpError(
            f"{folder} has a gap of {distances[place]:.2f} mm between slices {place + 1} and {place + 2} where "
            f"the others are {median:.2f} mm apart; a slice is missing."
        )
    aside = np.linalg.norm(steps - np.median(steps, axis=0), axis=1)
    if aside.max() > _GAP * median:
        place = int(np.argmax(aside))
        raise KgpError(
            f"{folder} has slices that do not lie in one straight stack: slice {place + 2} is shifted against slice "
            f"{place + 1} otherwise than the others are."
        )
    return (positions[-1] - positions[0]) / (len(positions) - 1)


def _pixels(dataset: Any) -> np.ndarray:
    """Rescaled intensities float32 [rows, columns]."""
    try:
        pixels = dataset.pixel_array
    except (ValueError, RuntimeError, AttributeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0].rstrip(".:")  # pydicom lists every decoder, a line each
        raise KgpError(f"{dataset.filename}: the pixels cannot be read: {reason}.") from None
    if pixels.ndim != 2:
        raise KgpError(f"{dataset.filename} holds {pixels.ndim}-dimensional pixels where one grey slice is expected.")
    slope, intercept = float(dataset.get("RescaleSlope", 1) or 1), float(dataset.get("RescaleIntercept", 0) or 0)
    return pixels.astype(np.float32) * slope + intercept
