"""TensorFlow Serving's REST interface, health and metrics over HTTP, as an ASGI application."""

import asyncio
import contextlib
import json
import logging
import re
import urllib.parse
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import grpc
from google.protobuf import json_format
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from serving.model_server.answers import Answerer
from serving.model_server.authorisation import is_authorised
from serving.model_server.byte_budget import ByteBudget
from serving.model_server.metrics import Metrics
from serving.model_server.model_information import model_metadata, model_status
from serving.model_server.rest_json import metadata_json, read_request, write_answer
from serving.model_server.store import ServedModels
from serving.model_server.tensors import Refused, TooLarge

_log = logging.getLogger(__name__)
_PATH = re.compile(
    r"/v1/models(?:/(?P<name>[^/:]+))?(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?(?P<action>/metadata|:predict)?"
)
_METHODS = ("GET", "HEAD", "POST")
REQUEST_SECONDS = 60.0  # from the head of a request to its answer
_REST_SECONDS = 30.0  # for what a peer still sends of a body that is refused already
_SILENT_SECONDS = 1.0  # after which it sends no more of it
_PARSING = 16  # times as long as copying the bytes is reading or writing them as JSON
_PIECE = 1 << 18  # bytes that are unpacked, or handed to the connection, at a time
_INT64 = 2**63 - 1
_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.UNIMPLEMENTED: 405,
    grpc.StatusCode.CANCELLED: 408,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
_HEADERS = {
    401: {"WWW-Authenticate": "Bearer"},
    408: {"Connection": "close"},
    405: {"Allow": ", ".join(_METHODS)},
    429: {"Retry-After": "1"},
    503: {"Retry-After": "1"},
}
_Result = TypeVar("_Result")


class RestApplication:
    """Answers /v1/models/..., /alive, /ready and /metrics.

    Args:
        models: the served models.
        answerer: answers predictions.
        metrics: counts requests.
        budget: counts the bytes of bodies.
        is_alive: whether the server works; asked by /alive.
        token: what clients must send as "Authorization: Bearer TOKEN", or "".
    """

    def __init__(
        self,
        models: ServedModels,
        answerer: Answerer,
        metrics: Metrics,
        budget: ByteBudget,
        is_alive: Callable[[], bool],
        token: str = "",
    ) -> None:
        self._models, self._answerer, self._metrics = models, answerer, metrics
        self._budget, self._is_alive, self._token = budget, is_alive, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, whatever happens."""
        body = _Body(receive)
        request = Request(scope, body.receive)
        with self._budget.request() as take:  # for a prediction, until the peer took it
            try:
                response = await self._answer(request)
                take(len(response.body) if request.method == "POST" else 0)
            except Refused as refused:
                status = 413 if isinstance(refused, TooLarge) else _STATUS.get(refused.code, 500)
                response = _as_json({"error": refused.message}, status)
            except ClientDisconnect:
                return
            except Exception:  # noqa: BLE001 - the client must hear of it, whatever it is
                _log.exception("%s %s ended by a defect", request.method, scope["path"])
                response = _as_json({"error": "the server failed; its log says why"}, 500)
            await _send(response, body, send)

    async def _answer(self, request: Request) -> Response:
        if request.url.path == "/alive":
            alive = self._is_alive()
            return _as_json({"alive": alive}, 200 if alive else 503)
        if request.url.path == "/ready":
            return _as_json({"ready": self._models.ready}, 200 if self._models.ready else 503)
        path = request.scope["raw_path"].decode("ascii", "replace")
        match = _PATH.fullmatch(path)
        name = urllib.parse.unquote(match["name"] or "") if match else ""
        with self._metrics.timed("REST predict" if request.method == "POST" else "REST GET", name):
            if not is_authorised(request.headers.get("Authorization", ""), self._token):
                raise Refused(grpc.StatusCode.UNAUTHENTICATED, "a valid token is needed")
            if request.method not in _METHODS:
                raise Refused(grpc.StatusCode.UNIMPLEMENTED, f"{request.method} is no method of this server")
            if path == "/metrics" and request.method != "POST":
                return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")
            predicts = bool(match and name and match["action"] == ":predict")
            if not match or predicts != (request.method == "POST"):
                code = grpc.StatusCode.INVALID_ARGUMENT if path.startswith("/v1/") else grpc.StatusCode.NOT_FOUND
                raise Refused(code, f"Malformed request: {request.method} {path}")
            number, label = _version_number(match["version"]), urllib.parse.unquote(match["label"] or "")
            if predicts:
                return await self._predict(request, name, number, label)
            return self._about(name, number, label, match["action"] == "/metadata")

    def _about(self, name: str, number: int | None, label: str, metadata: bool) -> Response:
        """Signatures of a model, or states of its versions."""
        if not name:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Missing model name in request.")
        if metadata:
            return _as_json(metadata_json(model_metadata(self._answerer, name, number, label)))
        status = model_status(self._models, name, number)
        return _as_json(
            json_format.MessageToDict(
                status, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
        )

    async def _predict(self, request: Request, name: str, number: int | None, label: str) -> Response:
        end = asyncio.get_running_loop().time() + REQUEST_SECONDS
        with self._budget.request() as take:
            try:
                async with asyncio.timeout_at(end):
                    body = await _read_body(request, take, self._answerer.max_bytes)
            except TimeoutError:
                raise Refused(
                    grpc.StatusCode.CANCELLED, f"the request did not arrive within {REQUEST_SECONDS:g} s"
                ) from None
            try:
                async with asyncio.timeout_at(end):
                    return await _while_connected(request, self._work(body, name, number, label))
            except TimeoutError:
                raise Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded") from None

    async def _work(self, body: bytearray, name: str, number: int | None, label: str) -> Response:
        answerer = self._answerer
        with answerer.lease(name, number, label) as version:
            signature, inputs, in_rows = await answerer.aside(
                _PARSING * len(body), read_request, body, version.signatures, answerer.max_bytes
            )
            outputs = await answerer.run(version, signature, inputs)
        return Response(
            await answerer.aside(
                _PARSING * sum(value.nbytes for value in outputs.values()), write_answer, outputs, in_rows
            ),
            media_type="application/json",
        )


def _version_number(text: str | None) -> int | None:
    if text and (len(text) > len(str(_INT64)) or int(text) > _INT64):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Failed to convert version: {text} to numeric.")
    return int(text) if text else None


async def _read_body(request: Request, take: Callable[[int], None], max_bytes: int) -> bytearray:
    """The body, unpacked where it is packed with gzip; `take` is told of all bytes.

    Raises:
        Refused: it is too large, packed in another way, or two lengths are given for it.
    """
    length = request.headers.get("Content-Length", "0")
    if "Transfer-Encoding" in request.headers and "Content-Length" in request.headers:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Content-Length and Transfer-Encoding exclude each other")
    too_large = f"{{}} bytes where {max_bytes} are allowed"
    if int(length) > max_bytes:
        raise TooLarge(f"the request has {too_large.format(length)}")
    packing = request.headers.get("Content-Encoding", "identity").lower()
    if packing not in ("identity", "gzip"):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"a body packed by {packing} is not read; gzip is")
    body = bytearray()
    async for piece in _unpacked(request.stream()) if packing == "gzip" else request.stream():
        take(len(piece))
        body += piece
        if len(body) > max_bytes:
            raise TooLarge(f"the request has more than {too_large.format(max_bytes)}")
    return body


async def _unpacked(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What gzip packed, in pieces, between which others have their turn: a few bytes may unpack to many.

    Raises:
        Refused: that is not what gzip packs, or there is less or more of it.
    """
    inflater = zlib.decompressobj(wbits=31)
    try:
        async for piece in pieces:
            more = not inflater.eof
            while more:
                data = inflater.decompress(piece, _PIECE)
                yield data
                piece = inflater.unconsumed_tail
                more = not inflater.eof and (len(piece) > 0 or len(data) == _PIECE)
                await asyncio.sleep(0)
            if inflater.unused_data or piece:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "more follows the end of the packed body")
    except zlib.error as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"the body cannot be unpacked: {error}") from None
    if not inflater.eof:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the packed body is cut short")


async def _while_connected(request: Request, work: Coroutine[Any, Any, _Result]) -> _Result:
    """The result of `work`, which is cancelled when the client goes away.

    Raises:
        ClientDisconnect: it went away.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
        del task  # which keeps an error, whose traceback would keep the task and the body


class _Body:
    """What a peer sends as the body of one request."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def receive(self) -> Message:
        """The next message of the connection."""
        message = await self._receive()
        self._ended = self._ended or not message.get("more_body", False)
        return message

    async def pass_over(self) -> None:
        """Reads what was not read, for some time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REST_SECONDS):
                while not self._ended:
                    await asyncio.wait_for(self.receive(), _SILENT_SECONDS)


async def _send(response: Response, body: _Body, send: Send) -> None:
    """Sends an answer in pieces, as fast as the peer takes them.

    The rest of a body that was refused is read before the connection may be closed: a peer that
    still sends would be reset, and would not see the answer.
    """
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    for start in range(0, len(response.body), _PIECE):
        piece = bytes(response.body[start : start + _PIECE])
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    if response.status_code != _STATUS[grpc.StatusCode.CANCELLED]:
        await body.pass_over()
    await send({"type": "http.response.body"})


def _as_json(content: Any, status: int = 200) -> Response:
    return Response(json.dumps(content), status, _HEADERS.get(status), "application/json")
