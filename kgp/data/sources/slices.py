"""Single slices with a table: a folder with index.csv.

Columns: id, image, mask, label, label_name, patient; optional: patient_group (what splits go by, where visits of one
person carry several patient ids), slice (number in the volume), spacing_row and spacing_column (mm). Other columns are
ignored. `mask` may be missing or empty. Images are PNG, TIFF or NPY, [H, W] or [H, W, C]; masks are non-zero where there
is tumour. Label 0 is "no tumour".
"""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgp.data.sources.pictures import read_picture
from kgp.data.sources.source import Finding, SourceSlice
from kgp.errors import KgpError

_REQUIRED = ("id", "image", "label", "label_name", "patient")


class SlicesSource:
    """Reader of a folder with index.csv; a case is one patient.

    Args:
        path: the folder.
        contrasts: names of the image channels; default channel_1, channel_2, ...

    Raises:
        KgpError: index.csv is missing, lacks a column, lists nothing, or the names do not fit the channels.
    """

    name = "slices"

    def __init__(self, path: Path, contrasts: tuple[str, ...] = ()) -> None:
        self.path = Path(path)
        self._rows = self._read_index()
        first = self._picture(self._rows[0]["image"])
        self.contrasts = contrasts or tuple(f"channel_{number + 1}" for number in range(first.shape[2]))
        if len(self.contrasts) != first.shape[2]:
            raise KgpError(f"{self.path} has slices of {first.shape[2]} channels, but {len(self.contrasts)} contrasts "
                           f"are named: {', '.join(self.contrasts)}.")

    def cases(self) -> list[str]:
        """Patients, sorted."""
        return sorted({row["patient"] for row in self._rows})

    def read(self, case: str) -> Iterator[SourceSlice]:
        """The slices of one patient, in the order of index.csv."""
        for row in self._rows:
            if row["patient"] == case:
                yield self._slice(row)

    def check(self) -> list[Finding]:
        """Duplicate ids, and files that are missing."""
        findings = [Finding("error", identifier, f"id {identifier!r} stands {count} times in index.csv.")
                    for identifier, count in Counter(row["id"] for row in self._rows).items() if count > 1]
        for row in self._rows:
            for column in ("image", "mask"):
                if row.get(column) and not (self.path / row[column]).is_file():
                    findings.append(Finding("error", row["id"], f"{column} {self.path / row[column]} is missing."))
        return findings

    def _slice(self, row: dict[str, str]) -> SourceSlice:
        image = self._picture(row["image"])
        if image.shape[2] != len(self.contrasts):
            raise KgpError(f"{self.path / row['image']} has {image.shape[2]} channels where the others have "
                           f"{len(self.contrasts)}.")
        mask = None
        if row.get("mask"):
            mask = self._picture(row["mask"]).max(axis=2) > 0
            if mask.shape != image.shape[:2]:
                raise KgpError(f"{self.path / row['mask']} is {mask.shape[0]}x{mask.shape[1]} where its slice is "
                               f"{image.shape[0]}x{image.shape[1]}.")
        spacing = None
        if row.get("spacing_row") and row.get("spacing_column"):
            spacing = (float(row["spacing_row"]), float(row["spacing_column"]))
        return SourceSlice(
            id=row["id"], patient=row["patient"], group=row.get("patient_group") or row["patient"],
            label=int(row["label"]), label_name=row["label_name"], image=image, mask=mask, spacing=spacing,
            index=int(row.get("slice") or 0),
        )

    def _picture(self, name: str) -> np.ndarray:
        path = (self.path / name).resolve()
        if not path.is_relative_to(self.path.resolve()):
            raise KgpError(f"{self.path / 'index.csv'} names {name!r}, which lies outside its folder.")
        return read_picture(path)

    def _read_index(self) -> list[dict[str, str]]:
        index = self.path / "index.csv"
        try:
            with open(index, newline="", encoding="utf-8-sig") as stream:
                reader = csv.DictReader(stream)
                missing = [column for column in _REQUIRED if column not in (reader.fieldnames or ())]
                rows = list(reader)
        except FileNotFoundError:
            raise KgpError(f"{index} is missing.") from None
        except (UnicodeDecodeError, csv.Error) as error:
            raise KgpError(f"{index} is not a table: {error}.") from None
        if missing:
            raise KgpError(f"{index} lacks the column {missing[0]!r}; needed are {', '.join(_REQUIRED)}.")
        if not rows:
            raise KgpError(f"{index} lists no slice.")
        for number, row in enumerate(rows, start=2):
            if not row["label"] or not row["label"].lstrip("-").isdigit():
                raise KgpError(f"{index} line {number} has the label {row['label']!r} where a whole number is expected.")
        return rows
