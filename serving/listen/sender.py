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
_ANSWER_SECONDS = 120.0  # an archive may be slow, and what it took but did not answer would be sent again


@dataclasses.dataclass(frozen=True)
class Destination:
    """An application entity: AE title, host and port."""

    aet: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.aet}@{self.host}:{self.port}"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the destination said to one file.

    Attributes:
        path: the file.
        verdict: ACCEPTED; REFUSED, which asking again would not change; or LATER, where the destination has no room now.
        status: the status it answered with.
    """

    path: Path
    verdict: str
    status: int


class NotReached(KgpError):
    """The destination cannot be reached, rejects the association, or went away."""


def check_aet(title: str, option: str) -> str:
    """An AE title as it is compared: without spaces around it.

    Raises:
        UsageError: it is not 1 to 16 printable ASCII characters without a backslash.
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
        UsageError: it is not of this form.
    """
    aet, at, place = text.rpartition("@")
    host, colon, port = place.rpartition(":")
    if not at or not colon or not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UsageError(f"{option} expects AET@host:port such as ARCHIVE@10.0.0.5:104; {text!r} came.")
    return Destination(check_aet(aet, option), host.strip("[]"), int(port))


def send_files(paths: Sequence[Path], destination: Destination, calling_aet: str) -> Iterator[Answer]:
    """Sends files over one association and yields each answer before the next file is sent.

    Args:
        paths: DICOM files.
        destination: where to.
        calling_aet: our AE title.

    Raises:
        NotReached: there is no association, or it ended; what was not answered by then is not known to have arrived.
        OSError: a file cannot be read.
    """
    entity = AE(calling_aet)
    entity.connection_timeout = _CONNECT_SECONDS
    entity.dimse_timeout = _ANSWER_SECONDS
    association = entity.associate(
        destination.host, destination.port, contexts=_contexts(paths), ae_title=destination.aet
    )
    if not association.is_established:
        happened = "rejects the association" if association.is_rejected else "cannot be reached"
        raise NotReached(f"{destination} {happened}.")
    try:
        for path in paths:
            yield _send_one(association, path, destination)
    finally:
        association.release()


def _send_one(association: Association, path: Path, destination: Destination) -> Answer:
    try:
        answer = association.send_c_store(path)
    except ValueError:  # none of the presentation contexts that were accepted fits the file
        return Answer(path, REFUSED, _NOT_SUPPORTED)
    except RuntimeError:
        raise NotReached(f"{destination} ended the association.") from None
    if "Status" not in answer:
        raise NotReached(f"{destination} did not answer.")
    if code_to_category(answer.Status) in ("Success", "Warning"):
        return Answer(path, ACCEPTED, answer.Status)
    return Answer(path, LATER if 0xA700 <= answer.Status <= 0xA7FF else REFUSED, answer.Status)


def _contexts(paths: Sequence[Path]) -> list[PresentationContext]:
    """One for each kind of file; and Verification, so that there is an association where all of them are rejected."""
    wanted: dict[tuple[UID, UID], list[str | UID]] = {}
    for path in paths:
        meta = read_file_meta_info(path)
        syntax = meta.TransferSyntaxUID
        others: list[UID] = [] if syntax.is_compressed else [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
        wanted[meta.MediaStorageSOPClassUID, syntax] = list(dict.fromkeys([syntax, *others]))
    return [
        *VerificationPresentationContexts,
        *(build_context(kind, syntaxes) for (kind, _), syntaxes in wanted.items()),
    ]
