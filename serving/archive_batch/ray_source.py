"""The studies of an archive as a source of Ray Data."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import ray
from ray.data import Datasource, ReadTask
from ray.data.block import BlockMetadata

from serving.archive_batch.studies import find_studies


class StudySource(Datasource):
    """Names of studies, a block each; the archive is searched while the names are read.

    The order and the studies to leave out are fixed, so that Ray can repeat the search when its
    process dies.

    Args:
        archive: folder of the studies.
        done: names of studies to leave out.
    """

    def __init__(self, archive: Path, done: frozenset[str]) -> None:
        super().__init__()
        self._archive = archive
        self._done = ray.put(done)

    def estimate_inmemory_data_size(self) -> None:
        """Not known before the whole archive was searched."""

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        """One task, as the folders of an archive are searched one by one."""
        archive, done = self._archive, self._done
        unknown = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
        return [ReadTask(lambda: _blocks(archive, ray.get(done)), unknown)]


def _blocks(archive: Path, done: frozenset[str]) -> Iterator[pyarrow.Table]:
    for study in find_studies(archive):
        if study not in done:
            yield pyarrow.table({"study": [os.fsencode(study)]})
