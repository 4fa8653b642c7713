"""Single slices with a table: a folder with index.csv.

Columns: id, image, label, label_name, patient; optional: mask, patient_group or group (what splits
go by, where visits of one person carry several patient ids), volume, slice (number in the volume),
spacing_row, spacing_column and spacing_slice (mm; the last one between slices of a volume), plane
(axial, coronal or sagittal; for `kgp.evaluation.rivals_place`). Other columns are not used, which
is said. Images are PNG, JPEG, TIFF or NPY, [H, W] or [H, W, C]; masks are as
`kgp.data.sources.mask_pictures` reads them, and an empty `mask` says that there is none. Which
label is "no tumour" is told by `kgp.data.no_tumour`.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgp.data.sources.mask_pictures import read_mask_picture
from kgp.data.sources.picture_set import count_contrasts, spread
from kgp.data.sources.source import DataFault, SourceSlice
from kgp.data.sources.table_columns import GROUPS, MEANT, check_groups, group_of
from kgp.errors import KgpError
from kgp.scans.pictures import is_grey_copy, open_picture, read_picture
from kgp.spreadsheets import Spreadsheet, read_spreadsheet, unused_columns

_REQUIRED = ("id", "image", "label", "label_name", "patient")
_OPTIONAL = ("mask", *GROUPS, "volume", "slice", "spacing_row", "spacing_column", "spacing_slice", "plane")


class SlicesSource:
    """Reader of a folder with index.csv.

    A case is one slice, so that a bad file costs one slice and not a patient.

    Args:
        path: the folder.
        contrasts: names of the image channels; default channel_1, channel_2, ...

    Raises:
        KgpError: index.csv is missing, lacks a column or lists nothing, no image can be read, or
            the names do not fit the channels.
    """

    name = "slices"

    def __init__(self, path: Path, contrasts: tuple[str, ...] = ()) -> None:
        self.path = Path(path)
        self._index = self.path / "index.csv"
        self._rows: dict[str, list[dict[str, str]]] = defaultdict(list)
        self._table = _read_index(self._index)
        for row, line in zip(self._table.rows, self._table.lines, strict=True):
            self._rows[row["id"]].append(row | {"line": str(line)})
        channels, self._on_channels = count_contrasts(self._some_pictures(), len(contrasts))
        self.contrasts = contrasts or tuple(f"channel_{number + 1}" for number in range(channels))
        if len(self.contrasts) != channels:
            raise KgpError(
                f"{self.path} has slices of {channels} channel(s), but {len(self.contrasts)} contrasts are "
                f"named: {', '.join(self.contrasts)}."
            )

    def cases(self) -> list[str]:
        """Ids of the slices, in the order of index.csv."""
        return list(self._rows)

    def read(self, case: str) -> Iterator[SourceSlice]:
        """The slice of that id (several, where the id stands several times).

        Raises:
            KgpError: a file is missing, cut short or leaves the folder, sizes or channels do not
                fit, or a field is empty or no number.
        """
        for row in self._rows[case]:
            yield self._slice(row)

    def check(self) -> list[DataFault]:
        """Ids that stand several times, grey pictures stored in colour, and columns that are not used."""
        unused = unused_columns(self._table.columns, (*_REQUIRED, *_OPTIONAL), MEANT)
        return [
            *([DataFault("warning", self._index.name, unused)] if unused else []),
            *([DataFault("warning", "all", self._on_channels)] if self._on_channels else []),
            *self._ids_several_times(),
        ]

    def _ids_several_times(self) -> list[DataFault]:
        return [
            DataFault("error", identifier, f"the id stands {len(rows)} times in {self._index}.")
            for identifier, rows in self._rows.items()
            if len(rows) > 1
        ]

    def _some_pictures(self) -> list[np.ndarray]:
        """Images from all over the table, or where none of them can be read the first that can."""
        first = None
        pictures: list[np.ndarray] = []
        some = spread(list(self._rows))
        for identifier in dict.fromkeys([*some, *self._rows]):
            if pictures and identifier not in some:
                break
            try:
                pictures.append(read_picture(self._file(self._rows[identifier][0], "image")))
            except KgpError as error:
                first = first or error
        if pictures:
            return pictures
        raise KgpError(f"No data found: of the {len(self._rows)} images in {self._index} none can be read ({first}).")

    def _slice(self, row: dict[str, str]) -> SourceSlice:
        for column in ("id", "patient"):
            if not row[column]:
                raise KgpError(f"{self._index} line {row['line']} has no {column}.")
        picture = open_picture(self._file(row, "image"))
        one = len(self.contrasts) == 1 and is_grey_copy(picture.values)
        image = picture.values[..., :1] if one else picture.values
        if image.shape[2] != len(self.contrasts):
            raise KgpError(
                f"{self.path / row['image']} has {image.shape[2]} channel(s) where {len(self.contrasts)} are expected."
            )
        mask, mask_notes = self._mask(row, image)
        spacing = None
        if row.get("spacing_row") and row.get("spacing_column"):
            spacing = (self._number(row, "spacing_row"), self._number(row, "spacing_column"))
        label = self._whole_number(row, "label")
        return SourceSlice(
            id=row["id"],
            patient=row["patient"],
            group=group_of(row),
            label=label,
            label_name=row["label_name"] or str(label),
            image=image,
            mask=mask,
            spacing=spacing,
            spacing_slice=self._number(row, "spacing_slice") if row.get("spacing_slice") else None,
            volume=row.get("volume", ""),
            index=self._whole_number(row, "slice") if row.get("slice") else 0,
            plane=row.get("plane", "").strip().lower(),
            notes=(*picture.notes, *mask_notes),
        )

    def _mask(self, row: dict[str, str], image: np.ndarray) -> tuple[np.ndarray | None, tuple[str, ...]]:
        if not row.get("mask"):
            return None, ()
        mask, notes = read_mask_picture(self._file(row, "mask"))
        if mask.shape != image.shape[:2]:
            raise KgpError(
                f"{self.path / row['mask']} is {mask.shape[0]}x{mask.shape[1]} where its slice is "
                f"{image.shape[0]}x{image.shape[1]}."
            )
        return mask, notes

    def _file(self, row: dict[str, str], column: str) -> Path:
        name = os.path.normpath(row[column])
        if not row[column] or "\0" in name or os.path.isabs(name) or name.split(os.sep)[0] == os.pardir:
            raise KgpError(
                f"{self._index} line {row['line']} has the {column} {row[column]!r} where a file inside the "
                "folder is expected."
            )
        return self.path / name

    def _whole_number(self, row: dict[str, str], column: str) -> int:
        try:
            return self._table.whole_number(row[column])
        except ValueError:
            raise KgpError(
                f"{self._index} line {row['line']} has the {column} {row[column]!r} where a whole number is expected."
            ) from None

    def _number(self, row: dict[str, str], column: str) -> float:
        try:
            return self._table.number(row[column])
        except ValueError:
            raise KgpError(
                f"{self._index} line {row['line']} has the {column} {row[column]!r} where a number is expected."
            ) from None


def _read_index(path: Path) -> Spreadsheet:
    if not path.is_file():
        raise KgpError(f"No data found: {path} is missing.")
    table = read_spreadsheet(path, _REQUIRED, _OPTIONAL)
    if not table.rows:
        raise KgpError(f"No data found: {path} lists no slice.")
    if not any(row["patient"] for row in table.rows):
        raise KgpError(
            f"{path} has no patient in any line; fill the column in, as slices of one patient must not stand in training "
            "and test."
        )
    check_groups(table)
    return table
