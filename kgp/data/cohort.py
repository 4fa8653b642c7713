"""The cohort: a table of slices with patients and labels, prepared on disk and read slice by slice.

A prepared folder holds

    cohort.json   source, contrasts, slice shape, dtype, label names, digest of the content
    cohort.csv    one row a slice
    slices/       one .npy array [H, W, C] a slice, raw intensities
    masks/        one .npy array [H, W] (uint8, 0 or 1) for each slice that has a mask
    own/          image and mask on their own grid (see `kgp.data.own_slices`), one .npz a slice,
                  of slices with a mask that were resized

Labels are the source's own; which of them form the classes of a training run is chosen later by
`kgp.data.labels`. Which label is "no tumour" is told by `kgp.data.no_tumour`.
"""

import dataclasses
import tokenize
from pathlib import Path

import numpy as np

from kgp.errors import KgpError
from kgp.files import read_json, read_table

FORMAT = "kgp-cohort-1"


@dataclasses.dataclass(frozen=True)
class SliceRow:
    """One slice of a cohort; `image` and `mask` are paths relative to the cohort's folder.

    Attributes:
        id: unique in the cohort.
        patient: patient identifier as the source gives it.
        group: what a split goes by: the person, where several patient ids are visits of one.
        label: the source's label.
        label_name: the label in words.
        volume: identifier of the volume the slice was cut from ("" for single slices).
        index: number of the slice in its volume (0 for single slices).
        image: file with the array [H, W, C].
        mask: file with the mask [H, W], or "" where the source has none.
        spacing_row, spacing_column: millimetres between pixel centres, or None where unknown.
        spacing_slice: millimetres between neighbouring slices of the volume, or None where unknown.
        own: file with image and mask on the slice's own grid, or "" where the slice is on it, has
            no mask, or was prepared by an earlier version.
        own_spacing_row, own_spacing_column: spacing there, or None where unknown or not needed.
        plane: how the slice lies, in the source's word ("axial"); "" where it says none.
    """

    id: str
    patient: str
    group: str
    label: int
    label_name: str
    volume: str = ""
    index: int = 0
    image: str = ""
    mask: str = ""
    spacing_row: float | None = None
    spacing_column: float | None = None
    spacing_slice: float | None = None
    own: str = ""
    own_spacing_row: float | None = None
    own_spacing_column: float | None = None
    plane: str = ""


@dataclasses.dataclass(frozen=True)
class Cohort:
    """A prepared data set.

    Attributes:
        folder: where cohort.csv stands.
        source: name of the reader it was made with.
        contrasts: name of each image channel, in order.
        shape: (H, W, C) of every slice.
        rows: the slices, in the order of cohort.csv.
        name: what the user calls the data, which messages say; default the folder.
        content: digest of rows and arrays (`kgp.data.content`), "" where an earlier version wrote
            none.
        fitted_content: the same without slices on their own grid, which earlier versions did not
            keep; "" where there are none.
    """

    folder: Path
    source: str
    contrasts: tuple[str, ...]
    shape: tuple[int, int, int]
    dtype: str
    rows: tuple[SliceRow, ...]
    name: str = dataclasses.field(default="", compare=False)
    content: str = ""
    fitted_content: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", str(self.folder))

    def has_content(self, digest: str) -> bool:
        """Whether this is the digest of the data, by this version or by an earlier one."""
        return bool(self.content) and digest in (self.content, self.fitted_content)


def read_cohort(folder: Path) -> Cohort:
    """Reads `cohort.json` and `cohort.csv` of a prepared folder; no pixel is read. Its name is the
    folder's.

    Raises:
        KgpError: a file is missing, damaged, of another format, or lists no slice.
    """
    folder = Path(folder)
    header = read_json(folder / "cohort.json")
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise KgpError(f"{folder / 'cohort.json'} is not a prepared cohort of format {FORMAT}.")
    try:
        height, width, channels = map(int, header["shape"])
        source, dtype = str(header["source"]), np.dtype(header["dtype"]).name
        contrasts, content = tuple(header["contrasts"]), str(header.get("content", ""))
        fitted_content = str(header.get("fitted_content", ""))
    except (KeyError, TypeError, ValueError) as error:
        raise KgpError(f"{folder / 'cohort.json'} is damaged ({error}); prepare the data again.") from None
    rows = _read_rows(folder / "cohort.csv")
    if len(rows) != header.get("slices", len(rows)):
        raise KgpError(
            f"{folder / 'cohort.csv'} lists {len(rows)} slices where {header['slices']} were prepared (cut short?); "
            "prepare the data again."
        )
    shape = height, width, channels
    return Cohort(folder, source, contrasts, shape, dtype, rows, content=content, fitted_content=fitted_content)


def read_image(cohort: Cohort, row: SliceRow) -> np.ndarray:
    """Raw intensities of one slice, float32 [H, W, C].

    Raises:
        KgpError: the file is missing, cut short, or of another shape than the cohort's.
    """
    return _read_array(cohort.folder / row.image, cohort.shape).astype(np.float32)


def read_mask(cohort: Cohort, row: SliceRow) -> np.ndarray | None:
    """The true mask of one slice, bool [H, W]; None where the source has none.

    Raises:
        KgpError: the file is missing, cut short, or of another shape than the cohort's.
    """
    if not row.mask:
        return None
    return _read_array(cohort.folder / row.mask, cohort.shape[:2]) > 0


def on_own_grid(cohort: Cohort) -> bool | None:
    """Whether masks can be judged on the grid of the data, as slices were not resized or are kept
    on it too; None where the folder does not say.
    """
    header, size = read_json(cohort.folder / "cohort.json"), prepared_size(cohort)
    return True if "own_slices" in header else None if size is None else size == 0


def spacing_of(row: SliceRow) -> tuple[float, float] | None:
    """Millimetres between the rows and between the columns of a prepared slice; None if unknown."""
    return (row.spacing_row, row.spacing_column) if row.spacing_row and row.spacing_column else None


def prepared_size(cohort: Cohort) -> int | None:
    """Side in pixels to which slices and masks were resized when they were prepared; 0 where they
    were kept, None where the folder does not say.
    """
    size = read_json(cohort.folder / "cohort.json").get("size")
    return size if isinstance(size, int) else None


def describe_cohort(cohort: Cohort) -> str:
    """Slices and patients of each label, as lines of text."""
    patients = len({row.group for row in cohort.rows})
    masks = sum(bool(row.mask) for row in cohort.rows)
    lines = [
        f"{cohort.name}: {len(cohort.rows)} slices of {patients} patients, {'x'.join(map(str, cohort.shape))} "
        f"{cohort.dtype} ({', '.join(cohort.contrasts)}), {masks} with a mask."
    ]
    for label, name in sorted({(row.label, row.label_name) for row in cohort.rows}):
        rows = [row for row in cohort.rows if row.label == label]
        lines.append(f"  label {label} {name}: {len(rows)} slices of {len({row.group for row in rows})} patients")
    return "\n".join(lines)


def _read_rows(path: Path) -> tuple[SliceRow, ...]:
    table = read_table(path, missing_cell=None)  # of which `_row` takes none, as a row cut short may lose its mask
    try:
        rows = tuple(_row(record) for record in table.rows)
    except (KeyError, ValueError, TypeError) as error:
        raise KgpError(f"{path} is not a cohort table: {error}.") from None
    if not rows:
        raise KgpError(f"{path} lists no slice.")
    return rows


def _read_array(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise KgpError(f"{path} is missing; prepare the data again.") from None
    except (ValueError, EOFError, OSError, tokenize.TokenError) as error:
        raise KgpError(f"{path} cannot be read as an array ({error}); prepare the data again.") from None
    if array.shape != shape:
        raise KgpError(f"{path} has shape {array.shape} where the cohort has {shape}.")
    return array


def _row(record: dict[str, str]) -> SliceRow:
    for name in (record["image"], record["mask"], record.get("own", "")):
        if "\0" in name or name.startswith("/") or ".." in Path(name).parts:
            raise ValueError(f"{name!r} is no file of the folder")

    def number(text: str) -> float | None:
        return float(text) if text else None

    return SliceRow(
        id=record["id"],
        patient=record["patient"],
        group=record["group"],
        label=int(record["label"]),
        label_name=record["label_name"],
        volume=record["volume"],
        index=int(record["index"]),
        image=record["image"],
        mask=record["mask"],
        spacing_row=number(record["spacing_row"]),
        spacing_column=number(record["spacing_column"]),
        spacing_slice=number(record.get("spacing_slice", "")),  # cohorts of before have no such columns
        own=record.get("own", ""),
        own_spacing_row=number(record.get("own_spacing_row", "")),
        own_spacing_column=number(record.get("own_spacing_column", "")),
        plane=record.get("plane") or "",
    )
