import concurrent.futures
import contextlib
import errno
import socket
import struct
import threading
import time
from io import BytesIO

import pytest
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedMRImageStorage,
    EnhancedSRStorage,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    LegacyConvertedEnhancedMRImageStorage,
    MRImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from pynetdicom import build_context, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode
from pynetdicom.sop_class import Verification

from kgp.errors import KgpError
from serving.listen.connections import ConnectionLimits
from serving.listen.receiver import (
    MISMATCH,
    NOT_UNDERSTOOD,
    OUT_OF_RESOURCES,
    SUCCESS,
    DicomReceiver,
    ReceiverOptions,
)


def test_echo_is_answered(receiver, associate):
    association = associate(receiver().port)
    assert association.send_c_echo().Status == SUCCESS
    association.release()


@pytest.mark.parametrize(
    "kind", [MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, CTImageStorage]
)
def test_images_are_kept_as_they_came(receiver, send, image, read_received, kind):
    made = receiver()
    sent = image(kind=kind)
    assert send(made.port, sent) == [SUCCESS]
    (kept,) = made.kept
    assert (kept.study_uid, kept.instance_uid) == (sent.StudyInstanceUID, sent.SOPInstanceUID)
    parsed = read_received(kept)
    assert parsed == sent and parsed.file_meta.MediaStorageSOPInstanceUID == sent.SOPInstanceUID


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_images_are_kept_compressed(receiver, send, image, read_received, syntax):
    made = receiver()
    assert send(made.port, image(syntax=syntax)) == [SUCCESS]
    parsed = read_received(made.kept[0])
    assert parsed.file_meta.TransferSyntaxUID == syntax
    assert (parsed.pixel_array == 1).all()


@pytest.mark.parametrize(
    ("kind", "syntax", "taken"),
    [
        (MRImageStorage, ImplicitVRLittleEndian, True),
        (MRImageStorage, ExplicitVRBigEndian, False),  # retired
        (MRImageStorage, DeflatedExplicitVRLittleEndian, False),  # could grow a thousandfold when it is read
        (SecondaryCaptureImageStorage, ImplicitVRLittleEndian, False),  # our own results may come back
        (SegmentationStorage, ImplicitVRLittleEndian, False),
        (EnhancedSRStorage, ImplicitVRLittleEndian, False),
    ],
)
def test_what_is_not_taken_is_refused_before_it_is_sent(receiver, associate, kind, syntax, taken):
    association = associate(receiver().port, contexts=[build_context(Verification), build_context(kind, syntax)])
    assert (kind in {context.abstract_syntax for context in association.accepted_contexts}) == taken
    if not taken:
        assert association.rejected_contexts[0].result in (0x03, 0x04)  # abstract or transfer syntax not supported
    association.release()


def test_titles_are_checked(receiver, associate, wait_until, caplog):
    port = receiver(aet="KGP", allow=("MR1", "MR2")).port
    for calling, called, established in [("MR2", "KGP", True), ("SCANNER", "KGP", False), ("MR1", "OTHER", False)]:
        association = associate(port, calling=calling, called=called)
        assert association.is_established == established and association.is_rejected != established
        if established:
            association.release()
    wait_until(lambda: "(AE title SCANNER) for KGP was rejected" in caplog.text)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"StudyInstanceUID": ""}, NOT_UNDERSTOOD),
        ({"StudyInstanceUID": ["1.2", "1.3"]}, NOT_UNDERSTOOD),
        ({"SOPInstanceUID": "1.2.3.99"}, MISMATCH),
        ({"SOPClassUID": CTImageStorage}, MISMATCH),
    ],
)
def test_contradictions_are_refused(receiver, associate, image, changes, status):
    made = receiver()
    sent = image()
    association = associate(made.port, [sent])
    announced = (sent.SOPClassUID, sent.SOPInstanceUID)
    for name, value in changes.items():
        setattr(sent, name, value)
    assert send_as(association, announced, sent) == status
    assert send_as(association, announced, image()) == SUCCESS  # the association goes on
    association.release()
    assert len(made.kept) == 1


def send_as(association, announced, dataset):
    """Sends a data set, or bytes, under the class and instance that are announced."""
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = announced
    request.DataSet = BytesIO(dataset if isinstance(dataset, bytes) else encode(dataset, False, True))
    (context,) = [each for each in association.accepted_contexts if each.abstract_syntax == MRImageStorage]
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, context.context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    return answer.Status if answer else None


def nested(depth):
    """A data set of sequences in sequences, each of undefined length."""
    start = struct.pack("<HH2sHL", 0x0008, 0x0006, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    end = struct.pack("<HHL", 0xFFFE, 0xE00D, 0) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    return start * depth + end * depth


@pytest.mark.parametrize(
    "data",
    [b"\x00" * 500, b"\xff" * 500, bytes(range(256)) * 4, nested(300), nested(5000), b"\x08\x00\x16\x00UI\xff\xff1.2"],
    ids=["zeros", "ones", "all bytes", "300 deep", "5000 deep", "cut short"],
)
def test_bytes_that_are_no_data_set_are_not_understood(receiver, associate, image, data):
    made = receiver()
    association = associate(made.port, [image()])
    status = send_as(association, (MRImageStorage, "1.2.3.1.1"), data)
    assert status in (MISMATCH, NOT_UNDERSTOOD, 0xC211)
    association.release()
    assert made.kept == []


def test_an_object_that_is_too_large_is_refused_and_the_next_one_kept(receiver, send, image):
    made = receiver(max_bytes=10_000)
    statuses = send(made.port, image(number=1, size=300), image(number=2))
    assert statuses == [OUT_OF_RESOURCES, SUCCESS]
    assert [one.instance_uid for one in made.kept] == ["1.2.3.1.2"]


def test_a_disk_that_is_full_is_told(receiver, send, image, caplog):
    def fail(received):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert send(receiver(fail).port, image()) == [OUT_OF_RESOURCES]
    assert "an object could not be kept: No space left on device" in caplog.text
    assert send(receiver(lambda received: False).port, image()) == [OUT_OF_RESOURCES]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x01\x00\xff\xff\xff\xff" + b"\x00" * 100,  # an association request of 4 GB
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x01\x03",  # data without an association
        b"\x01\x00\x00\x00\x00\x0a" + b"\xff" * 10,
        b"\x01\x00\x00\x00\x01\x00" + b"\x00" * 10,
        b"",
    ],
    ids=["http", "huge", "data first", "nonsense", "cut short", "nothing"],
)
def test_garbage_on_the_port_does_no_harm(receiver, send, image, data, capfd):
    made = receiver(limits=ConnectionLimits(request_seconds=0.5, stall_seconds=0.5))
    with socket.create_connection(("127.0.0.1", made.port)) as connection:
        connection.sendall(data)
        assert send(made.port, image()) == [SUCCESS]
        connection.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            while connection.recv(100):  # until it is closed
                pass
    assert capfd.readouterr().err == ""


def test_there_is_a_limit_to_associations_and_it_is_regained(receiver, associate, send, image, wait_until):
    made = receiver()
    open_ones = [associate(made.port) for _ in range(8)]
    assert all(association.is_established for association in open_ones)
    assert associate(made.port).is_rejected
    for association in open_ones:
        association.release()
    wait_until(lambda: not made._entity.active_associations)
    assert send(made.port, image()) == [SUCCESS]


def test_connections_that_ask_for_nothing_are_bounded_and_forgotten(receiver, send, image, wait_until):
    made = receiver(limits=ConnectionLimits(others=4))
    idle = [socket.create_connection(("127.0.0.1", made.port), timeout=10) for _ in range(5)]
    assert idle[0].recv(1) == b""  # closed for the fifth
    assert send(made.port, image()) == [SUCCESS]
    for connection in idle:
        connection.close()
    wait_until(lambda: not made._connections.open(associations=False))


def drip(connection, data):
    """Sends a byte at a time until the other side has closed; returns after how many seconds that
    was.
    """
    began = time.monotonic()
    connection.settimeout(0.05)
    for number in range(1000):
        try:
            connection.sendall(data[number : number + 1])
            if connection.recv(1000) == b"":
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


def test_forty_dripping_connections_leave_a_sender_its_way(receiver, associate, send, image):
    """More of them than may be open, each with a byte of a request every now and then."""
    made = receiver(limits=ConnectionLimits(request_seconds=1.0))
    request = request_bytes(made.port, associate)
    dripping = [socket.create_connection(("127.0.0.1", made.port)) for _ in range(40)]
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        ends = [pool.submit(drip, connection, request) for connection in dripping]
        time.sleep(0.2)
        assert send(made.port, image(number=1), image(number=2)) == [SUCCESS] * 2
        seconds = [end.result() for end in ends]
    assert max(seconds) < 5.0  # the deadline is one for the whole request, which takes 10 s so
    assert len(made.kept) == 2


def request_bytes(port, associate):
    """The bytes of an association request."""
    sent = []
    handlers = [(evt.EVT_DATA_SENT, lambda event: sent.append(event.data))]
    associate(port, evt_handlers=handlers).release()
    return sent[0]


def test_an_association_that_drips_its_data_is_ended(receiver, associate, caplog):
    made = receiver(limits=ConnectionLimits(stall_seconds=0.3, least_rate=10_000))
    with socket.create_connection(("127.0.0.1", made.port)) as connection:
        connection.sendall(request_bytes(made.port, associate))
        assert connection.recv(10_000)[:1] == b"\x02"  # accepted
        # Data of one message, in whole PDUs of one byte each: none of them is late by itself.
        assert drip(connection, b"\x04\0\0\0\0\7\0\0\0\3\1\1\0" * 1000) < 10.0
    assert "as its data came too slowly" in caplog.text


def test_an_association_that_brings_nothing_gives_way(receiver, associate, image, wait_until):
    made = receiver(limits=ConnectionLimits(associations=2, yield_seconds=0.3))
    storing, idle = associate(made.port, [image()]), associate(made.port)
    time.sleep(0.4)
    assert storing.send_c_store(image()).Status == SUCCESS
    newcomer = associate(made.port, [image()])
    assert newcomer.send_c_store(image(number=2)).Status == SUCCESS
    wait_until(lambda: idle.is_aborted)
    assert storing.send_c_store(image(number=3)).Status == SUCCESS
    for association in (storing, newcomer):
        association.release()


def test_senders_are_served_side_by_side(receiver, send, image):
    made = receiver()
    threads = [
        threading.Thread(target=send, args=(made.port, *[image(f"1.2.{study}", number) for number in range(1, 6)]))
        for study in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.instance_uid for one in made.kept}) == len(made.kept) == 15


def test_stopping_lets_an_association_end_and_takes_no_other(receiver, associate, send, image):
    made = receiver()
    association = associate(made.port, [image()])
    stopping = threading.Thread(target=made.stop)
    stopping.start()
    time.sleep(0.5)
    assert association.send_c_store(image()).Status == SUCCESS
    assert not associate(made.port).is_established
    association.release()
    stopping.join(5)
    assert not stopping.is_alive() and len(made.kept) == 1


def test_a_taken_port_is_told(receiver):
    with pytest.raises(KgpError, match="cannot listen on 127.0.0.1"):
        DicomReceiver(ReceiverOptions(port=receiver().port), lambda received: True)
