"""A server in this process over a copy of the exported tiny run, and TensorFlow Serving's own stubs to talk to it."""

import shutil
import time

import grpc
import nibabel
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

from serving.model_server.server import ModelServer, ServerOptions


def until(condition, seconds=60.0):
    """Waits until something is true; fails where it does not become so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def predict_request(images, signature="serving_default", outputs=(), model="tiny", **inputs):
    request = predict_pb2.PredictRequest(output_filter=outputs)
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    for name, value in {"images": images, **inputs}.items():
        if value is not None:
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


class Client:
    """The official stubs of a server."""

    def __init__(self, port):
        self.channel = grpc.insecure_channel(
            f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        )
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self.channel)

    def predict(self, images, *arguments, timeout=60.0, **more):
        response = self.prediction.Predict(predict_request(images, *arguments, **more), timeout=timeout)
        return {name: tf.make_ndarray(tensor) for name, tensor in response.outputs.items()}


@pytest.fixture
def models(saved_model, tmp_path):
    """A folder with version 1 of the tiny model, which a test may change."""
    shutil.copytree(saved_model[0], tmp_path / "models" / "tiny" / "1")
    return tmp_path / "models" / "tiny"


def started_server(folders, ready=True, **options):
    options = {"grpc_port": 0, "rest_port": 0, "poll_seconds": 0.05, **options}
    server = ModelServer({folder.name: folder for folder in folders}, ServerOptions(**options))
    server.start()
    if ready:
        until(lambda: server.models.ready)
    return server


@pytest.fixture
def start_server():
    """Starts a server of the test's own over folders and waits until it is ready."""
    started = []

    def start(*folders, **options):
        started.append(started_server(folders, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def server(saved_model):
    """A server that no test changes."""
    server = started_server([saved_model[0].parent])
    yield server
    server.stop()


@pytest.fixture(scope="session")
def client(server):
    """The stubs of `server`."""
    client = Client(server.grpc_port)
    yield client
    client.channel.close()


@pytest.fixture
def connect():
    """Makes the stubs of a port."""
    made = []

    def to(port):
        made.append(Client(port))
        return made[-1]

    yield to
    for client in made:
        client.channel.close()


@pytest.fixture(scope="session")
def request_of():
    """Makes a PredictRequest."""
    return predict_request


@pytest.fixture(scope="session")
def wait_until():
    """Waits until something is true."""
    return until


@pytest.fixture(scope="session")
def slices():
    """Five raw slices."""
    return np.random.default_rng(4).uniform(0, 255, (5, 16, 16, 2)).astype(np.float32)


@pytest.fixture(scope="session")
def write_study():
    """Writes a study as NIfTI, 18 x 18 x 3 voxels of 1 x 1 x 2 mm: noise, and 240 in 4 x 5 pixels of slice 1."""

    def write(folder, contrasts=("t1", "flair"), black=False):
        folder.mkdir(parents=True)
        generator = np.random.default_rng(0)
        for contrast in contrasts:
            data = generator.uniform(50, 100, (18, 18, 3)).astype(np.float32)
            data[3:7, 9:14, 1] = 240.0
            image = nibabel.Nifti1Image(data * (not black), np.diag([-1.0, -1.0, 2.0, 1.0]))
            nibabel.save(image, folder / f"p_{contrast}.nii.gz")
        return folder

    return write
