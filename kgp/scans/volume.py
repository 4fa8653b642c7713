"""Volumes: reading co-registered contrasts from NIfTI, cutting axial slices for display, and writing maps back.

Geometry is never guessed: the affine of the source says which axis is which, and maps go back onto the source's grid with
the source's affine and codes.
"""

import dataclasses
import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import io_orientation
from nibabel.spatialimages import HeaderDataError

from kgp.errors import KgpError
from kgp.files import atomic_path

_MOST_VOXELS = 1 << 28  # 1 GiB of float32 for each contrast
_SAME_MM = 1e-3
_DAMAGE = (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error)
# A voxel axis whose direction is less clear than this cannot be called left-right, front-back or up-down.
_CLEAR = 0.75
_QFORM = ("qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "pixdim")


@dataclasses.dataclass(frozen=True)
class Volume:
    """Contrasts on one grid.

    Attributes:
        data: float32 [X, Y, Z, C] in the source's voxel order.
        affine: [4, 4] from voxel indices to millimetres, right-anterior-superior.
        contrasts: names of the C contrasts.
        header: NIfTI header of the contrast that gives the grid, or None where the source is not NIfTI.
    """

    data: np.ndarray
    affine: np.ndarray
    contrasts: tuple[str, ...]
    header: nibabel.Nifti1Header | None = None

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between voxel centres along the three voxel axes."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return (float(x), float(y), float(z))

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel, also where the slices of a stack lie further and further aside."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))


def read_volume(paths: dict[str, Path], resample_to: str | None = None) -> Volume:
    """Reads one NIfTI file for each contrast.

    Args:
        paths: file of each contrast, in the order of the channels.
        resample_to: a contrast onto whose grid the others are resampled by their affines (linear interpolation). Without
            it all must share one grid.

    Raises:
        KgpError: a file is missing, damaged, not three-dimensional or holds a NaN; the grids differ; or there is no such
            contrast.
    """
    if resample_to is not None and resample_to not in paths:
        raise KgpError(f"--resample-to must be one of {', '.join(paths)}, not {resample_to!r}.")
    images = {contrast: _open(Path(path)) for contrast, path in paths.items()}
    reference = resample_to or next(iter(images))
    target = images[reference]
    channels = []
    for contrast, image in images.items():
        if _same_grid(image, target):
            channels.append(_data(image))
        elif resample_to is None:
            raise KgpError(
                f"{paths[contrast]} ({_grid(image)}) is not on the grid of {paths[reference]} ({_grid(target)}); "
                "kgp segment and explain resample with --resample-to CONTRAST, data to train on have to share a grid."
            )
        else:
            channels.append(on_grid(_data(image), image.affine, target.shape, target.affine)[0])
    return Volume(np.stack(channels, axis=-1), np.asarray(target.affine, np.float64), tuple(images), target.header)


def axial_slices(volume: Volume) -> tuple[np.ndarray, tuple[float, float]]:
    """Axial slices as a radiologist looks at them, from below upwards.

    Returns:
        Stack [D, H, W, C] (rows from front to back, columns from the patient's right to left), and the spacing
        (between rows, between columns) in millimetres.

    Raises:
        KgpError: the volume lies too obliquely for its axes to be told apart.
    """
    permutation, flips = _to_display(volume.affine)
    stack = np.transpose(volume.data, (*permutation, 3))
    stack = np.ascontiguousarray(np.flip(stack, axis=flips))
    return stack, (volume.spacing[permutation[1]], volume.spacing[permutation[2]])


def to_volume(stack: np.ndarray, volume: Volume) -> np.ndarray:
    """A stack [D, H, W, ...] in the order of `axial_slices` on the voxel grid [X, Y, Z, ...] of `volume`, exactly."""
    permutation, flips = _to_display(volume.affine)
    rest = tuple(range(3, stack.ndim))
    back = tuple(int(axis) for axis in np.argsort(permutation))
    return np.ascontiguousarray(np.transpose(np.flip(stack, axis=flips), (*back, *rest)))


def to_voxels(points: np.ndarray, shape: tuple[int, ...], volume: Volume) -> np.ndarray:
    """Where points of a stack in the order of `axial_slices` lie on the voxel grid of `volume`.

    Args:
        points: (slice, row, column), [N, 3]; whole numbers are pixel centres.
        shape: (D, H, W) of the stack.

    Returns:
        Voxel indices [N, 3], of the type of `points`.
    """
    permutation, flips = _to_display(volume.affine)
    voxels = np.empty_like(points)
    for place, axis in enumerate(permutation):
        voxels[:, axis] = shape[place] - 1 - points[:, place] if place in flips else points[:, place]
    return voxels


def on_grid(
    data: np.ndarray, affine: np.ndarray, shape: tuple[int, ...], target_affine: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Values at the voxel centres of another grid, by linear interpolation; the lowest value outside the field of view.

    Args:
        data: [X, Y, Z], with `affine` from its indices to millimetres.
        shape: of the other grid, with `target_affine`.

    Returns:
        The values, and whether they had to be resampled: a grid that is the same to 0.001 mm is taken as it is.
    """
    if data.shape == tuple(shape) and _same_affine(affine, target_affine):
        return data, False
    matrix = np.linalg.inv(affine) @ target_affine
    lowest = float(data.min())
    from scipy import ndimage  # here, as it would slow the start of a console

    moved = ndimage.affine_transform(
        data, matrix[:3, :3], matrix[:3, 3], output_shape=shape, order=1, mode="constant", cval=lowest
    )
    return moved, True


def coverage(
    shape: tuple[int, ...], affine: np.ndarray, target_shape: tuple[int, ...], target_affine: np.ndarray
) -> float:
    """Share in 0 .. 1 of the voxel centres of a target grid that lie inside the voxels of another grid."""
    if tuple(shape) == tuple(target_shape) and _same_affine(affine, target_affine):
        return 1.0
    matrix = np.linalg.inv(affine) @ target_affine
    inside = np.ones(target_shape, bool)
    axes = np.ogrid[tuple(slice(size) for size in target_shape)]
    for row, size in zip(matrix[:3], shape, strict=True):
        index = sum(factor * axis for factor, axis in zip(row[:3], axes, strict=True)) + row[3]
        inside &= (index > -0.5 - _SAME_MM) & (index < size - 0.5 + _SAME_MM)
    return float(inside.mean())


def write_nifti(values: np.ndarray, volume: Volume, path: Path) -> None:
    """Writes an array on the grid of `volume` as NIfTI with its affine, qform and sform codes and units, atomically.

    Args:
        values: [X, Y, Z] of bool, uint8 or float32.
        path: ending .nii or .nii.gz.
    """
    values = values.astype(np.uint8) if values.dtype == bool else values
    image = nibabel.Nifti1Image(values, volume.affine)
    if volume.header is not None:
        sform, qform = int(volume.header["sform_code"]), int(volume.header["qform_code"])
        image.set_sform(volume.affine, sform if sform or qform else 1)
        image.set_qform(volume.affine, qform)
        # The fields as they stand: a qform may differ from the sform, and a unit may be one that nobody defined.
        for field in ("xyzt_units", *(_QFORM if qform else ())):
            image.header[field] = volume.header[field]
    with atomic_path(path) as temporary:
        image.to_filename(temporary)


def _open(path: Path) -> nibabel.Nifti1Image:
    try:
        image = nibabel.load(path)
    except FileNotFoundError:
        raise KgpError(f"{path} is missing.") from None
    except (ImageFileError, HeaderDataError, *_DAMAGE) as error:
        raise KgpError(f"{path} cannot be read as NIfTI: {error}.") from None
    if not isinstance(image, nibabel.Nifti1Image | nibabel.Nifti2Image):
        raise KgpError(f"{path} is not a NIfTI file.")
    if len(image.shape) != 3:
        raise KgpError(f"{path} has {len(image.shape)} dimensions where a volume of three is expected.")
    if not np.isfinite(image.affine).all():
        raise KgpError(f"{path} has an affine that cannot be used: it holds values that are not finite.")
    if np.linalg.matrix_rank(image.affine[:3, :3]) < 3:
        raise KgpError(f"{path} has an affine that cannot be used: it does not span three dimensions.")
    if image.get_data_dtype().kind not in "biuf":
        raise KgpError(f"{path} holds values of type {image.get_data_dtype()} where real numbers are expected.")
    if 0 in image.shape:
        raise KgpError(f"{path} holds no voxel: its size is {'x'.join(map(str, image.shape))}.")
    if np.prod(image.shape, dtype=np.int64) > _MOST_VOXELS:
        raise KgpError(f"{path} claims {'x'.join(map(str, image.shape))} voxels, more than are read.")
    return image


def _data(image: nibabel.Nifti1Image) -> np.ndarray:
    path = image.get_filename()
    try:
        data = np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged"))
    except _DAMAGE as error:
        raise KgpError(f"{path} is cut short or damaged: {error}.") from None
    if not np.isfinite(data).all():
        raise KgpError(f"{path} holds values that are not finite (NaN or infinity).")
    return data


def _same_grid(one: nibabel.Nifti1Image, other: nibabel.Nifti1Image) -> bool:
    return one.shape == other.shape and _same_affine(one.affine, other.affine)


def _same_affine(one: np.ndarray, other: np.ndarray) -> bool:
    return np.allclose(one, other, rtol=0, atol=_SAME_MM)


def _grid(image: nibabel.Nifti1Image) -> str:
    zooms = "x".join(f"{zoom:.3g}" for zoom in image.header.get_zooms()[:3])
    return f"{'x'.join(map(str, image.shape))} voxels of {zooms} mm"


def _to_display(affine: np.ndarray) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """Permutation of voxel axes to (slice, row, column), and which of the three are then to be flipped."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    orientation = io_orientation(affine)
    clear = np.abs(directions).max(axis=0)
    if np.isnan(orientation).any() or (clear < _CLEAR).any():
        raise KgpError(
            "The volume lies too obliquely to cut axial slices: a voxel axis is "
            f"{np.degrees(np.arccos(clear.min())):.0f} degrees off every anatomical axis."
        )
    axis_of = {int(anatomical): voxel for voxel, (anatomical, _) in enumerate(orientation)}
    permutation = (axis_of[2], axis_of[1], axis_of[0])
    # Slices run upwards (+S); rows run from front to back (-A), columns from right to left (-R).
    wanted = (1.0, -1.0, -1.0)
    flips = tuple(
        place
        for place, (axis, sign) in enumerate(zip(permutation, wanted, strict=True))
        if orientation[axis][1] != sign
    )
    return permutation, flips
