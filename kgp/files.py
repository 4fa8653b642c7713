"""Reading tables and JSON, and writing files so that a reader never sees half of one."""

import contextlib
import csv
import dataclasses
import errno
import hashlib
import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgp.errors import KgpError


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary sibling of the file `path` and renames it to `path` when the block ends
    well.

    The sibling's name ends as `path` does, so that writers that look at the ending are content.
    When the block raises, the sibling is removed and an earlier file at `path` stays as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _sibling(path)
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Yields a temporary sibling folder and renames it to `path` when the block ends well.

    Args:
        path: the folder to appear.
        overwrite: replace an existing folder; without it an existing one is refused.

    Raises:
        KgpError: `path` exists, or appeared meanwhile, and `overwrite` is false; or it is no
            folder.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise KgpError(f"{path} exists already; name another folder or pass --overwrite.")
    if path.exists() and not path.is_dir():
        raise KgpError(f"{path} is not a folder, so it is not replaced by one.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, earlier = _sibling(path), _sibling(path)
    temporary.mkdir()
    try:
        yield temporary
        if overwrite and path.exists():
            os.replace(path, earlier)  # removing it takes its time, in which a kill would leave half of it
        try:
            os.replace(temporary, path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise KgpError(f"{path} was made by another process meanwhile; it is left as it is.") from None
        shutil.rmtree(earlier, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


_FRAGMENT = re.compile(r"\.[0-9a-f]{8}\..+")  # as `_sibling` names them


def _sibling(path: Path) -> Path:
    """A name that nobody uses beside `path`. What is made there has the rights that the user's
    umask gives.
    """
    return path.with_name(f".{secrets.token_hex(4)}.{path.name}")


def remove_fragments(folder: Path) -> None:
    """Removes what killed processes left unfinished in a folder and all below it.

    Nobody else may be writing there.
    """
    for path in sorted(folder.rglob(".*"), reverse=True):  # what lies in a folder before the folder
        if _FRAGMENT.fullmatch(path.name):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` (UTF-8) to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class Table:
    """A CSV file.

    Attributes:
        columns: names in the first line, in order; a name may stand twice.
        rows: the cells of each line by column; cells beyond the last column are left out.
        lines: number of the line in the file at which each row ends, from 1.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    lines: list[int]


def read_table(path: Path, required: Sequence[str] = (), missing_cell: str | None = "") -> Table:
    """Reads a CSV file in UTF-8, with or without a byte order mark.

    Args:
        path: the file.
        required: columns that it must have.
        missing_cell: what a row holds for the last columns where its line ends early.

    Raises:
        KgpError: the file is missing, is not a table, or lacks a required column.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, restval=missing_cell)
            columns = tuple(reader.fieldnames or ())
            rows, lines = [], []
            for row in reader:
                rows.append({column: row[column] for column in columns})
                lines.append(reader.line_num)
    except FileNotFoundError:
        raise KgpError(f"{path} is missing.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise KgpError(f"{path} is not a table: {error}.") from None
    missing = [column for column in required if column not in columns]
    if missing:
        raise KgpError(f"{path} lacks the column {missing[0]!r}; needed are {', '.join(required)}.")
    return Table(columns, rows, lines)


def write_table(table: Sequence[dict[str, Any]], path: Path, line_end: str = "\n") -> None:
    """Writes rows as CSV, atomically; a column that a row lacks stays empty, and so does None."""
    columns: dict[str, None] = {}
    for row in table:
        columns.update(dict.fromkeys(row))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator=line_end)
    writer.writeheader()
    writer.writerows(table)
    write_text(path, text.getvalue())


def write_array(path: Path, array: np.ndarray) -> None:
    """Writes a .npy file; unlike `np.save` to a file, a full disk is reported as such."""
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(array))
    path.write_bytes(content.getbuffer())


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON to `path` atomically; a NaN is refused, as JSON has none."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, default=_plain) + "\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        KgpError: the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KgpError(f"{path} is missing.") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise KgpError(f"{path} is not a JSON file: {error}.") from None


def printable(text: str) -> str:
    """A text without what no file or screen can hold: the bytes of a file name in an unknown
    encoding.
    """
    return text.encode("utf-8", "replace").decode()


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as lower-case hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def check_listed_file(path: Path, listed_sha256: str | None, manifest: Path, purpose: str) -> None:
    """Refuses a file that is not the one that a manifest lists.

    Args:
        listed_sha256: as in the manifest, or None where it does not list the file.
        purpose: what cannot be used without the file, such as "the run".

    Raises:
        KgpError: the file is missing or has another SHA-256.
    """
    if not path.is_file():
        raise KgpError(f"{path} is missing, so {purpose} cannot be used.")
    if sha256(path) != listed_sha256:
        raise KgpError(
            f"{path} is not the file that {manifest.name} lists (its SHA-256 differs); it was changed or cut short."
        )


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays, paths and tuples as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")
