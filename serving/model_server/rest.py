"""TensorFlow Serving's REST interface, health and metrics over HTTP, on Python's own server."""

import contextlib
import json
import logging
import re
import socket
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf import json_format

from serving.model_server.answers import DEFAULT_SIGNATURE, Answerer, Refused
from serving.model_server.authorisation import is_authorised
from serving.model_server.metrics import Metrics
from serving.model_server.model_information import model_metadata, model_status
from serving.model_server.rest_json import metadata_json, outputs_in_columns, outputs_in_rows, read_inputs
from serving.model_server.store import ServedModels

_log = logging.getLogger(__name__)
_PATH = re.compile(
    r"/v1/models(?:/(?P<name>[^/:]+))?(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?(?P<action>/metadata|:predict)?"
)
_SECONDS = 30.0
_INT64 = 2**63 - 1
_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


class _Room:
    """Room for a number of requests at the same time, which is waited for when the server stops.

    Args:
        max_predictions: how many predictions may be answered at the same time.
    """

    def __init__(self, max_predictions: int) -> None:
        self._max_predictions = max_predictions
        self._taken = 0
        self._closed = False
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def taken(self, limited: bool) -> Iterator[None]:
        """Takes room for one request while the block runs.

        Raises:
            Refused: the server is stopping, or the request is `limited` and there is no room.
        """
        with self._changed:
            if self._closed:
                raise Refused(grpc.StatusCode.UNAVAILABLE, "the server is stopping")
            if limited and self._taken >= self._max_predictions:
                raise Refused(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, f"{self._max_predictions} requests are being answered already"
                )
            self._taken += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()

    def close(self, seconds: float) -> None:
        """Refuses further requests, and waits up to `seconds` for those that are being answered."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._taken, seconds)


class RestServer(ThreadingHTTPServer):
    """Answers /v1/models/..., /alive, /ready and /metrics.

    Args:
        address: host and port.
        models: the served models.
        answerer: answers predictions.
        metrics: counts requests.
        max_bytes: largest body that is read.
        max_predictions: how many predictions may be answered at the same time.
        token: what clients must send as "Authorization: Bearer TOKEN", or "".
    """

    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        models: ServedModels,
        answerer: Answerer,
        metrics: Metrics,
        max_bytes: int,
        max_predictions: int,
        token: str = "",
    ) -> None:
        self.models, self.answerer, self.metrics = models, answerer, metrics
        self.max_bytes, self.token = max_bytes, token
        self.room = _Room(max_predictions)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, _Handler)

    def stop(self, seconds: float) -> None:
        """Stops listening, and waits up to `seconds` for the requests that are being answered."""
        self.shutdown()
        self.server_close()
        self.room.close(seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Logs why a connection ended; a client that went away or speaks no TLS is no defect."""
        if isinstance(sys.exception(), OSError):
            _log.debug("connection of %s lost: %s", client_address, sys.exception())
        else:
            _log.exception("connection of %s ended by a defect", client_address)


class _Handler(BaseHTTPRequestHandler):
    server: RestServer
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    error_content_type = "application/json"
    error_message_format = '{"error": "%(explain)s"}'

    def do_GET(self) -> None:
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # its unread body must not be taken for a request
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
        """Sends what `work` returns, or why it refuses."""
        try:
            if not is_authorised(self.headers.get("Authorization", ""), self.server.token):
                raise Refused(grpc.StatusCode.UNAUTHENTICATED, "a valid token is needed")
            with self.server.room.taken(limited=self.command == "POST"):
                self._send(HTTPStatus.OK, work())
        except Refused as refused:
            self.close_connection = True  # its body may not have been read
            self._send(_STATUS.get(refused.code, HTTPStatus.INTERNAL_SERVER_ERROR), {"error": refused.message})

    def _get(self) -> Any:
        if self.path == "/metrics":
            return self.server.metrics.text()
        name, number, label, action = self._parse_path()
        with self.server.metrics.timed("REST GET", name):
            if not name:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Missing model name in request.")
            if action == "/metadata":
                return metadata_json(model_metadata(self.server.answerer, name, number, label))
            status = model_status(self.server.models, name, number)
            return json_format.MessageToDict(
                status, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )

    def _post(self) -> Any:
        name, number, label, action = self._parse_path()
        with self.server.metrics.timed("REST predict", name):
            body = self._read_body()
            signature = body.get("signature_name", "")
            if not isinstance(signature, str):
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "'signature_name' key must be a string value.")
            signature = signature or DEFAULT_SIGNATURE
            with self.server.answerer.lease(name, number, label) as version:
                if signature not in version.signatures:
                    raise Refused(
                        grpc.StatusCode.INVALID_ARGUMENT,
                        f'Serving signature name: "{signature}" not found in signature def',
                    )
                inputs, in_rows = read_inputs(body, version.signatures[signature])
                outputs = self.server.answerer.predict(version, signature, inputs, seconds=_SECONDS)
        return {"predictions": outputs_in_rows(outputs)} if in_rows else {"outputs": outputs_in_columns(outputs)}

    def _parse_path(self) -> tuple[str, int | None, str, str]:
        """Name, version, label and action of the path, which must go with the HTTP method."""
        match = _PATH.fullmatch(self.path)
        predicts = bool(match and match["name"] and match["action"] == ":predict")
        if not match or predicts != (self.command == "POST"):
            code = grpc.StatusCode.INVALID_ARGUMENT if self.path.startswith("/v1/") else grpc.StatusCode.NOT_FOUND
            raise Refused(code, f"Malformed request: {self.command} {self.path}")
        version = match["version"] or ""
        if len(version) > len(str(_INT64)) or (version and int(version) > _INT64):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Failed to convert version: {version} to numeric.")
        name, label = (urllib.parse.unquote(match[part] or "") for part in ("name", "label"))
        return name, int(version) if version else None, label, match["action"] or ""

    def _read_body(self) -> dict[str, Any]:
        """The JSON object that was sent."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the request has no Content-Length")
        if len(length) > len(str(_INT64)) or int(length) > self.server.max_bytes:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"the request has {length} bytes where {self.server.max_bytes} are allowed",
            )
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"JSON Parse error: {error}") from None
        if not isinstance(body, dict):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "JSON Value: Is not object")
        return body

    def _send(self, status: HTTPStatus, content: Any) -> None:
        """Sends metrics as the text they are, and everything else as JSON."""
        is_text = isinstance(content, bytes)
        data = content if is_text else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; version=0.0.4" if is_text else "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
