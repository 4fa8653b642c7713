"""Messages of gRPC calls: received a few at a time, within the budget, and read apart from the event loop.

gRPC's generated services receive and read any number of messages of any size before a method hears
of them. Here a method takes its only message itself, as those of calls with many messages do, which
makes no difference to clients.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message

from serving.model_server.answers import Answerer
from serving.model_server.byte_budget import ByteBudget
from serving.model_server.metrics import Metrics
from serving.model_server.tensors import Refused

_PLACES = 8  # messages that are received at a time
_PLACE_SECONDS = 1.0  # that a slow one holds its place
_MOST_PARTS = 10_000
Method = Callable[[Any, grpc.aio.ServicerContext], Awaitable[Message]]
_VARINT, _WITH_LENGTH, _FIXED = 0, 2, {1: 8, 5: 4}  # how a value is written; its bytes where that says it


class MessageHandlers:
    """Makes gRPC's handlers of methods that take a message and return one.

    Args:
        answerer: its threads read and write large messages.
        metrics: counts messages that are refused.
        budget: counts the bytes of messages.
    """

    def __init__(self, answerer: Answerer, metrics: Metrics, budget: ByteBudget) -> None:
        self._answerer, self._metrics, self._budget = answerer, metrics, budget
        self._places = asyncio.Semaphore(_PLACES)

    def handler(self, method: Method, kind: type[Message]) -> grpc.RpcMethodHandler:
        """The handler of a method; `kind` is the class of what it takes."""

        async def answer(messages: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> bytes:
            with self._budget.request() as take:
                try:
                    return await self._answer(method, await self._read(messages, kind, take), context)
                except Refused as error:
                    code, message = error.code, error.message
                except grpc.aio.AbortError as error:
                    # gRPC keeps it, and with what led to it the request, until Python looks for cycles.
                    error.__context__ = None
                    raise error.with_traceback(None) from None
            self._metrics.count_refusal(method.__name__, code.name)
            return await context.abort(code, message)  # which raises

        return grpc.stream_unary_rpc_method_handler(answer)

    async def _answer(self, method: Method, request: Message, context: grpc.aio.ServicerContext) -> bytes:
        response = await method(request, context)
        return await self._answerer.aside(response.ByteSize(), response.SerializeToString)

    async def _read(self, messages: AsyncIterator[bytes], kind: type[Message], take: Callable[[int], None]) -> Message:
        async with self._place():
            try:
                message = await anext(messages)
            except StopAsyncIteration:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the call has no message") from None
        take(len(message))
        return await self._answerer.aside(len(message), read_message, message, kind)

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Waits for a place among those who receive; who is slow gives it to others before the end."""
        await self._places.acquire()
        given_back = False

        def give_back() -> None:
            nonlocal given_back
            if not given_back:
                given_back = True
                self._places.release()

        timer = asyncio.get_running_loop().call_later(_PLACE_SECONDS, give_back)
        try:
            yield
        finally:
            timer.cancel()
            give_back()


def read_message(message: bytes, kind: type[Message]) -> Message:
    """Reads a message.

    Raises:
        Refused: it is none of that kind, or is made of far more parts than any request is, each of
            which would take far more than its bytes.
    """
    try:
        _count_parts(memoryview(message), kind.DESCRIPTOR, _MOST_PARTS)
        return kind.FromString(message)
    except (DecodeError, ValueError, IndexError, RecursionError) as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"the message is no {kind.__name__}: {error}") from None


def _count_parts(message: memoryview, descriptor: Descriptor, left: int) -> int:
    """How many parts may follow those of a message and of the messages inside it.

    Raises:
        ValueError: there are more than `left`, or one is written in a way that is not used any more.
        IndexError: one is cut short.
    """
    start = 0
    while start < len(message):
        if left == 0:
            raise ValueError(f"it has more than {_MOST_PARTS} parts")
        left -= 1
        tag, start = _varint(message, start)
        field, way = descriptor.fields_by_number.get(tag >> 3), tag & 7
        if way == _VARINT:
            _, start = _varint(message, start)
        elif way == _WITH_LENGTH:
            length, start = _varint(message, start)
            if field and field.message_type:
                left = _count_parts(message[start : start + length], field.message_type, left)
            start += length
        elif way in _FIXED:
            start += _FIXED[way]
        else:
            raise ValueError(f"a part is written in the unknown way {way}")
    return left


def _varint(message: memoryview, start: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = shift = 0
    while message[start] >= 0x80:
        value |= (message[start] & 0x7F) << shift
        start, shift = start + 1, shift + 7
    return value | message[start] << shift, start + 1
