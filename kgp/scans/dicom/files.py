"""The files of a DICOM study: below a folder, in a zip archive, or named one by one.

Nothing is extracted: members of an archive are read in place, so their names are never used as
paths.
"""

import contextlib
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from kgp.errors import KgpError
from kgp.scans.hidden_files import is_hidden

_MOST_FILES = 100_000
_MOST_BYTES = 16 << 30
_LARGEST = 2 << 30  # bytes of one file
_MOST_RATIO = 200  # deflate reaches 1000 on zeros; slices that are half air stay below 20
_SMALL_ENOUGH = 64 << 20  # unpacked bytes below which the ratio does not matter
_LONGEST_NAME = 200
_NOT_UNPACKED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)


@dataclass(frozen=True)
class StudyFile:
    """A file on disk, or a member of an archive that is open.

    Attributes:
        name: how messages call it.
        path: the file, or the archive.
        archive: the open archive, or None for a file on disk.
        member: its entry in the archive.
    """

    name: str
    path: Path
    archive: zipfile.ZipFile | None = None
    member: zipfile.ZipInfo | None = None

    @property
    def location(self) -> PurePath:
        """Where it lies on disk or in its archive; unlike `name` never shortened."""
        return self.path if self.member is None else PurePath(self.member.filename)

    def open(self) -> BinaryIO:
        """Its bytes; a member of an archive is unpacked into memory.

        Raises:
            KgpError: it is too large, or the member is damaged, encrypted, or packed in an unknown
                way.
            OSError: the file cannot be read.
        """
        if self.archive is None or self.member is None:
            size = self.path.stat().st_size
            if size > _LARGEST:
                raise KgpError(f"{self.name} is {size / 2**30:.1f} GiB large, more than is read.")
            return self.path.open("rb")
        try:
            return io.BytesIO(self.archive.read(self.member))
        except _NOT_UNPACKED as error:
            raise KgpError(f"{self.name} cannot be unpacked: {shown_text(str(error))}.") from None

    def head(self, count: int) -> bytes:
        """Its first bytes, however large it is.

        Raises:
            KgpError: the beginning of a member is damaged, encrypted, or packed in an unknown way.
            OSError: the file cannot be read.
        """
        if self.archive is None or self.member is None:
            with self.path.open("rb") as stream:
                return stream.read(count)
        try:
            with self.archive.open(self.member) as packed:
                return packed.read(count)
        except _NOT_UNPACKED as error:
            raise KgpError(f"{self.name} cannot be unpacked: {shown_text(str(error))}.") from None


@contextlib.contextmanager
def open_study(sources: Sequence[Path]) -> Iterator[list[StudyFile]]:
    """Yields the files of a study; archives among them stay open inside the block.

    Args:
        sources: folders (with all below them; links to folders are not followed), zip archives and
            files.

    Raises:
        KgpError: a source is missing, a part of a folder cannot be read, an archive is damaged or
            would unpack to too much, or there are too many files.
    """
    with contextlib.ExitStack() as archives:
        files: list[StudyFile] = []
        for source in sources:
            if source.is_dir():
                files += _below(source)
            elif not source.is_file():
                raise KgpError(f"{source} is missing." if not source.exists() else f"{source} is not a file or folder.")
            elif _is_archive(source):
                files += _members(source, archives)
            else:
                files.append(StudyFile(str(source), source))
            if len(files) > _MOST_FILES:
                where = source if len(sources) == 1 else "what is given"
                raise KgpError(f"{where} holds more than {_MOST_FILES} files; give the folder of one study.")
        yield files


def shown_text(text: str) -> str:
    """A text from a file as a message may show it: no control characters, of bounded length."""
    return "".join(character if character.isprintable() else "?" for character in text[:_LONGEST_NAME])


def _below(folder: Path) -> list[StudyFile]:
    """Regular files below a folder in a fixed order; hidden ones are left out.

    Raises:
        KgpError: a part of it cannot be read, so that slices could be missing without a word.
    """
    files: list[StudyFile] = []
    try:
        for where, folders, names in os.walk(folder, onerror=_raise):
            folders[:] = sorted(name for name in folders if not is_hidden(name))
            for name in sorted(names):
                path = Path(where, name)
                if not is_hidden(name) and stat.S_ISREG(path.stat().st_mode):
                    files.append(StudyFile(shown_text(str(path)), path))
            if len(files) > _MOST_FILES:
                break
    except OSError as error:
        raise KgpError(f"{shown_text(str(error.filename))} cannot be read: {error.strerror}.") from None
    return files


def _raise(error: OSError) -> None:
    raise error


def _is_archive(path: Path) -> bool:
    with path.open("rb") as stream:
        return path.suffix.lower() == ".zip" or stream.read(4) == b"PK\3\4"


def _members(path: Path, archives: contextlib.ExitStack) -> list[StudyFile]:
    try:
        archive = archives.enter_context(zipfile.ZipFile(path))
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise KgpError(f"{path} cannot be read as a zip archive: {shown_text(str(error))}.") from None
    members = [member for member in archive.infolist() if not member.is_dir() and not is_hidden(member.filename)]
    unpacked, packed = sum(member.file_size for member in members), max(path.stat().st_size, 1)
    largest = max((member.file_size for member in members), default=0)
    too_dense = unpacked > _SMALL_ENOUGH and unpacked > _MOST_RATIO * packed
    if unpacked > _MOST_BYTES or largest > _LARGEST or too_dense:
        raise KgpError(
            f"{path} would unpack to {unpacked / 2**20:.0f} MiB from {packed / 2**20:.1f} MiB, which is more than is "
            "read."
        )
    return [StudyFile(shown_text(f"{path}:{member.filename}"), path, archive, member) for member in members]
