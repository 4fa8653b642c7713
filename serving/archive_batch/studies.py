"""The studies of an archive: folders, found one after the other while others are already being segmented."""

from collections.abc import Iterator
from pathlib import Path

from kgp.scans.case import holds_cases


def find_studies(archive: Path) -> Iterator[str]:
    """Names of the studies of an archive, in a fixed order.

    A study is a folder that `kgp segment` takes as one case: it holds files, and either one of them is an image by its name or
    there are no folders in it. Nothing below it is looked at, nor is what begins with a dot.

    Args:
        archive: a folder; where it is a study itself, it is the only one.

    Yields:
        The study's folder relative to the archive, with slashes; the archive's own name where it is the study.
    """
    if not _looked_into(archive):
        yield archive.name
        return
    yield from (folder.relative_to(archive).as_posix() for folder in _studies_below(archive))


def study_folder(archive: Path, study: str) -> Path:
    """The folder of a study that `find_studies` named."""
    return archive if study == archive.name and not _looked_into(archive) else archive / study


def _studies_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.is_dir() or _leads_back(path):
            continue
        if _looked_into(path):
            yield from _studies_below(path)
        else:
            yield path


def _looked_into(folder: Path) -> bool:
    try:
        return holds_cases(folder)
    except OSError:
        return False  # it counts as a study, so that the reason is listed


def _leads_back(path: Path) -> bool:
    """Whether a symbolic link leads to a folder that it lies in."""
    return path.is_symlink() and path.resolve() in {parent.resolve() for parent in path.parents}
