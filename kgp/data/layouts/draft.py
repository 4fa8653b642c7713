"""What a layout is: data as other tools keep them, of which a table can be drafted."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

SLICES_TABLE, VOLUMES_TABLE = "index.csv", "volumes.csv"


@dataclasses.dataclass(frozen=True)
class Draft:
    """A table of data, to be checked by a person.

    Attributes:
        rows: cells by column; paths are `Path`, absolute or relative as the data's folder is.
        said: sentences on what was taken for what, and on what cannot be known.
        all_rows: a second table of every slice, where `rows` is a choice.
    """

    rows: list[dict[str, Any]]
    said: list[str]
    all_rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Layout:
    """One way in which data lie on disk.

    Attributes:
        title: what it is, in words ("look like ...").
        table: name of the table that a source reads.
        fits: whether a folder lies so; no file is opened but small texts.
        draft: makes the table of such a folder.
    """

    title: str
    table: str
    fits: Callable[[Path], bool]
    draft: Callable[[Path], Draft]
