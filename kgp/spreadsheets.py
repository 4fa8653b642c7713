"""Tables that people make with a spreadsheet program or a script, read whatever their separator and
capitals.

Tables that kgp writes itself are read by `kgp.files.read_table`.
"""

import csv
import dataclasses
import difflib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kgp.errors import KgpError

_SEPARATORS = (",", ";", "\t")  # the first wins where a line can be read with several
_SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?(\r\n|\r|\n)', re.IGNORECASE)  # Excel's own first line
_ADVICE = "save it as CSV in UTF-8"
# First bytes of what spreadsheet programs write where a table in UTF-8 is expected.
_OTHER_FILES = {
    b"PK\x03\x04": "an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\xff\xfe": "a text in UTF-16",
    b"\xfe\xff": "a text in UTF-16",
}


@dataclasses.dataclass(frozen=True)
class Spreadsheet:
    """A table with named columns.

    Attributes:
        path: the file.
        columns: names in the first line, in order, as the caller knows them where the file writes
            them with other capitals, spaces or hyphens. Nameless empty columns are left out.
        rows: the cells of each line by column, without spaces around them; cells that a line lacks
            are empty. Empty lines are left out.
        lines: number of the line in the file at which each row ends, from 1.
        decimal_comma: whether numbers may have a comma in the place of the point, as commas do not
            separate cells.
    """

    path: Path
    columns: tuple[str, ...]
    rows: list[dict[str, str]]
    lines: list[int]
    decimal_comma: bool

    def number(self, text: str) -> float:
        """A cell as a number.

        Raises:
            ValueError: it is none.
        """
        return float(text.replace(",", ".") if self.decimal_comma and "." not in text else text)

    def whole_number(self, text: str) -> int:
        """A cell as a whole number, which may be written 1, 1.0 or, with a decimal comma, 1,0.

        Raises:
            ValueError: it is none.
        """
        written = re.fullmatch(r"([+-]?\d+)([.,]0*)?" if self.decimal_comma else r"([+-]?\d+)(\.0*)?", text)
        if not written:
            raise ValueError(f"{text!r} is no whole number")
        return int(written[1])


def read_spreadsheet(path: Path, required: Sequence[str] = (), optional: Sequence[str] = ()) -> Spreadsheet:
    """Reads a table whose cells are separated by commas, semicolons or tabs.

    The separator is the one with which the first line names most of the known columns, or else has
    most columns.

    Args:
        path: the file, in UTF-8 with or without a byte order mark.
        required: columns that it must have.
        optional: further columns that the caller knows.

    Raises:
        KgpError: the file is missing, is not a table in UTF-8, lacks a required column, has two
            columns of one name that differ, or a line has more cells than the first.
    """
    text, skipped = _text(path)
    separator, header = _separator(text, {*required, *optional})
    known = {_folded(name): name for name in (*required, *optional)}
    names = [known.get(_folded(name), name.strip()) for name in header]
    missing = [name for name in required if name not in names]
    if missing:
        raise KgpError(
            f"{path} lacks the column {missing[0]!r}; needed are {', '.join(required)}. "
            f"It has {', '.join(filter(None, names)) or 'none'}."
        )
    cells, lines = _cells(path, text, separator, len(names), skipped)
    kept = [number for number, name in enumerate(names) if name or any(row[number] for row in cells)]
    titles = [names[number] or f"column {number + 1} (without a name)" for number in kept]
    rows = []
    for line, record in zip(lines, cells, strict=True):
        row: dict[str, str] = {}
        for title, number in zip(titles, kept, strict=True):
            if row.setdefault(title, record[number]) != record[number]:
                raise KgpError(f"{path} has two columns {title!r}, which differ in line {line}.")
        rows.append(row)
    return Spreadsheet(path, tuple(dict.fromkeys(titles)), rows, lines, separator != ",")


def unused_columns(columns: Iterable[str], used: Iterable[str], meant: Mapping[str, Iterable[str]]) -> str:
    """A sentence that names the columns that are not used; "" where all are.

    It asks whether one was meant for a column that the table lacks.

    Args:
        columns: of the table.
        used: names of the columns that are used where they are there.
        meant: for a column, what else it is called.
    """
    columns, used = tuple(columns), set(used)
    words = []
    for column in columns:
        if column not in used:
            name = _meant(column, used, meant)
            words.append(f"{column} (did you mean {name}?)" if name and name not in columns else column)
    return f"has columns that are not used: {', '.join(words)}." if words else ""


def _meant(column: str, used: set[str], meant: Mapping[str, Iterable[str]]) -> str:
    """The used column that another name stands for, by its other names or its spelling."""
    folded = _folded(column)
    for name, others in meant.items():
        if folded in map(_folded, others):
            return name
    # A slip changes much of a short name; long names share much without being meant for each other.
    likeness = 0.75 if len(folded) <= 6 else 0.8
    return next(iter(difflib.get_close_matches(folded, sorted(used), cutoff=likeness)), "")


def _text(path: Path) -> tuple[str, int]:
    """The text of a file from its first line that is not empty, and how many lines stand before."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise KgpError(f"{path} is missing.") from None
    except IsADirectoryError:
        raise KgpError(f"{path} is not a table: it is a folder.") from None
    kind = next((kind for start, kind in _OTHER_FILES.items() if content.startswith(start)), "")
    if b"\0" in content.partition(b"\n")[0]:
        kind = kind or "a text in UTF-16"
    if kind:
        raise KgpError(f"{path} is not a table: it is {kind}; {_ADVICE}.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise KgpError(f"{path} is not a table: line {line} is not in UTF-8; {_ADVICE}.") from None
    blank = re.match(r"(?:[ \t]*(?:\r\n|\r|\n))*", text)
    start = blank.end() if blank else 0
    return text[start:], len(io.StringIO(text[:start], newline="").readlines())


def _separator(text: str, known: set[str]) -> tuple[str, list[str]]:
    """The character between cells, and the cells of the first line."""
    given = _SEPARATOR_LINE.match(text)
    folded = {_folded(name) for name in known}
    headers = {
        separator: _first_record(text[given.end() :] if given else text, separator)
        for separator in ((given[1],) if given else _SEPARATORS)
    }

    def fits(separator: str) -> tuple[int, int]:
        cells = headers[separator]
        return sum(_folded(cell) in folded for cell in cells), len(cells)

    best = max(headers, key=fits)
    return best, headers[best]


def _first_record(text: str, separator: str) -> list[str]:
    try:
        return next(_reader(text, separator), [])
    except csv.Error:
        return []


def _reader(text: str, separator: str) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)


def _cells(path: Path, text: str, separator: str, columns: int, skipped: int) -> tuple[list[list[str]], list[int]]:
    """The cells of each line but the first, and the number of each line."""
    given = _SEPARATOR_LINE.match(text)
    if given:
        text, skipped = text[given.end() :], skipped + 1
    reader = _reader(text, separator)
    rows, lines = [], []
    try:
        next(reader, None)
        for record in reader:
            cells = [cell.strip() for cell in record]
            line = skipped + reader.line_num
            if any(cells[columns:]):
                raise KgpError(
                    f"{path} line {line} has {len(cells)} cells where the first line names {columns} columns; a cell "
                    'that holds the separator must stand in "quotes".'
                )
            if any(cells):
                rows.append(cells[:columns] + [""] * (columns - len(cells)))
                lines.append(line)
    except csv.Error as error:
        raise KgpError(f"{path} is not a table: {error}.") from None
    return rows, lines


def _folded(name: str) -> str:
    """A column's name without what people write in several ways: capitals, spaces, hyphens."""
    return re.sub(r"[\s_-]+", "_", name.strip()).casefold()
