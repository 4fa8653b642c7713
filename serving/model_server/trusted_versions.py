"""Versions that the server may load, by the SHA-256 of their manifests."""

import re
from pathlib import Path

from kgp.errors import KgpError, UsageError
from kgp.files import sha256
from kgp.runtime.artifact import MANIFEST

_LINE = re.compile("([0-9a-f]{64})( .*)?")


def read_trusted(path: Path) -> frozenset[str]:
    """Reads a file as sha256sum writes it: a sum in each line, and a name that is passed over.

    Raises:
        UsageError: it cannot be read, or a line is no sum.
    """
    try:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}.") from None
    matches = [_LINE.fullmatch(line.strip()) for line in lines]
    if not lines or not all(matches):
        raise UsageError(f"{path} has a line that is no SHA-256 as sha256sum writes it, or none.")
    return frozenset(match[1] for match in matches if match)


def check_trusted(folder: Path, trusted: frozenset[str]) -> None:
    """Refuses a version whose manifest, which has the sums of all its files, is not trusted.

    Raises:
        KgpError: it is not.
    """
    if not (folder / MANIFEST).is_file() or sha256(folder / MANIFEST) not in trusted:
        raise KgpError(f"{folder / MANIFEST} is not among the SHA-256 of --require-sha256.")
