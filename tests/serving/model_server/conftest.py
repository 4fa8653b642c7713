"""Servers over copies of the exported tiny run, and TensorFlow Serving's own stubs."""

import hashlib
import json
import os
import shutil
import urllib.error
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

from serving.model_server.server import ModelServer, ServerOptions

WARMUP = "assets.extra/tf_serving_warmup_requests"


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


@pytest.fixture(scope="session")
def quick_version(saved_model, tmp_path_factory):
    """The exported version with one of its 25 warm-up requests, so that servers start sooner."""
    folder = shutil.copytree(saved_model[0], tmp_path_factory.mktemp("quick") / "1")
    first = next(iter(tf.data.TFRecordDataset(str(folder / WARMUP)).skip(5).as_numpy_iterator()))
    with tf.io.TFRecordWriter(str(folder / WARMUP)) as writer:
        writer.write(first)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][WARMUP] = hashlib.sha256((folder / WARMUP).read_bytes()).hexdigest()
    manifest["sizes"][WARMUP] = (folder / WARMUP).stat().st_size
    manifest["batch_sizes"] = [1, 16]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def models(quick_version, tmp_path):
    """A folder with version 1 of the tiny model, which a test may change."""
    shutil.copytree(quick_version, tmp_path / "models" / "tiny" / "1")
    return tmp_path / "models" / "tiny"


@pytest.fixture(scope="session")
def publish():
    """Makes a copy of version 1 appear as version 2 at once; `change` may alter the copy first."""

    def publish(models, change=lambda folder: None):
        shutil.copytree(models / "1", models / ".2.part")
        change(models / ".2.part")
        os.replace(models / ".2.part", models / "2")

    return publish


@pytest.fixture
def start_server(wait_until):
    """Starts a server of the test's own over folders and waits until it is ready."""
    started = []

    def start(*folders, ready=True, **options):
        options = {"grpc_port": 0, "rest_port": 0, "poll_seconds": 0.05, **options}
        server = ModelServer({folder.name: (folder, {}) for folder in folders}, ServerOptions(**options))
        started.append(server)
        server.start()
        if ready:
            wait_until(lambda: server.models.ready)
        return server

    yield start
    for server in started:
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
def slices():
    """Five raw slices."""
    return np.random.default_rng(4).uniform(0, 255, (5, 16, 16, 2)).astype(np.float32)


@pytest.fixture(scope="session")
def get():
    """Asks a REST server: (status, body)."""

    def get(server, path, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{server.rest_port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    return get


@pytest.fixture(scope="session")
def post():
    """Posts JSON, or bytes, to a REST server: (status, JSON)."""

    def post(server, path, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{server.rest_port}{path}", data=data)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    return post
