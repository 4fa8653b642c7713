"""The studies of an archive: folders, found while others are already being segmented."""

from collections.abc import Iterator
from pathlib import Path

from kgp.scans.case import holds_cases
from kgp.scans.hidden_files import visible_entries


def find_studies(archive: Path) -> Iterator[str]:
    """Names of the studies of an archive, in a fixed order.

    A study is a folder that `kgp segment` takes as one case: it holds files, and either one of them
    is an image by its name or there are no folders in it. Folders below a study are not searched,
    nor are those whose name begins with a dot.

    Args:
        archive: a folder; where it is a study itself, that is the only study.

    Yields:
        The study's folder relative to the archive, with slashes; the archive's own name where it is
        the study.
    """
    if not _holds_studies(archive):
        yield archive.name
        return
    yield from (folder.relative_to(archive).as_posix() for folder in _studies_below(archive))


def study_folder(archive: Path, study: str) -> Path:
    """The folder of a study that `find_studies` named."""
    return archive if study == archive.name and not _holds_studies(archive) else archive / study


def _studies_below(folder: Path) -> Iterator[Path]:
    for path in visible_entries(folder):
        if not path.is_dir() or _leads_back(path):
            continue
        if _holds_studies(path):
            yield from _studies_below(path)
        else:
            yield path


def _holds_studies(folder: Path) -> bool:
    """Whether studies are to be searched for in a folder, because it is not a study itself."""
    try:
        return holds_cases(folder)
    except OSError:
        return False  # a folder that cannot be read counts as a study, which fails with the reason


def _leads_back(path: Path) -> bool:
    """Whether a symbolic link leads to a folder that it lies in."""
    return path.is_symlink() and path.resolve() in {parent.resolve() for parent in path.parents}
