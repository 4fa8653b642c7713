"""NIfTI volumes with a table.

volumes.csv has one row a volume: case, patient, label, label_name; one column for each contrast
with the path of its file; optional: group (what splits go by), mask or seg (path of the mask).
Paths are relative to the table's folder. A slice has the volume's label; where there is a mask,
slices without tumour have label 0, under the name that the table gives it, else "no_tumour". Slices
that are nearly empty are left out.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgp.data.sources.mask_values import tumour_mask
from kgp.data.sources.source import DataFault, SourceSlice
from kgp.errors import KgpError
from kgp.files import printable, read_table
from kgp.scans.geometry_notes import turned_note
from kgp.scans.grid import on_grid
from kgp.scans.volume import Volume, axial_slices, read_volume

NO_TUMOUR = (0, "no_tumour")
LEAST_BRAIN = 0.12
_MASKS = ("mask", "seg")
_KNOWN = ("case", "patient", "group", "label", "label_name", *_MASKS)
_REQUIRED = ("case", "patient", "label", "label_name")


class NiftiSource:
    """Reader of volumes listed in a table; a case is one volume.

    Args:
        path: folder; paths in the table are relative to the table.
        contrasts: columns to use, in order; default all columns that are no other field.
        csv_path: the table; default volumes.csv in the folder.

    Raises:
        KgpError: the table is missing, lacks a column, or lists nothing.
    """

    name = "nifti"

    def __init__(self, path: Path, contrasts: tuple[str, ...] = (), csv_path: Path | None = None) -> None:
        self.table = csv_path or Path(path) / "volumes.csv"
        self._rows, columns = _read_volumes(self.table)
        self.contrasts = contrasts or tuple(column for column in columns if column not in _KNOWN)
        zero = next((row["label_name"] for row in self._rows if int(row["label"]) == 0), "")
        self._no_tumour = (0, zero or NO_TUMOUR[1])
        missing = [name for name in self.contrasts if name not in columns]
        if missing or not self.contrasts:
            raise KgpError(
                f"{self.table} has no column for the contrast {missing[0] if missing else ''!r}; "
                f"its columns are {', '.join(columns)}."
            )

    def cases(self) -> list[str]:
        """Cases, sorted."""
        return sorted({row["case"] for row in self._rows})

    def read(self, case: str) -> Iterator[SourceSlice]:
        """The slices of one volume, from below upwards."""
        row, *others = (row for row in self._rows if row["case"] == case)
        if others:
            raise KgpError(f"case {case!r} stands {1 + len(others)} times in {self.table}.")
        folder = self.table.parent
        for contrast in self.contrasts:
            if not row[contrast]:
                raise KgpError(f"case {case} has no file for the contrast {contrast} in {self.table}.")
        volume = read_volume({contrast: folder / row[contrast] for contrast in self.contrasts})
        mask_path = next((row[column] for column in _MASKS if row.get(column)), None)
        mask = read_mask_volume(folder / mask_path, volume) if mask_path else None
        yield from cut_slices(
            volume,
            mask,
            case=case,
            patient=row["patient"],
            group=row.get("group") or row["patient"],
            label=(int(row["label"]), row["label_name"] or row["label"]),
            no_tumour=self._no_tumour,
        )

    def check(self) -> list[DataFault]:
        """Cases listed twice, and files that are missing."""
        faults = [
            DataFault("error", case, f"case {case!r} stands {count} times in {self.table.name}.")
            for case, count in Counter(row["case"] for row in self._rows).items()
            if count > 1
        ]
        for row in self._rows:
            for column in (*self.contrasts, *_MASKS):
                path = self.table.parent / row[column] if row.get(column) else None
                if path is None and column not in _MASKS:
                    faults.append(DataFault("error", row["case"], f"the contrast {column} is missing."))
                elif path is not None and not path.is_file():
                    faults.append(DataFault("error", row["case"], f"{column} {path} is missing."))
        return faults


@dataclasses.dataclass(frozen=True)
class MaskVolume:
    """Where a mask says that there is tumour.

    Attributes:
        tumour: bool [X, Y, Z].
        notes: as in `kgp.data.sources.source.SourceSlice`.
    """

    tumour: np.ndarray
    notes: tuple[str, ...] = ()


def read_mask_volume(path: Path, volume: Volume, no_tumour: tuple[int, ...] = ()) -> MaskVolume:
    """A mask on the grid of a volume; see `kgp.data.sources.mask_values`.

    Args:
        no_tumour: labels above 0 that are no tumour either.

    Raises:
        KgpError: the file cannot be read, lies on another grid, or does not say what is tumour.
    """
    mask = read_volume({"mask": path})
    values = on_grid(mask.data[..., 0], mask.grid, volume.grid)
    if values is None:
        raise KgpError(
            f"{path} is not on the grid of its contrasts ({'x'.join(map(str, mask.grid.shape))} against "
            f"{'x'.join(map(str, volume.grid.shape))} voxels): their corners lie up to "
            f"{mask.grid.corner_distance(volume.grid):.3g} mm apart."
        )
    tumour, notes = tumour_mask(values, path, "voxels", no_tumour)
    turned = () if mask.grid.is_same(volume.grid) else (turned_note([printable(path.name)], "its contrasts"),)
    return MaskVolume(tumour, (*mask.notes, *turned, *notes))


def cut_slices(
    volume: Volume,
    mask: MaskVolume | None,
    *,
    case: str,
    patient: str,
    group: str,
    label: tuple[int, str],
    no_tumour: tuple[int, str] = NO_TUMOUR,
) -> Iterator[SourceSlice]:
    """The axial slices of a volume that show at least LEAST_BRAIN of brain or some tumour.

    Brain is what differs from the background in every contrast, and the background is the usual
    value of the volume's corners: the lowest value will not do where interpolation undershot, or
    intensities are normalised.

    Args:
        mask: of the volume, or None. Notes on it and on the volume stand at the first slice.
        label: number and name of the volume's label; slices with an empty mask have `no_tumour`
            instead.
    """
    stack, spacing = axial_slices(volume)
    masks = None
    if mask is not None:
        masks = axial_slices(Volume(mask.tumour[..., None], volume.affine, ("mask",)))[0][..., 0]
    notes = (*volume.notes, *(mask.notes if mask else ()))
    ends = tuple(slice(None, None, max(length - 1, 1)) for length in stack.shape[:3])
    background = np.median(stack[ends], axis=(0, 1, 2))
    for index, image in enumerate(stack):
        tumour = masks is not None and bool(masks[index].any())
        if not tumour and (image != background).all(axis=-1).mean() < LEAST_BRAIN:
            continue
        number, name = label if masks is None or tumour else no_tumour
        yield SourceSlice(
            id=f"{case}_{index:03d}",
            patient=patient,
            group=group,
            label=number,
            label_name=name,
            image=image,
            mask=None if masks is None else masks[index],
            spacing=spacing,
            volume=case,
            index=index,
            notes=notes,
        )
        notes = ()


def _read_volumes(path: Path) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """Rows and columns of the table, checked."""
    table = read_table(path, _REQUIRED)
    rows, columns = table.rows, table.columns
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise KgpError(f"{path} has two columns {twice[0]!r}.")
    if not rows:
        raise KgpError(f"{path} lists no volume.")
    for line, row in enumerate(rows, start=2):
        blank = next((column for column in ("case", "patient") if not row[column].strip()), None)
        if blank:
            raise KgpError(f"{path} has no {blank} in line {line}.")
    bad = next((row for row in rows if not row["label"].isdecimal()), None)
    if bad:
        raise KgpError(
            f"{path} has the label {bad['label']!r} for case {bad['case']} where a whole number is expected."
        )
    return rows, columns
