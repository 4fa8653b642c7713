"""From a source to a prepared cohort on disk, case by case, so that memory is bounded by one case."""

import csv
import dataclasses
import hashlib
import logging
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgp.data.cohort import FORMAT, Cohort, SliceRow, read_cohort
from kgp.data.resize import fit_image, fit_mask
from kgp.data.sources import open_source
from kgp.data.sources.source import Finding, Source, SourceSlice
from kgp.errors import KgpError
from kgp.files import atomic_folder, write_json

_log = logging.getLogger(__name__)
_EXACT_TYPES = ("uint8", "uint16", "int16")


def prepare(source: Source, folder: Path, *, size: int = 0, overwrite: bool = False) -> Cohort:
    """Writes the slices of a source as a prepared cohort (see `kgp.data.cohort`), atomically.

    A case that cannot be read is left out and listed at the end; an all-black slice is left out.

    Args:
        source: the reader.
        folder: where the cohort is to stand.
        size: side in pixels to which slices are padded and resized; 0 keeps them, and all must then be of one size.
        overwrite: replace an existing folder.

    Raises:
        KgpError: the sizes are mixed, an id stands twice, or no slice could be read.
    """
    duplicates = [finding for finding in source.check() if "times in" in finding.what]
    if duplicates:
        raise KgpError(f"{duplicates[0].what} Ids must be unique.")
    failures: list[str] = []
    with atomic_folder(folder, overwrite=overwrite) as temporary:
        writer = _Writer(temporary, size, len(source.contrasts))
        cases = source.cases()
        started = time.monotonic()
        for number, case in enumerate(cases, start=1):
            try:
                writer.add_case(source.read(case))
            except _Unreadable as failure:
                failures.append(f"{case}: {failure}")
            _show_progress(number, len(cases), started)
        writer.finish(source)
    for failure in failures:
        _log.warning("Left out: %s", failure)
    for identifier in writer.black:
        _log.warning("Left out: slice %s is black all over.", identifier)
    return read_cohort(folder)


def check(source: Source) -> list[Finding]:
    """Everything that is wrong with a data set, or worth knowing, in one list; every pixel is read, case by case."""
    findings = list(source.check())
    shapes: Counter = Counter()
    groups: dict[str, set[str]] = defaultdict(set)
    owners: dict[str, tuple[str, str]] = {}
    for case in source.cases():
        try:
            for piece in source.read(case):
                shapes[piece.image.shape] += 1
                groups[piece.label_name].add(piece.group)
                findings += _findings(piece)
                digest = hashlib.sha256(piece.image.tobytes()).hexdigest()
                earlier = owners.setdefault(digest, (piece.id, piece.group))
                if earlier[1] != piece.group and piece.image.any():
                    findings.append(Finding("error", piece.id, f"the same pixels as slice {earlier[0]} of another patient."))
        except KgpError as error:
            findings.append(Finding("error", case, str(error)))
    if len(shapes) > 1:
        listed = ", ".join(f"{'x'.join(map(str, shape))} ({count})" for shape, count in shapes.most_common())
        findings.append(Finding("warning", "all", f"slices of several sizes: {listed}; training needs --size."))
    for name, members in sorted(groups.items()):
        if len(members) < 3:
            findings.append(Finding("warning", name, f"label {name!r} has {len(members)} patient(s); three are needed for "
                                    "training, validation and test."))
    return findings


def cached_cohort(data: Path | None, *, size: int, cache: Path, contrasts: tuple[str, ...] = (),
                  kind: str | None = None, csv: Path | None = None) -> Cohort:
    """The prepared cohort of a data set: `data` itself where it is one, else prepared once into a folder under `cache`.

    Raises:
        KgpError: the data cannot be read, or are prepared at another size or with other contrasts than asked for.
    """
    if data is not None and (data / "cohort.json").is_file():
        cohort = read_cohort(data)
        if size and cohort.shape[:2] != (size, size):
            raise KgpError(f"{data} was prepared at {cohort.shape[0]}x{cohort.shape[1]}, not at --size {size}.")
        if contrasts and cohort.contrasts != tuple(contrasts):
            raise KgpError(f"{data} was prepared with the contrasts {', '.join(cohort.contrasts)}, "
                           f"not with {', '.join(contrasts)}.")
        return cohort
    source = open_source(data, kind, contrasts=contrasts, csv=csv)
    folder = Path(cache) / f"{data.resolve().name if data else 'phantom'}-{_fingerprint(source, data, size)}"
    if (folder / "cohort.json").is_file():
        return read_cohort(folder)
    _log.info("Preparing %s into %s.", data or "the phantom", folder)
    return prepare(source, folder, size=size)


class _Unreadable(Exception):
    """A case that cannot be used, with the reason."""


class _Writer:
    """Writes slices into a folder and collects the table."""

    def __init__(self, folder: Path, size: int, channels: int) -> None:
        self.folder = folder
        self.size = size
        self.channels = channels
        self.rows: list[SliceRow] = []
        self.black: list[str] = []
        self.dtype: np.dtype | None = None
        self._shape: tuple[int, ...] | None = None
        self._names: set[str] = set()
        (folder / "slices").mkdir()
        (folder / "masks").mkdir()

    def add_case(self, pieces: Iterator[SourceSlice]) -> None:
        """Writes all slices of a case, or none of them when one cannot be read."""
        first = len(self.rows)
        try:
            for piece in pieces:
                problem = next((finding.what for finding in _findings(piece) if finding.severity == "error"), None)
                if problem:
                    raise KgpError(f"slice {piece.id}: {problem}")
                if not piece.image.any():
                    self.black.append(piece.id)
                else:
                    self._add(piece)
        except _MixedSizes:
            raise
        except KgpError as error:
            for row in self.rows[first:]:
                (self.folder / row.image).unlink()
                if row.mask:
                    (self.folder / row.mask).unlink()
            del self.rows[first:]
            raise _Unreadable(str(error)) from None

    def _add(self, piece: SourceSlice) -> None:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", piece.id)
        if name in self._names:
            raise KgpError(f"id {piece.id!r} stands twice.")
        self._names.add(name)
        image = fit_image(piece.image, self.size, piece.spacing)
        if not self.size and str(piece.image.dtype) in _EXACT_TYPES:
            image = piece.image
        if image.shape[2] != self.channels:
            raise KgpError(f"slice {piece.id} has {image.shape[2]} channels where {self.channels} are expected.")
        if self._shape is None:
            self._shape, self.dtype = image.shape, image.dtype
        if image.shape != self._shape:
            raise _MixedSizes(f"slices of mixed sizes ({self._shape[0]}x{self._shape[1]} and "
                              f"{image.shape[0]}x{image.shape[1]}, slice {piece.id}); give --size to bring them to one.")
        if image.dtype != self.dtype:
            raise KgpError(f"slice {piece.id} is of type {image.dtype} where the others are {self.dtype}.")
        np.save(self.folder / "slices" / f"{name}.npy", np.ascontiguousarray(image))
        mask = ""
        if piece.mask is not None:
            mask = f"masks/{name}.npy"
            np.save(self.folder / mask, fit_mask(piece.mask, self.size, piece.spacing).astype(np.uint8))
        spacing = self._spacing(piece)
        self.rows.append(SliceRow(
            id=piece.id, patient=piece.patient, group=piece.group, label=piece.label, label_name=piece.label_name,
            volume=piece.volume, index=piece.index, image=f"slices/{name}.npy", mask=mask,
            spacing_row=spacing[0] if spacing else None, spacing_column=spacing[1] if spacing else None,
        ))

    def _spacing(self, piece: SourceSlice) -> tuple[float, float] | None:
        """Spacing after resizing: the physical square shared out over the pixels."""
        if piece.spacing is None or not self.size:
            return piece.spacing
        side = max(piece.image.shape[0] * piece.spacing[0], piece.image.shape[1] * piece.spacing[1])
        return (side / self.size, side / self.size)

    def finish(self, source: Source) -> None:
        """Writes the table and the header."""
        if not self.rows or self._shape is None:
            raise KgpError("No slice of the data could be read, so nothing was prepared.")
        with open(self.folder / "cohort.csv", "w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, [field.name for field in dataclasses.fields(SliceRow)])
            writer.writeheader()
            for row in self.rows:
                values = dataclasses.asdict(row)
                writer.writerow({key: "" if value is None else value for key, value in values.items()})
        write_json(self.folder / "cohort.json", {
            "format": FORMAT, "source": source.name, "contrasts": list(source.contrasts), "shape": list(self._shape),
            "dtype": str(self.dtype), "slices": len(self.rows),
        })


class _MixedSizes(KgpError):
    """Slices of several sizes, which concerns the whole data set and not one case."""


def _findings(piece: SourceSlice) -> list[Finding]:
    """What is wrong with the pixels of one slice."""
    findings = []
    if not np.isfinite(piece.image).all():
        findings.append(Finding("error", piece.id, "holds values that are not finite (NaN or infinity)."))
    elif not piece.image.any():
        findings.append(Finding("warning", piece.id, "is black all over and will be left out."))
    else:
        flat = [channel for channel in range(piece.image.shape[2]) if np.ptp(piece.image[..., channel]) == 0]
        if flat:
            findings.append(Finding("warning", piece.id, f"contrast {flat[0] + 1} is the same everywhere."))
    if piece.mask is not None and piece.mask.any() != (piece.label != 0):
        what = "has label 0 but a mask that is not empty." if piece.label == 0 else "has a tumour label but an empty mask."
        findings.append(Finding("warning", piece.id, what))
    if piece.spacing is not None and not all(0 < value < 100 for value in piece.spacing):
        findings.append(Finding("error", piece.id, f"has the spacing {piece.spacing} mm, which cannot be."))
    return findings


def _fingerprint(source: Source, data: Path | None, size: int) -> str:
    """Short digest of what the prepared slices depend on: place, files with their sizes and dates, contrasts, size."""
    digest = hashlib.sha256(repr((source.name, source.contrasts, size)).encode())
    if data is None:
        digest.update(repr(sorted(vars(source).items())).encode())
    else:
        for path in sorted(path for path in data.rglob("*") if path.is_file()):
            status = path.stat()
            digest.update(f"{path.resolve()} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:10]


def _show_progress(done: int, total: int, started: float) -> None:
    if done == total or done % max(total // 10, 1) == 0:
        left = (time.monotonic() - started) / done * (total - done)
        _log.info("prepared %d of %d cases, %d s left", done, total, round(left))
