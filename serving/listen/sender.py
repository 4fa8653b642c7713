"""Sending DICOM files to another application entity by C-STORE."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_context
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, VerificationPresentationContexts
from pynetdicom.status import code_to_category

from kgp.errors import KgpError, UsageError

ACCEPTED, REFUSED, LATER = "accepted", "refused", "later"
_NOT_SUPPORTED = 0x0122
_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 120.0  # archives may be slow, and files without an answer are sent again


@dataclasses.dataclass(frozen=True)
class Destination:
    """An application entity: AE title, host and port."""

    aet: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.aet}@{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True)
class StoreResponse:
    """What the destination answered to one file.

    Attributes:
        path: the file.
        verdict: ACCEPTED; REFUSED for good; or LATER, where the destination has no room at present.
        status: the status of the C-STORE response.
    """

    path: Path
    verdict: str
    status: int


class NotReached(KgpError):
    """The destination cannot be reached, rejects the association, or went away."""


def check_aet(title: str, option: str) -> str:
    """An AE title without the spaces around it, which do not count when titles are compared.

    Raises:
        UsageError: the title is not 1 to 16 printable ASCII characters without a backslash.
    """
    stripped = title.strip()
    if not 1 <= len(stripped) <= 16 or not stripped.isascii() or not stripped.isprintable() or "\\" in stripped:
        raise UsageError(
            f"{option}: {title!r} is no AE title; 1 to 16 ASCII characters without a backslash are expected."
        )
    return stripped


def parse_destination(text: str, option: str) -> Destination:
    """Reads AET@host:port.

    Raises:
        UsageError: the text is not of this form.
    """
    aet, at, address = text.rpartition("@")
    host, colon, port = address.rpartition(":")
    if not at or not colon or not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UsageError(f"{option} expects AET@host:port such as ARCHIVE@10.0.0.5:104, not {text!r}.")
    return Destination(check_aet(aet, option), host.strip("[]"), int(port))


def send_files(paths: Sequence[Path], destination: Destination, calling_aet: str) -> Iterator[StoreResponse]:
    """Sends files over one association; yields the response to each before it sends the next.

    Args:
        paths: DICOM files.
        destination: where to send.
        calling_aet: our AE title.

    Raises:
        NotReached: there is no association, or it ended; a file without a response may have arrived
            or not.
        OSError: a file cannot be read.
    """
    entity = AE(calling_aet)
    entity.connection_timeout = _CONNECT_SECONDS
    entity.dimse_timeout = _ANSWER_SECONDS
    association = entity.associate(
        destination.host, destination.port, contexts=_contexts(paths), ae_title=destination.aet
    )
    if not association.is_established:
        reason = "rejects the association" if association.is_rejected else "cannot be reached"
        raise NotReached(f"{destination} {reason}.")
    try:
        for path in paths:
            yield _send_one(association, path, destination)
    finally:
        association.release()


def _send_one(association: Association, path: Path, destination: Destination) -> StoreResponse:
    try:
        status = association.send_c_store(path)
    except ValueError:  # none of the presentation contexts that were accepted fits the file
        return StoreResponse(path, REFUSED, _NOT_SUPPORTED)
    except RuntimeError:
        raise NotReached(f"{destination} ended the association.") from None
    if "Status" not in status:
        raise NotReached(f"{destination} did not answer.")
    if code_to_category(status.Status) in ("Success", "Warning"):
        return StoreResponse(path, ACCEPTED, status.Status)
    return StoreResponse(path, LATER if 0xA700 <= status.Status <= 0xA7FF else REFUSED, status.Status)


def _contexts(paths: Sequence[Path]) -> list[PresentationContext]:
    """Contexts for each kind of file, and Verification, so that one is accepted in any case."""
    syntaxes_of: dict[tuple[UID, UID], list[str | UID]] = {}
    for path in paths:
        meta = read_file_meta_info(path)
        syntax = meta.TransferSyntaxUID
        others: list[UID] = [] if syntax.is_compressed else [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
        syntaxes_of[meta.MediaStorageSOPClassUID, syntax] = list(dict.fromkeys([syntax, *others]))
    return [
        *VerificationPresentationContexts,
        *(build_context(kind, syntaxes) for (kind, _), syntaxes in syntaxes_of.items()),
    ]
