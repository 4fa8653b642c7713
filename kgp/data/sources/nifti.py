"""NIfTI volumes with a table.

volumes.csv has one row a volume: case, patient, label, label_name; one column for each contrast
with the path of its file; optional: group or patient_group (what splits go by), mask or seg (path
of the mask). Paths are relative to the table's folder; FILE[2] is the third volume of a file that
holds several. A slice has the volume's label; where there is a mask, slices without tumour have the
table's label for "no tumour" (`kgp.data.no_tumour`), else a free number under the name "no_tumour".
Slices that are nearly empty are left out.

Where some volumes have masks, one of a tumour label without a mask cannot be used: its slices
without tumour would be called tumour, beside slices of other volumes that are told apart.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgp.data.no_tumour import NAME, label_without_tumour, no_tumour_labels
from kgp.data.sources.mask_values import tumour_mask
from kgp.data.sources.source import DataFault, SourceSlice
from kgp.data.sources.table_columns import MEANT, group_of
from kgp.data.sources.volumes_table import KNOWN, MASKS, contrast_columns, meant_for_mask, read_volumes
from kgp.errors import KgpError
from kgp.files import printable
from kgp.scans.geometry_notes import turned_note
from kgp.scans.grid import display_axes, on_grid
from kgp.scans.part_of_4d import file_of
from kgp.scans.volume import Volume, axial_slices, read_volume
from kgp.spreadsheets import unused_columns

NO_TUMOUR = (0, NAME)
LEAST_BRAIN = 0.12


class NiftiSource:
    """Reader of volumes listed in a table; a case is one volume.

    Args:
        path: folder; paths in the table are relative to the table.
        contrasts: columns to use, in order; default all that name NIfTI files and are no masks.
        csv_path: the table; default volumes.csv in the folder.

    Raises:
        KgpError: the table is missing, lacks a column, or lists nothing.
    """

    name = "nifti"

    def __init__(self, path: Path, contrasts: tuple[str, ...] = (), csv_path: Path | None = None) -> None:
        self.table = csv_path or Path(path) / "volumes.csv"
        self._volumes = read_volumes(self.table, contrasts)
        self._rows, columns = self._volumes.rows, self._volumes.columns
        self.contrasts = contrasts or contrast_columns(self._volumes)
        names: dict[int, str] = {}
        for row in self._rows:
            label = self._volumes.whole_number(row["label"])
            names[label] = names.get(label) or row["label_name"]
        self._with_masks = any(map(_mask_of, self._rows))
        self._no_tumour = label_without_tumour(names)
        self._labels_without_tumour = no_tumour_labels(names) | {self._no_tumour[0]}
        missing = [name for name in self.contrasts if name not in columns]
        if missing or not self.contrasts:
            raise KgpError(
                f"{self.table} has no column for the contrast {missing[0] if missing else ''!r}; "
                f"its columns are {', '.join(columns)}."
            )

    def cases(self) -> list[str]:
        """Cases, sorted."""
        return sorted({row["case"] for row in self._rows})

    def files(self) -> list[Path]:
        """Every file that the table names, in its order; they may lie anywhere."""
        names = [row[column] for row in self._rows for column in (*self.contrasts, *MASKS) if row.get(column)]
        return [file_of(self.table.parent / name) for name in names]

    def read(self, case: str) -> Iterator[SourceSlice]:
        """The slices of one volume, from below upwards."""
        row, *others = (row for row in self._rows if row["case"] == case)
        if others:
            raise KgpError(f"case {case!r} stands {1 + len(others)} times in {self.table}.")
        folder = self.table.parent
        for contrast in self.contrasts:
            if not row[contrast]:
                raise KgpError(f"case {case} has no file for the contrast {contrast} in {self.table}.")
        if self._lacks_mask(row):
            raise KgpError(f"case {case} {self._without_mask(row)}")
        volume = read_volume({contrast: folder / row[contrast] for contrast in self.contrasts})
        mask_path = _mask_of(row)
        mask = read_mask_volume(folder / mask_path, volume) if mask_path else None
        yield from cut_slices(
            volume,
            mask,
            case=case,
            patient=row["patient"],
            group=group_of(row),
            label=self._label(row),
            no_tumour=self._no_tumour,
        )

    def check(self) -> list[DataFault]:
        """Columns that are not used, cases listed twice, files that are missing, and volumes whose
        slices with and without tumour cannot be told apart.
        """
        faults = [
            DataFault("error", case, f"case {case!r} stands {count} times in {self.table.name}.")
            for case, count in Counter(row["case"] for row in self._rows).items()
            if count > 1
        ]
        faults += self._check_table()
        for row in self._rows:
            for column in (*self.contrasts, *MASKS):
                path = self.table.parent / row[column] if row.get(column) else None
                if path is None and column not in MASKS:
                    faults.append(DataFault("error", row["case"], f"the contrast {column} is missing."))
                elif path is not None and not file_of(path).is_file():
                    faults.append(DataFault("error", row["case"], f"{column} {path} is missing."))
            if self._lacks_mask(row):
                faults.append(DataFault("error", row["case"], self._without_mask(row)))
        return faults

    def _check_table(self) -> list[DataFault]:
        """Columns that are not used, two masks of a volume, and no masks at all."""
        columns = self._volumes.columns
        hints = MEANT | {"mask": (*MEANT["mask"], *filter(meant_for_mask, columns))}
        sentences = [unused_columns(columns, (*KNOWN, *self.contrasts), hints)]
        if not self._with_masks and any(map(self._shows_tumour, self._rows)):
            sentences.append(
                "names no mask, so all slices of a volume have its label, those without tumour too; where masks exist, "
                "name them in a column mask."
            )
        if any(len({row[column] for column in MASKS if row.get(column)}) > 1 for row in self._rows):
            sentences.append(f"names two masks of a volume; that of the column {MASKS[0]} is taken.")
        return [DataFault("warning", self.table.name, sentence) for sentence in sentences if sentence]

    def _label(self, row: dict[str, str]) -> tuple[int, str]:
        """Number and name of a volume's label."""
        number = self._volumes.whole_number(row["label"])
        return number, row["label_name"] or (self._no_tumour[1] if number == self._no_tumour[0] else str(number))

    def _shows_tumour(self, row: dict[str, str]) -> bool:
        return self._volumes.whole_number(row["label"]) not in self._labels_without_tumour

    def _lacks_mask(self, row: dict[str, str]) -> bool:
        """Whether a volume with tumour has no mask where others have one."""
        return self._with_masks and not _mask_of(row) and self._shows_tumour(row)

    def _without_mask(self, row: dict[str, str]) -> str:
        return (
            f"has the label {row['label_name'] or row['label']} but no mask in {self.table.name}, where other volumes have "
            "one, so its slices without tumour cannot be told from those with it; name its mask, or leave it out."
        )


def _mask_of(row: dict[str, str]) -> str:
    """Path of a volume's mask, "" where it has none."""
    return next((row[column] for column in MASKS if row.get(column)), "")


@dataclasses.dataclass(frozen=True)
class MaskVolume:
    """Where a mask says that there is tumour.

    Attributes:
        tumour: bool [X, Y, Z].
        labels: the values above 0 of the file, rounded.
        notes: as in `kgp.data.sources.source.SourceSlice`.
    """

    tumour: np.ndarray
    labels: frozenset[int] = frozenset()
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
    labels = frozenset(int(value) for value in np.unique(np.rint(values[values >= 0.5])))
    return MaskVolume(tumour, labels, (*mask.notes, *turned, *notes))


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
            spacing_slice=volume.spacing[display_axes(volume.affine)[0][0]],
            volume=case,
            index=index,
            notes=notes,
        )
        notes = ()
