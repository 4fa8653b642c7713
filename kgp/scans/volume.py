"""Volumes: reading contrasts from NIfTI, cutting axial slices, and writing maps back.

Geometry is never guessed: the affine of the source says which axis is which, and maps go back onto
the source's grid with the source's affine and codes.
"""

import dataclasses
import zlib
from pathlib import Path

import nibabel
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from kgp.errors import KgpError
from kgp.files import atomic_path, printable
from kgp.scans.geometry_notes import geometry_notes, turned_note
from kgp.scans.grid import MOST_VOXELS, Grid, display_axes, on_grid, resample
from kgp.scans.not_nifti import what_stands_instead
from kgp.scans.part_of_4d import split_number, volume_of

_DAMAGE = (OSError, EOFError, ValueError, OverflowError, MemoryError, zlib.error)
_QFORM_FIELDS = (
    "qform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z", "pixdim",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Volume:
    """Contrasts on one grid.

    Attributes:
        data: float32 [X, Y, Z, C] in the source's voxel order.
        affine: [4, 4] from voxel indices to millimetres, right-anterior-superior.
        contrasts: names of the C contrasts.
        header: NIfTI header of the contrast that gives the grid, or None where the source is not
            NIfTI.
        notes: sentences on what was done to read it and may be wrong, each beginning with a verb.
    """

    data: np.ndarray
    affine: np.ndarray
    contrasts: tuple[str, ...]
    header: nibabel.Nifti1Header | None = None
    notes: tuple[str, ...] = ()

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        x, y, z = self.data.shape[:3]
        return Grid(self.affine, (x, y, z), self.header)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimetres between voxel centres along the three voxel axes."""
        return self.grid.spacing


def read_volume(paths: dict[str, Path], resample_to: str | None = None) -> Volume:
    """Reads one NIfTI file for each contrast.

    Args:
        paths: file of each contrast, in the order of the channels.
        resample_to: a contrast onto whose grid the others are resampled by their affines (linear
            interpolation). Without it all must share one grid, up to the order and direction of its
            axes.

    Returns:
        The contrasts on the grid of the first, or of `resample_to`; its `notes` tell of headers
        that contradict themselves or say nothing, and of axes that were turned.

    Raises:
        KgpError: a file is missing, damaged, not three-dimensional or holds a NaN; the grids
            differ; or there is no such contrast.
    """
    if resample_to is not None and resample_to not in paths:
        raise KgpError(f"--resample-to must be one of {', '.join(paths)}, not {resample_to!r}.")
    images = {contrast: _open(Path(path)) for contrast, path in paths.items()}
    names = {contrast: printable(Path(path).name) for contrast, path in paths.items()}
    if len(set(names.values())) < len(names):  # one folder for each contrast
        names = {contrast: contrast for contrast in paths}
    reference = resample_to or next(iter(images))
    target = _grid(images[reference])
    channels, turned = [], []
    for contrast, image in images.items():
        grid, data = _grid(image), _data(image)
        exact = on_grid(data, grid, target)
        if exact is None and resample_to is None:
            raise KgpError(
                f"{paths[contrast]} ({_grid_in_words(image)}) is not on the grid of {paths[reference]} "
                f"({_grid_in_words(images[reference])}): their corners lie up to {grid.corner_distance(target):.3g} mm "
                "apart; kgp segment and explain resample with --resample-to CONTRAST, data to train on have to share a "
                "grid."
            )
        if exact is not None and exact is not data:
            turned.append(names[contrast])
        channels.append(resample(data, grid, target) if exact is None else exact)
    notes = geometry_notes({names[contrast]: image for contrast, image in images.items()})
    if turned:
        notes.append(turned_note(turned, names[reference]))
    affine = np.asarray(target.affine, np.float64)
    return Volume(np.stack(channels, axis=-1), affine, tuple(images), target.header, tuple(notes))


def axial_slices(volume: Volume) -> tuple[np.ndarray, tuple[float, float]]:
    """Axial slices as a radiologist looks at them, from below upwards.

    Returns:
        Stack [D, H, W, C] (rows from front to back, columns from the patient's right to left), and
        the spacing (between rows, between columns) in millimetres.

    Raises:
        KgpError: the volume lies too obliquely for its axes to be told apart.
    """
    permutation, flips = display_axes(volume.affine)
    stack = np.transpose(volume.data, (*permutation, 3))
    stack = np.ascontiguousarray(np.flip(stack, axis=flips))
    return stack, (volume.spacing[permutation[1]], volume.spacing[permutation[2]])


def to_volume(stack: np.ndarray, grid: Grid) -> np.ndarray:
    """Brings a stack in the order of `axial_slices` back to the voxel axes, exactly.

    Args:
        stack: [D, H, W, ...].
        grid: the grid of the volume that it was cut from.

    Returns:
        [X, Y, Z, ...].
    """
    permutation, flips = display_axes(grid.affine)
    rest = tuple(range(3, stack.ndim))
    back = tuple(int(axis) for axis in np.argsort(permutation))
    return np.ascontiguousarray(np.transpose(np.flip(stack, axis=flips), (*back, *rest)))


def to_voxels(points: np.ndarray, shape: tuple[int, ...], grid: Grid) -> np.ndarray:
    """Where points of a stack in the order of `axial_slices` lie on the voxel axes of `grid`.

    Args:
        points: (slice, row, column), [N, 3]; whole numbers are pixel centres.
        shape: (D, H, W) of the stack.
        grid: the grid of the volume that the stack was cut from.

    Returns:
        Voxel indices [N, 3], of the type of `points`.
    """
    permutation, flips = display_axes(grid.affine)
    voxels = np.empty_like(points)
    for index, axis in enumerate(permutation):
        along = points[:, index]
        voxels[:, axis] = shape[index] - 1 - along if index in flips else along
    return voxels


def write_nifti(values: np.ndarray, grid: Grid, path: Path) -> None:
    """Writes an array as NIfTI with affine, codes and units of its grid, atomically.

    Args:
        values: [X, Y, Z] of bool, uint8 or float32, on `grid`.
        path: ending .nii or .nii.gz.
    """
    values = values.astype(np.uint8) if values.dtype == bool else values
    image = nibabel.Nifti1Image(values, grid.affine)
    if grid.header is not None:
        sform, qform = int(grid.header["sform_code"]), int(grid.header["qform_code"])
        image.set_sform(grid.affine, sform if sform or qform else 1)
        image.set_qform(grid.affine, qform)
        # The fields as they are: a qform may differ from the sform, and a unit may be undefined.
        for field in ("xyzt_units", *(_QFORM_FIELDS if qform else ())):
            image.header[field] = grid.header[field]
    with atomic_path(path) as temporary:
        image.to_filename(temporary)


def _open(path: Path) -> nibabel.Nifti1Image:
    file, number = split_number(path)
    try:
        image = nibabel.load(file)
    except FileNotFoundError:
        raise KgpError(f"{path} is missing.") from None
    except (ImageFileError, HeaderDataError, *_DAMAGE) as error:
        instead = what_stands_instead(file)
        why = f"it {instead}" if instead else error
        raise KgpError(f"{path} cannot be read as NIfTI: {why}.") from None
    if not isinstance(image, nibabel.Nifti1Image | nibabel.Nifti2Image):
        raise KgpError(f"{path} is not a NIfTI file.")
    if number is not None:
        image = volume_of(image, file, number)
    if len(image.shape) < 3 or any(size > 1 for size in image.shape[3:]):
        raise KgpError(
            f"{path} has {len(image.shape)} dimensions where a volume of three is expected: it holds "
            f"{'x'.join(map(str, image.shape))} values"
            f"{f' ({path.name}[0] in volumes.csv is the first of its volumes)' if len(image.shape) == 4 else ''}."
        )
    if not np.isfinite(image.affine).all():
        raise KgpError(f"{path} has an affine that cannot be used: it holds values that are not finite.")
    if np.linalg.matrix_rank(image.affine[:3, :3]) < 3:
        raise KgpError(f"{path} has an affine that cannot be used: it does not span three dimensions.")
    if image.get_data_dtype().kind not in "biuf":
        raise KgpError(f"{path} holds values of type {image.get_data_dtype()} where real numbers are expected.")
    if 0 in image.shape:
        raise KgpError(f"{path} holds no voxel: its size is {'x'.join(map(str, image.shape))}.")
    if np.prod(image.shape, dtype=np.int64) > MOST_VOXELS:
        raise KgpError(f"{path} claims {'x'.join(map(str, image.shape))} voxels, more than are read.")
    return image


def _data(image: nibabel.Nifti1Image) -> np.ndarray:
    path = image.get_filename()
    try:
        # Dimensions beyond the third hold one value each.
        data = np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged")).reshape(image.shape[:3])
    except _DAMAGE as error:
        raise KgpError(f"{path} is cut short or damaged: {error}.") from None
    if not np.isfinite(data).all():
        raise KgpError(f"{path} holds values that are not finite (NaN or infinity).")
    return data


def _grid(image: nibabel.Nifti1Image) -> Grid:
    x, y, z = image.shape[:3]
    return Grid(image.affine, (x, y, z), image.header)


def _grid_in_words(image: nibabel.Nifti1Image) -> str:
    zooms = "x".join(f"{zoom:.3g}" for zoom in image.header.get_zooms()[:3])
    return f"{'x'.join(map(str, image.shape[:3]))} voxels of {zooms} mm"
