"""The digest of a data set's files, by which prepared slices are found again wherever the data
lie.

Reading every byte takes its time, so what was read once is remembered by size and times. A file
that changed within the last seconds is not remembered: another change in the same instant would
leave the same times.
"""

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Sequence
from pathlib import Path

from kgp.errors import KgpError
from kgp.files import read_json, sha256, write_json
from kgp.scans.hidden_files import visible_below

_log = logging.getLogger(__name__)
_FILES_OF_KGP = ("cohort.json", "model.weights.h5", "folds.json")  # a folder that holds one of them is no data
_SETTLED_SECONDS = 2.0  # since a file's last change, before its digest is remembered
_QUIET_SECONDS = 5.0  # of reading, before it is said how far it is, and between two such lines
_UNREADABLE = "unreadable"  # the digest of a file that may not be read, which is left out when preparing


def own_files(data: Path) -> list[Path]:
    """All files of a data set, sorted, but for hidden ones and for what kgp itself left there:
    prepared slices, runs.
    """
    files = sorted(path for path in visible_below(data, "*") if path.is_file())
    made = {path.parent for path in files if path.name in _FILES_OF_KGP} - {data}
    return [path for path in files if made.isdisjoint(path.parents)]


def files_digest(data: Path, named: Sequence[Path], memory: Path) -> str:
    """SHA-256 over the relative path and the content of every file of a data set, and over the
    content of files elsewhere that it names.

    Args:
        data: the folder of the data set.
        named: files that a table of it names, wherever they lie, in the order of the table.
        memory: folder of what is remembered, a file for each data set; it need not be writable.
    """
    place = data.resolve()
    memo = memory / f"{hashlib.sha256(os.fsencode(place)).hexdigest()[:16]}.json"
    known = _remembered(memo)
    names = {path.relative_to(data).as_posix(): path for path in own_files(data)}
    own = {path.resolve() for path in names.values()} if named else set()
    names |= {str(path.resolve()): path for path in named if path.is_file() and path.resolve() not in own}
    found = _digests(place, names, known)
    settled = {name: entry for name, (entry, old_enough) in found.items() if old_enough}
    if settled != known:
        with contextlib.suppress(OSError):
            write_json(memo, settled)
    digest = hashlib.sha256()
    for name, (entry, _) in found.items():
        word = b"" if os.path.isabs(name) else os.fsencode(name)
        digest.update(word + b"\0" + entry[-1].encode() + b"\n")
    return digest.hexdigest()


def _remembered(memo: Path) -> dict[str, list]:
    """What the file holds; nothing where it is missing or damaged."""
    try:
        return dict(read_json(memo))
    except (KgpError, TypeError, ValueError):
        return {}


def _digests(data: Path, names: dict[str, Path], known: dict[str, list]) -> dict[str, tuple[list, bool]]:
    """For each name size, times and SHA-256 of its file, and whether they may be remembered."""
    statuses = {name: path.stat() for name, path in names.items()}
    marks = {name: [s.st_size, s.st_mtime_ns, s.st_ctime_ns] for name, s in statuses.items()}
    fresh = {name for name in names if known.get(name, [])[:-1] != marks[name]}
    progress = _Progress(data, sum(statuses[name].st_size for name in fresh))
    found = {}
    for name, path in names.items():
        if name not in fresh:
            found[name] = (known[name], True)
            continue
        now = time.time()
        value = _sha256(path)
        settled = max(statuses[name].st_mtime, statuses[name].st_ctime) < now - _SETTLED_SECONDS
        found[name] = ([*marks[name], value], settled and value != _UNREADABLE)
        progress.add(statuses[name].st_size)
    return found


def _sha256(path: Path) -> str:
    try:
        return sha256(path)
    except PermissionError:
        return _UNREADABLE


class _Progress:
    """Says now and then how much was read."""

    def __init__(self, data: Path, total: int) -> None:
        self.data, self.total, self.done = data, total, 0
        self.started = self.said = time.monotonic()

    def add(self, size: int) -> None:
        """Counts the bytes of one more file."""
        self.done += size
        now = time.monotonic()
        if now - self.said >= _QUIET_SECONDS and self.done < self.total:
            self.said = now
            left = (now - self.started) / max(self.done, 1) * (self.total - self.done)
            _log.info(
                "Looking whether %s was prepared before: %.1f of %.1f GB read, %d s left.",
                self.data,
                self.done / 1e9,
                self.total / 1e9,
                round(left),
            )
