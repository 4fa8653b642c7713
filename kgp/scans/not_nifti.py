"""What stands where a NIfTI file is expected: placeholders, pointers, web pages, other formats.

Download tools leave such files under the right name, so that only their content tells.
"""

import gzip
import zlib
from pathlib import Path

_HEAD = 512  # bytes that are looked at
_SHORTEST = 348  # bytes of a NIfTI-1 header
_GZIP = b"\x1f\x8b"
_HEADER_SIZES = (348, 540)  # the first number of NIfTI-1 and NIfTI-2
_BEGINNINGS = (
    (b"version https://git-lfs.github.com/", "a Git LFS pointer, not the file itself; git lfs pull fetches the file"),
    (b"oid sha256:", "a Git LFS pointer, not the file itself; git lfs pull fetches the file"),
    (b"/annex/objects/", "a git-annex pointer, not the file itself; git annex get fetches the file"),
    (b"<!doctype", "a web page (HTML) where a NIfTI file is expected; download the file again"),
    (b"<html", "a web page (HTML) where a NIfTI file is expected; download the file again"),
    (b"<head", "a web page (HTML) where a NIfTI file is expected; download the file again"),
    (b"<?xml", "an XML text where a NIfTI file is expected; download the file again"),
    (b"{", "a JSON text where a NIfTI file is expected; download the file again"),
    (b"pk\x03\x04", "a zip archive; unpack it"),
)


def what_stands_instead(path: Path) -> str:
    """What a file is that cannot be NIfTI, as the rest of a sentence that begins with the file's
    name; empty where it may be NIfTI, or is not known to be anything else.

    Only the first bytes are read.
    """
    if path.is_symlink() and not path.exists():
        return "is a link to a file that is not there (data of git-annex or DataLad not fetched?)"
    if not path.is_file():
        return ""
    size = path.stat().st_size
    with open(path, "rb") as stream:
        head = stream.read(_HEAD)
    if not head:
        return "is empty (0 bytes)"
    beginning = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, what in _BEGINNINGS:
        if beginning.startswith(start):
            return f"is {what}"
    return _wrong_compression(path, head) or _no_header(path, head, size)


def _wrong_compression(path: Path, head: bytes) -> str:
    """Where the ending promises gzip and the content is plain, or the other way round."""
    compressed = path.name.lower().endswith(".gz")
    if head.startswith(_GZIP) and not compressed:
        return "is compressed, so its name has to end in .nii.gz"
    if compressed and not head.startswith(_GZIP) and _begins_as_nifti(head):
        return "is not compressed, so its name has to end in .nii"
    return ""


def _no_header(path: Path, head: bytes, size: int) -> str:
    """Where neither the file nor what is packed in it begins with a NIfTI header."""
    if head.startswith(_GZIP):
        try:
            with gzip.open(path) as stream:
                head = stream.read(_SHORTEST)
        except (OSError, EOFError, zlib.error):
            return f"is cut short or damaged within its first bytes ({size} bytes)"
    if not head.strip(b"\0"):
        return f"holds nothing but zeros at its beginning ({size} bytes), as a placeholder does"
    if len(head) < _SHORTEST or not _begins_as_nifti(head):
        return f"does not begin as a NIfTI file ({size} bytes); a placeholder, or a file of another kind"
    return ""


def _begins_as_nifti(head: bytes) -> bool:
    return any(int.from_bytes(head[:4], order) in _HEADER_SIZES for order in ("little", "big"))
