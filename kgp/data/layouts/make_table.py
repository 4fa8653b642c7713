"""Writes the table of a folder in another layout, for a person to check."""

import os
from pathlib import Path
from typing import Any

from kgp.data.layouts import recognise
from kgp.data.layouts.draft import SLICES_TABLE
from kgp.data.sources.folder_contents import endings_in_words
from kgp.errors import KgpError, UsageError
from kgp.files import write_table


def make_table(data: Path, table: Path | None = None, overwrite: bool = False) -> list[str]:
    """Writes index.csv or volumes.csv for a folder that no source reads as it lies.

    Args:
        data: the folder.
        table: the file to write, ending .csv; default index.csv or volumes.csv in the folder.
        overwrite: replace an existing table.

    Returns:
        Sentences on what was taken for what.

    Raises:
        UsageError: the table would stand where no source could read it.
        KgpError: the folder is missing or in no known layout, or a table stands there already.
    """
    if not data.is_dir():
        raise KgpError(f"No data found: {data} is not a folder.")
    layout = recognise(data)
    if layout is None:
        raise KgpError(
            f"No table can be made of {data}: expected folders of pictures by class, kaggle_3m, Medical Decathlon, "
            f"nnU-Net or BIDS data, and it holds {endings_in_words(data)}."
        )
    table = table or data / layout.table
    if table.suffix.lower() != ".csv":
        raise UsageError(f"--make-table writes a .csv file, not {table.name!r}.")
    if layout.table == SLICES_TABLE and table.resolve().parent not in (data.resolve(), *data.resolve().parents):
        raise UsageError(
            f"--make-table: the table has to stand in {data} or in a folder above it, not at {table}; copy the pictures to "
            "where you may write."
        )
    _keep_existing(table, overwrite)
    draft = layout.draft(data)
    if not draft.rows:
        raise KgpError(f"No table can be made of {data}: {' '.join(draft.said)}")
    every = table.with_name(f"{table.stem}_all.csv")
    if draft.all_rows:
        _keep_existing(every, overwrite)
    write_table([_plain(row, table.parent) for row in draft.rows], table)
    said = [f"{data} is read as {layout.title}.", *draft.said]
    if draft.all_rows:
        write_table([_plain(row, table.parent) for row in draft.all_rows], every)
        said.append(f"{every} lists all {len(draft.all_rows)} slices.")
    return [*said, f"{table} lists {len(draft.rows)}; a person has to check it before training. {_use(data, table)}"]


def _keep_existing(table: Path, overwrite: bool) -> None:
    """Raises a KgpError where a table would be replaced that is not to be."""
    if table.exists() and not overwrite:
        raise KgpError(f"{table} exists already; name another file or pass --overwrite.")


def _plain(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A row with its paths as seen from the table's folder; those outside of it are absolute."""
    return {column: _seen_from(folder, cell) if isinstance(cell, Path) else cell for column, cell in row.items()}


def _seen_from(folder: Path, path: Path) -> str:
    relative = os.path.relpath(path.resolve(), folder.resolve())
    return str(path.resolve()) if relative.startswith(os.pardir) else Path(relative).as_posix()


def _use(data: Path, table: Path) -> str:
    """How the table is read."""
    if table.name == SLICES_TABLE:
        return f"Then train with --data {table.parent}."
    if table == data / "volumes.csv":
        return f"Then train with --data {data}."
    return f"Then train with --data {data} --csv {table}."
