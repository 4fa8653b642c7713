"""Small MR images with a name that must never be logged, senders, archives, listeners."""

import io
import os
import runpy
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage
from pynetdicom import AE, AllStoragePresentationContexts, build_context, evt
from pynetdicom.sop_class import Verification

from serving.listen.receiver import DicomReceiver, ReceiverOptions
from serving.listen.sender import Destination
from serving.listen.service import ListenService, ServiceOptions

ROOT = Path(__file__).parents[3]
MARKER = "MARKERNAME"
QUIET = 0.3
mr_image = runpy.run_path(str(ROOT / "tests" / "dicom_study.py"))["mr_image"]


def make_image(study="1.2.3", number=1, kind=MRImageStorage, size=8, syntax=ExplicitVRLittleEndian, **changes):
    """A data set with 16-bit pixels that all have the value `number`."""
    values = {
        "SOPClassUID": kind,
        "StudyInstanceUID": study,
        "SeriesInstanceUID": f"{study}.1",
        "SOPInstanceUID": f"{study}.1.{number}",
        "PatientName": f"{MARKER}^Anna",
        "PatientID": f"{MARKER}-7",
    }
    image = mr_image(np.full((size, size), number), **values | changes)
    if syntax != ExplicitVRLittleEndian:
        image.compress(syntax, generate_instance_uid=False)
    return image


@pytest.fixture(scope="session")
def image():
    """Makes an image; see `make_image`."""
    return make_image


@pytest.fixture(scope="session")
def marker():
    """What stands in every patient name and number."""
    return MARKER


def connect(port, images=(), calling="SCANNER", called="KGP", contexts=None, evt_handlers=None):
    """An association, established or not."""
    entity = AE(calling)
    entity.acse_timeout = entity.dimse_timeout = 20
    pairs = {(image.SOPClassUID, image.file_meta.TransferSyntaxUID) for image in images}
    wanted = contexts or [build_context(Verification), *(build_context(kind, syntax) for kind, syntax in pairs)]
    return entity.associate("127.0.0.1", port, contexts=wanted, ae_title=called, evt_handlers=evt_handlers)


@pytest.fixture(scope="session")
def associate():
    """Opens an association to a port."""
    return connect


@pytest.fixture(scope="session")
def send():
    """Sends images over one association and gives the statuses; None where there was no answer."""

    def send(port, *images, **names):
        association = connect(port, images, **names)
        assert association.is_established
        statuses = [association.send_c_store(image).get("Status") for image in images]
        association.release()
        return statuses

    return send


@pytest.fixture
def receiver():
    """Starts a receiver; its objects are appended to `kept`, or what `keep` does."""
    started = []

    def start(keep=None, **options):
        kept = []
        made = DicomReceiver(ReceiverOptions(port=0, **options), keep or (lambda one: kept.append(one) or True))
        made.kept = kept
        made.start()
        started.append(made)
        return made

    yield start
    for one in started:
        one.stop()


def as_dataset(received):
    """The object a receiver got."""
    return pydicom.dcmread(io.BytesIO(b"".join(bytes(piece) for piece in received.pieces)))


@pytest.fixture(scope="session")
def read_received():
    """Parses a received object."""
    return as_dataset


class Archive:
    """A destination of results that answers with what `status_of(sop class)` says."""

    def __init__(self, port, status_of, contexts):
        self.received = []
        entity = AE("ARCHIVE")
        for context in contexts or AllStoragePresentationContexts:
            entity.add_supported_context(context.abstract_syntax, context.transfer_syntax)
        entity.add_supported_context(Verification)

        def store(event):
            status = status_of(event.request.AffectedSOPClassUID)
            if status < 0xA000:
                self.received.append(str(event.request.AffectedSOPInstanceUID))
            return status

        self._server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
        self.port = self._server.server_address[1]
        self.stop = entity.shutdown


@pytest.fixture
def archive():
    """Starts an archive."""
    started = []

    def start(port=0, status_of=lambda kind: 0x0000, contexts=None):
        started.append(Archive(port, status_of, contexts))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def count_objects(study, result, **circumstances):
    """Stands in for inference: notes the objects' numbers, and makes one DICOM object."""
    numbers = [int(pydicom.dcmread(path).SOPInstanceUID.rpartition(".")[2]) for path in study.iterdir()]
    result.mkdir()
    (result / "objects.txt").write_text(" ".join(map(str, sorted(numbers))))
    (result / "dicom").mkdir()
    uid = pydicom.dcmread(next(study.iterdir())).StudyInstanceUID
    made = make_image(uid, 900 + len(numbers), EnhancedMRImageStorage)
    made.save_as(result / "dicom" / "report.dcm", enforce_file_format=True)


@pytest.fixture(scope="session")
def counting():
    """The process of tests; see `count_objects`."""
    return count_objects


@pytest.fixture
def service(tmp_path):
    """Starts a service over tmp_path / "console"."""
    started = []

    def start(
        process=count_objects, forward=None, discard=False, quiet=QUIET, folder=tmp_path / "console", waiting=5000,
        **receiver,
    ):  # fmt: skip
        destination = Destination("ARCHIVE", "127.0.0.1", forward) if forward else None
        options = ServiceOptions(quiet, destination, discard, max_waiting=waiting, first_pause=0.1)
        made = ListenService(folder, process, ReceiverOptions(port=0, **receiver), options)
        made.start()
        started.append(made)
        return made

    yield start
    for one in started:
        one.stop()


class Listener:
    """A listener in a process of its own, so that it can be killed."""

    def __init__(self, *words, limit=""):
        command = [sys.executable, *map(str, words)]
        if limit:
            command = ["bash", "-c", f'{limit}; exec "$@"', "bash", *command]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        self.lines = []
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._listening.wait(60), self.lines
        self.port = next(int(line.rsplit(":", 1)[1]) for line in self.lines if "listens on" in line)

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if "listens on" in line:
                self._listening.set()
        self._listening.set()

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, number=signal.SIGTERM):
        """Sends a signal and gives the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(60)
        self._reader.join()
        return status


@pytest.fixture
def listener(tmp_path):
    """Starts listener.py over tmp_path / "console" in a process of its own."""
    yield from listeners(Path(__file__).with_name("listener.py"), tmp_path / "console")


@pytest.fixture
def command(tmp_path):
    """Starts kgp console listen over tmp_path / "console"."""
    words = ["--out", tmp_path / "console", "--port", 0, "--quiet", QUIET]
    yield from listeners("-m", "kgp.console", "listen", *words)


def listeners(*command):
    """Yields a function that starts a listener with more words; kills all at the end."""
    started = []

    def start(*words, **options):
        started.append(Listener(*command, *words, **options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()
