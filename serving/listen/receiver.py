"""The C-STORE and C-ECHO provider: takes images, and answers only once an object is kept.

Objects that are not images, secondary captures, and compressions that cannot be read here are
refused before they are sent: their presentation context is rejected. Captures are refused because
the results contain captures, and an archive may send results back.
"""

import dataclasses
import io
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.pixels import get_decoder
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.dsutils import encode_file_meta
from pynetdicom.events import Event
from pynetdicom.pdu import A_ASSOCIATE_RQ, P_DATA_TF
from pynetdicom.presentation import VerificationPresentationContexts

from kgp.errors import KgpError
from kgp.scans.dicom.files import shown_text
from kgp.scans.dicom.pixels import COMPRESSIONS
from serving.listen.association_server import AssociationServer, connection_of, end_waiting, limit_connection
from serving.listen.connections import ConnectionLimits, Connections
from serving.listen.passing_faults import passing_fault

_log = logging.getLogger(__name__)

SUCCESS, OUT_OF_RESOURCES, MISMATCH, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xA900, 0xC000
_OFFERED_PDU_BYTES = 1 << 17  # the largest PDU that senders are asked to send
_MAX_COMMAND_BYTES = 1 << 16
_MAX_OUTSTANDING = 2  # requests without an answer; DICOM allows one unless more were negotiated
_GRACE_SECONDS, _ABORT_SECONDS = 10.0, 1.0
_LIMIT_EXCEEDED = (0x02, 0x03, 0x02)  # rejected for now, by the provider, local limit exceeded
_IDENTITY = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")  # nothing behind the last is read


@dataclasses.dataclass(frozen=True)
class ReceivedObject:
    """An object as it was received.

    Attributes:
        study_uid, instance_uid: StudyInstanceUID and SOPInstanceUID.
        pieces: the bytes of a DICOM file that holds it, in the transfer syntax it was sent in.
        sender: the thread of the connection, which is alive as long as the connection is open.
        title: the calling AE title.
    """

    study_uid: str
    instance_uid: str
    pieces: tuple[bytes | memoryview, ...]
    sender: threading.Thread
    title: str


@dataclasses.dataclass(frozen=True)
class ReceiverOptions:
    """How the receiver listens and what it takes.

    Attributes:
        aet: its AE title; requests for another are rejected.
        host, port: address to bind to; port 0 takes a free one.
        allow: AE titles that may call; empty for all.
        max_bytes: largest object; a larger one is answered with "out of resources" and not kept.
        limits: which connections may stay open.
    """

    aet: str = "KGP"
    host: str = "127.0.0.1"
    port: int = 11112
    allow: tuple[str, ...] = ()
    max_bytes: int = 256 * 10**6
    limits: ConnectionLimits = ConnectionLimits()


class DicomReceiver:
    """Listens until it is stopped.

    Args:
        options: how it listens.
        keep: called for each object, in the sender's thread; returns True once the object is kept
            for good, and False, or raises OSError or MemoryError, where there is no room for it.
        release: called with the sender's thread where an association is released.

    Raises:
        KgpError: the address cannot be bound to.
    """

    def __init__(
        self,
        options: ReceiverOptions,
        keep: Callable[[ReceivedObject], bool],
        release: Callable[[threading.Thread], None] = lambda sender: None,
    ) -> None:
        self._options = options
        self._keep = keep
        self._connections = Connections(options.limits)
        self._entity = AE(options.aet)
        self._entity.require_called_aet = True
        self._entity.require_calling_aet = list(options.allow)
        self._entity.maximum_associations = sys.maxsize  # pynetdicom counts all connections; see Connections
        self._entity.maximum_pdu_size = _OFFERED_PDU_BYTES
        self._entity.acse_timeout = options.limits.request_seconds
        self._entity.network_timeout = options.limits.idle_seconds
        self._entity.supported_contexts = VerificationPresentationContexts
        for kind in image_classes():
            self._entity.add_supported_context(kind, transfer_syntaxes())
        handlers: list[Any] = [
            (evt.EVT_CONN_OPEN, limit_connection),
            (evt.EVT_CONN_CLOSE, end_waiting),
            (evt.EVT_PDU_RECV, self._limit_message),
            (evt.EVT_REQUESTED, self._admit),
            (evt.EVT_REJECTED, _log_rejection),
            (evt.EVT_RELEASED, lambda event: release(event.assoc)),
            (evt.EVT_C_STORE, self._store),
        ]
        address = (options.host, options.port)
        try:
            server: Any = self._entity.make_server(address, evt_handlers=handlers, server_class=AssociationServer)
        except OSError as error:
            raise KgpError(
                f"The receiver cannot listen on {options.host}:{options.port}: {error.strerror or error}."
            ) from None
        self._server: AssociationServer = server
        self._server.connections = self._connections
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        """Listens, in threads of its own."""
        threading.Thread(target=self._server.serve_on, daemon=True).start()
        _log.info("%s listens on %s:%d", self._options.aet, self._options.host, self.port)

    def stop(self) -> None:
        """Accepts no further association, lets open ones end for some seconds, then aborts them."""
        self._server.shutdown()
        for connection in self._connections.open(associations=False):
            if not connection.has_asked:
                connection.close()
        _wait_while(lambda: self._connections.open(associations=True), _GRACE_SECONDS)
        for association in self._entity.active_associations:
            association.abort(block=False)
        _wait_while(lambda: self._entity.active_associations, _ABORT_SECONDS)
        for with_association in (True, False):
            for connection in self._connections.open(associations=with_association):
                connection.close()
        _wait_while(lambda: self._entity.active_associations, _GRACE_SECONDS)

    def _store(self, event: Event) -> int:
        """Returns the status of a C-STORE request; if this raises, it is "cannot understand"."""
        connection = connection_of(event.assoc)
        connection.is_storing = True
        try:
            status = self._status(event)
        except (OSError, MemoryError) as error:
            _log.error("an object could not be kept: %s", passing_fault(error) or type(error).__name__)
            return OUT_OF_RESOURCES
        finally:
            connection.is_storing = False
        if status == SUCCESS:
            connection.mark_useful()
        return status

    def _status(self, event: Event) -> int:
        """Has an object kept; returns the status of the answer."""
        request: Any = event.request
        if isinstance(request.DataSet, _Overflow):
            _log.warning("an object of more than %d MB was refused", self._options.max_bytes // 10**6)
            return OUT_OF_RESOURCES
        header = _read_identity(request.DataSet, UID(event.context.transfer_syntax))
        kind, instance, study = (header.get(name) for name in _IDENTITY)
        if not isinstance(study, str) or not study or not isinstance(instance, str) or not instance:
            return NOT_UNDERSTOOD
        if (kind, instance) != (request.AffectedSOPClassUID, request.AffectedSOPInstanceUID):
            return MISMATCH
        if kind != event.context.abstract_syntax:
            return MISMATCH
        start = b"\0" * 128 + b"DICM" + encode_file_meta(event.file_meta)
        pieces = (start, request.DataSet.getbuffer())
        received = ReceivedObject(study, instance, pieces, event.assoc, str(event.assoc.requestor.ae_title))
        return SUCCESS if self._keep(received) else OUT_OF_RESOURCES

    def _admit(self, event: Event) -> None:
        """Called for each request of an association, before it is answered."""
        if not self._connections.admit(connection_of(event.assoc)):
            association: Any = event.assoc
            association.acse.send_reject(*_LIMIT_EXCEEDED)
            _log_rejection(event)
            association.kill()

    def _limit_message(self, event: Event) -> None:
        """Called for each PDU: pynetdicom joins them to a message in memory and without a limit."""
        provider: Any = event.assoc.dimse
        if isinstance(event.pdu, A_ASSOCIATE_RQ):
            connection_of(event.assoc).has_asked = True
        if not isinstance(event.pdu, P_DATA_TF):
            return
        if provider.message is None:
            connection_of(event.assoc).begin_message()
            return
        if provider.message.data_set.tell() > self._options.max_bytes:
            provider.message.data_set = _Overflow()
        command_bytes = provider.message.encoded_command_set.tell()
        if command_bytes > _MAX_COMMAND_BYTES or provider.msg_queue.qsize() > _MAX_OUTSTANDING:
            event.assoc.abort()


def image_classes() -> list[UID]:
    """The SOP classes that are taken: images of any modality except secondary captures."""
    kinds = [UID(str(context.abstract_syntax)) for context in AllStoragePresentationContexts]
    return [kind for kind in kinds if "Image Storage" in kind.name and "Secondary Capture" not in kind.name]


def transfer_syntaxes() -> list[UID]:
    """The transfer syntaxes that are taken: uncompressed, or such as pydicom can decompress."""
    readable = [syntax for syntax in COMPRESSIONS if get_decoder(syntax).is_available]
    return [ExplicitVRLittleEndian, ImplicitVRLittleEndian, *readable]


class _Overflow(io.BytesIO):
    """Stands in for a data set that is too large; what is written to it is dropped."""

    def write(self, data: Any, /) -> int:
        """Drops the data."""
        return len(data)


def _wait_while(is_so: Callable[[], Any], seconds: float) -> None:
    """Waits while something is so, but not longer."""
    deadline = time.monotonic() + seconds
    while is_so() and time.monotonic() < deadline:
        time.sleep(0.1)


def _log_rejection(event: Event) -> None:
    requested: Any = event.assoc.requestor.primitive
    _log.warning(
        "an association from %s (AE title %s) for %s was rejected",
        event.assoc.requestor.address, shown_text(requested.calling_ae_title), shown_text(requested.called_ae_title),
    )  # fmt: skip


def _read_identity(stream: io.BytesIO, syntax: UID) -> Dataset:
    """SOPClassUID, SOPInstanceUID and StudyInstanceUID of a data set."""
    stream.seek(0)
    return read_dataset(
        stream,
        syntax.is_implicit_VR,
        syntax.is_little_endian,
        stop_when=lambda tag, vr, length: tag > Tag(_IDENTITY[-1]),
        specific_tags=[Tag(name) for name in _IDENTITY],
    )
