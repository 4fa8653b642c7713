"""A prepared cohort at a smaller size, for a training that begins on small slices."""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

from kgp.data.cohort import Cohort, read_cohort, read_image, spacing_of
from kgp.data.prepare import prepare
from kgp.data.prepared_folders import note_use
from kgp.data.sources.source import DataFault, SourceSlice
from kgp.default_cache import default_cache


def shrunk_cohort(cohort: Cohort, size: int, cache: Path | None = None) -> Cohort:
    """The same slices at `size` x `size`, prepared once into a folder of the cache, without masks.

    Args:
        cohort: the prepared slices.
        size: side in pixels; that of the slices gives the cohort itself.
        cache: folder of prepared folders; None is `kgp.default_cache.default_cache`.

    Raises:
        KgpError: a slice cannot be read.
        OSError: the disk is full; nothing is left behind then.
    """
    if cohort.shape[:2] == (size, size):
        return cohort
    known = cohort.content or str(cohort.folder.resolve())
    key = hashlib.sha256(repr((known, size)).encode()).hexdigest()[:10]
    folder = (cache or default_cache()) / f"{Path(cohort.name).name.replace(' ', '-')}-{key}"
    if not (folder / "cohort.json").is_file():
        prepare(_PreparedSlices(cohort), folder, size=size, made_from=str(cohort.folder))
    note_use(folder)
    return dataclasses.replace(read_cohort(folder), name=cohort.name)


class _PreparedSlices:
    """A prepared cohort as a source (see `kgp.data.sources.source.Source`)."""

    def __init__(self, cohort: Cohort) -> None:
        self.name = cohort.source
        self.contrasts = cohort.contrasts
        self._cohort = cohort
        self._rows = {row.id: row for row in cohort.rows}

    def check(self) -> list[DataFault]:
        """Nothing, as it was checked when it was prepared."""
        return []

    def cases(self) -> list[str]:
        """The ids of its slices."""
        return list(self._rows)

    def read(self, case: str) -> Iterator[SourceSlice]:
        """One slice."""
        row = self._rows[case]
        yield SourceSlice(
            id=row.id,
            patient=row.patient,
            group=row.group,
            label=row.label,
            label_name=row.label_name,
            volume=row.volume,
            index=row.index,
            image=read_image(self._cohort, row),
            spacing=spacing_of(row),
            spacing_slice=row.spacing_slice,
            plane=row.plane,
        )
