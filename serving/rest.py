"""TensorFlow Serving's REST interface, health and metrics over HTTP, on Python's own server."""

import json
import logging
import re
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from serving.answers import DEFAULT_SIGNATURE, Answerer, Refused
from serving.grpc_services import model_metadata, model_status
from serving.metrics import Metrics
from serving.store import ServedModels

_log = logging.getLogger(__name__)
_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?(?P<what>/metadata|:predict)?"
)
_SECONDS = 30.0
_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
}


class RestServer(ThreadingHTTPServer):
    """Answers /v1/models/..., /alive, /ready and /metrics.

    Args:
        address: host and port.
        models: the served models.
        answerer: answers predictions.
        metrics: what is counted.
        most_bytes: largest body that is read.
        token: what clients must send as "Authorization: Bearer TOKEN", or "".
    """

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        models: ServedModels,
        answerer: Answerer,
        metrics: Metrics,
        most_bytes: int,
        token: str = "",
    ) -> None:
        self.models, self.answerer, self.metrics = models, answerer, metrics
        self.most_bytes, self.token = most_bytes, token
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: RestServer
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS

    def do_GET(self) -> None:
        if self.path == "/alive":
            self._send(HTTPStatus.OK, {"alive": True})
        elif self.path == "/ready":
            ready = self.server.models.ready
            self._send(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, {"ready": ready})
        else:
            self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *arguments: Any) -> None:
        _log.debug(format, *arguments)

    def _answer(self, work: Any) -> None:
        """Sends what `work` returns, or why there is nothing."""
        try:
            if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
                raise Refused(grpc.StatusCode.UNAUTHENTICATED, "a valid token is needed")
            self._send(HTTPStatus.OK, work())
        except Refused as refused:
            self.close_connection = True  # a body may be unread
            self._send(_STATUS.get(refused.code, HTTPStatus.INTERNAL_SERVER_ERROR), {"error": refused.message})

    def _get(self) -> Any:
        if self.path == "/metrics":
            return self.server.metrics.text()
        name, version, label, what = self._parts()
        with self.server.metrics.timed("REST GET", name):
            if what == "/metadata":
                return _metadata_json(model_metadata(self.server.answerer, name, version, label))
            if what == ":predict":
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "predictions are asked for with POST")
            status = model_status(self.server.models, name, version)
            return json_format.MessageToDict(
                status, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )

    def _post(self) -> Any:
        name, version, label, what = self._parts()
        with self.server.metrics.timed("REST predict", name):
            if what != ":predict":
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Malformed request: POST {self.path}")
            body = self._body()
            with self.server.answerer.lease(name, version, label) as found:
                signature = body.get("signature_name", DEFAULT_SIGNATURE)
                if not isinstance(signature, str):
                    raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "'signature_name' key must be a string value.")
                definition = found.signatures.get(signature)
                inputs, rowwise = _inputs(body, definition) if definition else ({}, True)
                outputs = self.server.answerer.predict(found, signature, inputs, seconds=_SECONDS)
        return {"predictions": _rows(outputs)} if rowwise else {"outputs": _columns(outputs)}

    def _parts(self) -> tuple[str, int | None, str, str]:
        match = _PATH.fullmatch(self.path)
        if not match:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Malformed request: {self.command} {self.path}")
        version = match["version"]
        return match["name"], int(version) if version else None, match["label"] or "", match["what"] or ""

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the request has no Content-Length")
        if int(length) > self.server.most_bytes:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"the request has {length} bytes where {self.server.most_bytes} are allowed",
            )
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"JSON Parse error: {error}") from None
        if not isinstance(body, dict):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Request JSON is not an object.")
        return body

    def _send(self, status: HTTPStatus, content: Any) -> None:
        text = isinstance(content, bytes)
        data = content if text else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4" if text else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _inputs(body: dict[str, Any], definition: meta_graph_pb2.SignatureDef) -> tuple[dict[str, Any], bool]:
    """Named tensors of a request in row format ("instances") or column format ("inputs"), and whether it is the first."""
    if ("instances" in body) == ("inputs" in body):
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT, "Missing 'inputs' or 'instances' key, or both are there; one is needed."
        )
    rowwise = "instances" in body
    names = sorted(definition.inputs)
    if rowwise:
        rows = body["instances"]
        if not isinstance(rows, list) or not rows:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "'instances' must be a list with at least one element.")
        if all(isinstance(row, dict) for row in rows):
            values = {name: [row.get(name) for row in rows] for name in {key for row in rows for key in row}}
        else:
            values = {names[0]: rows}
    else:
        values = body["inputs"] if isinstance(body["inputs"], dict) else {names[0]: body["inputs"]}
    tensors = {}
    for name, value in values.items():
        kind = tf.dtypes.as_dtype(definition.inputs[name].dtype) if name in definition.inputs else tf.float32
        try:
            tensors[name] = tf.make_tensor_proto(np.array(value, kind.as_numpy_dtype))
        except (ValueError, TypeError, OverflowError) as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{name} is no tensor of {kind.name}: {error}") from None
    return tensors, rowwise


def _plain(value: np.ndarray) -> Any:
    return [item.decode() for item in value] if value.dtype == object else value.tolist()


def _rows(outputs: dict[str, np.ndarray]) -> list[Any]:
    """A value for each row where there is one output, else an object for each row."""
    columns = {name: _plain(value) for name, value in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _columns(outputs: dict[str, np.ndarray]) -> Any:
    columns = {name: _plain(value) for name, value in outputs.items()}
    return next(iter(columns.values())) if len(columns) == 1 else columns


def _metadata_json(response: get_model_metadata_pb2.GetModelMetadataResponse) -> dict[str, Any]:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return {
        "model_spec": json_format.MessageToDict(response.model_spec, preserving_proto_field_name=True),
        "metadata": {
            "signature_def": json_format.MessageToDict(
                signatures, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
        },
    }
