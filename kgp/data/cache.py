"""The cache of prepared cohorts: each data set is prepared once and found again by its content."""

import dataclasses
import hashlib
import logging
from pathlib import Path

import kgp
from kgp.data.cohort import Cohort, read_cohort
from kgp.data.prepare import prepare
from kgp.data.prepared_folders import note_use
from kgp.data.source_files import files_digest
from kgp.data.sources import open_source
from kgp.data.sources.source import Source
from kgp.default_cache import default_cache
from kgp.errors import KgpError
from kgp.files import read_json, sha256
from kgp.long_lists import shortened
from kgp.run_folder import PHANTOM

_log = logging.getLogger(__name__)
_MEMORY = ".files"  # in the cache: what is remembered of the files of data sets


def cached_cohort(
    data: Path | None,
    *,
    size: int,
    cache: Path | None = None,
    contrasts: tuple[str, ...] = (),
    kind: str | None = None,
    csv: Path | None = None,
) -> Cohort:
    """The prepared cohort of a data set: `data` itself where it is one, else prepared once into a
    folder of the cache.

    The folder is found by the content of the data's files, so the same data under another path, or
    copied to another machine, are not prepared again, and changed data are. The cohort's name is
    `data`, as the user calls it.

    Args:
        data: a data set or a prepared folder; None is the phantom.
        size: as for `kgp.data.prepare.prepare`; for a prepared folder its own size, or 0.
        cache: folder of prepared folders; None is `kgp.default_cache.default_cache`.
        contrasts, kind, csv: as for `kgp.data.sources.open_source`.

    Raises:
        KgpError: the data cannot be read, or are prepared at another size or with other contrasts
            than asked for.
    """
    name = _shown(data) if data else PHANTOM
    if data is not None and (data / "cohort.json").is_file():
        cohort = _prepared_earlier(data)
        if size and cohort.shape[:2] != (size, size):
            raise KgpError(f"{data} was prepared at {cohort.shape[0]}x{cohort.shape[1]}, not at --size {size}.")
        if contrasts and cohort.contrasts != tuple(contrasts):
            raise KgpError(
                f"{data} was prepared with the contrasts {', '.join(cohort.contrasts)}, "
                f"not with {', '.join(contrasts)}."
            )
        return dataclasses.replace(cohort, name=name)
    source = open_source(data, kind, contrasts=contrasts, csv=csv)
    cache = cache or default_cache()
    key = _key(source, data, size, csv, cache / _MEMORY)
    folder = cache / f"{data.resolve().name if data else 'phantom'}-{key}"
    earlier = next(
        (path for path in (folder, *sorted(cache.glob(f"*-{key}"))) if (path / "cohort.json").is_file()), None
    )
    if earlier:
        cohort = _prepared_earlier(earlier)
    else:
        _log.info("Preparing %s into %s.", data or PHANTOM, _shown(folder))
        cohort = _prepared_now(source, folder, size, str(data.resolve()) if data else PHANTOM)
    note_use(cohort.folder)
    return dataclasses.replace(cohort, name=name)


def _prepared_now(source: Source, folder: Path, size: int, made_from: str) -> Cohort:
    try:
        return prepare(source, folder, size=size, made_from=made_from)
    except KgpError:
        if not (folder / "cohort.json").is_file():
            raise
        return read_cohort(folder)  # another training has prepared the same data meanwhile


def _prepared_earlier(folder: Path) -> Cohort:
    """Reads a prepared folder, and warns again of what had to be left out."""
    cohort = read_cohort(folder)
    header = read_json(folder / "cohort.json")
    for name, what in (("unreadable", "case(s) that could not be read"), ("black", "black slice(s)")):
        if header.get(name):
            _log.warning("Without %d %s; %s lists them.", len(header[name]), what, folder / "cohort.json")
    for sentence in shortened(header.get("warnings", []), "warnings"):
        _log.warning("%s", sentence)
    return cohort


def _key(source: Source, data: Path | None, size: int, csv: Path | None, memory: Path) -> str:
    """Short digest of all that prepared slices depend on: version, kind of source, contrasts, size,
    and the content of files and table.
    """
    own = ("own grid",) if size else ()  # resized slices of earlier versions were not kept on it
    digest = hashlib.sha256(repr((kgp.__version__, source.name, source.contrasts, size, *own)).encode())
    if data is None:
        digest.update(repr(sorted(vars(source).items())).encode())
    else:
        named = source.files() if hasattr(source, "files") else []  # of sources whose table names files
        digest.update(files_digest(data, named, memory).encode())
        digest.update(sha256(csv).encode() if csv else b"")
    return digest.hexdigest()[:10]


def _shown(path: Path) -> str:
    """A path as people give it: from the working directory on where it lies inside."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) and path != here else path)
