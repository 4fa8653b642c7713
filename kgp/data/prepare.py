"""From a source to a prepared cohort on disk; no more than one case is held in memory."""

import dataclasses
import logging
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kgp.data.check import is_blank, slice_faults
from kgp.data.cohort import FORMAT, Cohort, SliceRow, read_cohort
from kgp.data.content import array_digest, cohort_digest, fitted_digest
from kgp.data.near_duplicates import small_pictures
from kgp.data.own_slices import write_own_slice
from kgp.data.persons import doubtful_persons
from kgp.data.sources.source import Source, SourceSlice
from kgp.errors import KgpError, UsageError
from kgp.files import atomic_folder, write_array, write_json, write_table
from kgp.long_lists import shortened
from kgp.progress import show_progress
from kgp.scans.fit import fit_image, fit_mask, fitted_spacing, keeps_grid

_log = logging.getLogger(__name__)
_EXACT_TYPES = ("uint8", "uint16", "int16")  # kept as they are; everything else becomes float32
_LARGEST_SIZE = 4096  # pixels a side
_LONGEST_NAME = 100  # characters of a slice's file name


def prepare(source: Source, folder: Path, *, size: int = 0, overwrite: bool = False, made_from: str = "") -> Cohort:
    """Writes the slices of a source as a prepared cohort (see `kgp.data.cohort`), atomically.

    A case that cannot be read is left out, and so is a black slice; both are logged at the end and
    kept by name in cohort.json ("unreadable": sentences, "black": slice ids). So is what the source
    warns of, and what makes its persons doubtful ("warnings": sentences).

    Args:
        source: the reader.
        folder: where the cohort is to stand.
        size: side in pixels to which slices are padded and resized; 0 keeps them, and all must then
            be of one size. Slices with a mask that are resized are kept on their own grid too.
        overwrite: replace an existing folder.
        made_from: where the data lie, kept in cohort.json for people ("data").

    Raises:
        UsageError: the size is absurd.
        KgpError: the sizes are mixed, an id stands twice, or no slice could be read.
        OSError: the disk is full; nothing is left behind then.
    """
    if size > _LARGEST_SIZE:
        raise UsageError(f"--size must be at most {_LARGEST_SIZE}, not {size}.")
    if overwrite and Path(folder).exists() and not (Path(folder) / "cohort.json").is_file():
        raise KgpError(f"{folder} was not made by kgp prepare, so it is not replaced; name another folder.")
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        writer = _Writer(temporary, size, source.contrasts)
        writer.warnings = [f"{fault.where}: {fault.what}" for fault in source.check() if fault.severity == "warning"]
        cases = source.cases()
        started = time.monotonic()
        for number, case in enumerate(cases, start=1):
            writer.add_case(case, source.read(case))
            show_progress("Prepared", number, len(cases), started)
        writer.warnings += doubtful_persons(writer.rows, writer.pictures)
        writer.finish(source.name, made_from)
    sentences = [f"Left out: {sentence}" for sentence in writer.unreadable]
    sentences += [f"Left out: slice {identifier} is black (of one value all over)." for identifier in writer.black]
    for sentence in [*shortened(writer.warnings, "warnings"), *shortened(sentences, "left out")]:
        _log.warning("%s", sentence)
    return read_cohort(folder)


class _Unusable(KgpError):
    """Something that concerns the data set as a whole and not one case."""


class _Writer:
    """Writes slices into a folder and collects the table."""

    def __init__(self, folder: Path, size: int, contrasts: tuple[str, ...]) -> None:
        self.folder = folder
        self.size = size
        self.contrasts = contrasts
        self.rows: list[SliceRow] = []
        self.black: list[str] = []
        self.unreadable: list[str] = []
        self.warnings: list[str] = []
        self.pictures: list[np.ndarray] = []  # of `rows`
        self._names: dict[str, str] = {}  # file name in lower case -> slice id
        self._types: dict[str, np.dtype] = {}  # image file -> type
        self._digests: dict[str, str] = {}  # file -> digest of its array
        self._shape: tuple[int, ...] | None = None
        (folder / "slices").mkdir()
        (folder / "masks").mkdir()

    def add_case(self, case: str, pieces: Iterator[SourceSlice]) -> None:
        """Writes all slices of a case, or none of them when one cannot be used.

        Raises:
            KgpError: an id stands twice, or the slice is of another size than the earlier ones.
        """
        rows: list[SliceRow] = []
        black: list[str] = []
        notes: list[str] = []
        pictures: list[np.ndarray] = []
        try:
            for piece in pieces:
                errors = [fault for fault in slice_faults(piece, self.contrasts) if fault.severity == "error"]
                if errors:
                    raise KgpError(f"Slice {piece.id} {errors[0].what}")
                notes += [f"{piece.id}: {note}" for note in piece.notes]
                if is_blank(piece.image):
                    black.append(piece.id)
                else:
                    rows.append(self._write(piece))
                    pictures.append(small_pictures(piece.image))
        except _Unusable:
            raise
        except KgpError as error:
            self.unreadable.append(f"{case}: {error}")
            self._remove(rows)
        else:
            self.rows += rows
            self.pictures += pictures
            self.black += black
            self.warnings += notes

    def finish(self, source_name: str, made_from: str) -> None:
        """Brings the arrays to one type and writes the table and the header.

        Raises:
            KgpError: there is no slice.
        """
        if not self.rows or self._shape is None:
            why = f" ({self.unreadable[0]})" if self.unreadable else ""
            raise KgpError(f"No slice of the data could be used, so nothing was prepared{why}.")
        dtype = self._unify_types()
        write_table([dataclasses.asdict(row) for row in self.rows], self.folder / "cohort.csv", line_end="\r\n")
        write_json(
            self.folder / "cohort.json",
            {
                "format": FORMAT,
                "source": source_name,
                "data": made_from,
                "contrasts": list(self.contrasts),
                "shape": list(self._shape),
                "size": self.size,
                "dtype": str(dtype),
                "slices": len(self.rows),
                "content": cohort_digest(self.contrasts, self.rows, self._digests),
                **self._about_own_slices(),
                "unreadable": self.unreadable,
                "black": self.black,
                "warnings": self.warnings,
            },
        )

    def _about_own_slices(self) -> dict[str, Any]:
        number = sum(bool(row.own) for row in self.rows)
        if not number:
            return {"own_slices": 0}
        return {"own_slices": number, "fitted_content": fitted_digest(self.contrasts, self.rows, self._digests)}

    def _write(self, piece: SourceSlice) -> SliceRow:
        name = self._file_name(piece.id)
        image = fit_image(piece.image, self.size, piece.spacing)
        if not self.size and str(piece.image.dtype) in _EXACT_TYPES:
            image = piece.image
        if self._shape is None:
            self._shape = image.shape
        if image.shape != self._shape:
            raise _Unusable(
                f"The slices are of mixed sizes ({self._shape[0]}x{self._shape[1]} and "
                f"{image.shape[0]}x{image.shape[1]}, slice {piece.id}); give --size to bring them to one."
            )
        image_file, mask_file = f"slices/{name}.npy", ""
        self._types[image_file] = image.dtype
        self._write_array(image_file, image)
        if piece.mask is not None:
            mask_file = f"masks/{name}.npy"
            self._write_array(mask_file, fit_mask(piece.mask, self.size, piece.spacing).astype(np.uint8))
        own_file = self._write_own(piece, name)
        own_spacing = (piece.spacing if own_file else None) or (None, None)
        spacing: tuple[float | None, float | None] = (None, None)
        if piece.spacing is not None:
            spacing = fitted_spacing(piece.image.shape[0], piece.image.shape[1], self.size, piece.spacing)
        return SliceRow(
            id=piece.id,
            patient=piece.patient,
            group=piece.group,
            label=piece.label,
            label_name=piece.label_name,
            volume=piece.volume,
            index=piece.index,
            image=image_file,
            mask=mask_file,
            spacing_row=spacing[0],
            spacing_column=spacing[1],
            spacing_slice=piece.spacing_slice,
            own=own_file,
            own_spacing_row=own_spacing[0],
            own_spacing_column=own_spacing[1],
            plane=piece.plane,
        )

    def _write_own(self, piece: SourceSlice, name: str) -> str:
        """The file with image and mask on their own grid; "" where they are on it or none has a
        mask.
        """
        height, width = piece.image.shape[:2]
        if piece.mask is None or keeps_grid(height, width, self.size, piece.spacing):
            return ""
        image = piece.image if str(piece.image.dtype) in _EXACT_TYPES else piece.image.astype(np.float32)
        file = f"own/{name}.npz"
        (self.folder / "own").mkdir(exist_ok=True)
        write_own_slice(self.folder / file, image, piece.mask)
        self._digests[file] = array_digest(image) + array_digest(piece.mask.astype(np.uint8))
        return file

    def _write_array(self, file: str, array: np.ndarray) -> None:
        write_array(self.folder / file, array)
        self._digests[file] = array_digest(array)

    def _file_name(self, identifier: str) -> str:
        """A name of harmless characters that no other slice has, not even in other case.

        Raises:
            KgpError: the id stands twice.
        """
        plain = re.sub(r"[^A-Za-z0-9._-]", "_", identifier)[:_LONGEST_NAME]
        name, number = plain, 1
        while name.lower() in self._names:
            if self._names[name.lower()] == identifier:
                raise _Unusable(f"The id {identifier!r} stands several times in the data; ids must be unique.")
            number += 1
            name = f"{plain}-{number}"
        self._names[name.lower()] = identifier
        return name

    def _remove(self, rows: list[SliceRow]) -> None:
        for row in rows:
            (self.folder / row.image).unlink()
            del self._types[row.image]
            if row.mask:
                (self.folder / row.mask).unlink()
            if row.own:
                (self.folder / row.own).unlink()
        if not self.rows:
            self._shape = None

    def _unify_types(self) -> np.dtype:
        """The one type that holds all slices exactly, else float32.

        Slices of another type are written again.
        """
        dtype = np.result_type(*set(self._types.values()))
        if str(dtype) not in _EXACT_TYPES:
            dtype = np.dtype(np.float32)
        for file, file_type in self._types.items():
            if file_type != dtype:
                self._write_array(file, np.load(self.folder / file, allow_pickle=False).astype(dtype))
        return dtype
