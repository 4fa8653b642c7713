"""Messages of gRPC calls: what is none, what is far too many parts, and what a refusal leaves behind."""

import asyncio
import gc

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2

from serving.model_server import grpc_messages
from serving.model_server.grpc_messages import MessageHandlers, read_message
from serving.model_server.tensors import Refused

PREDICT = "/tensorflow.serving.PredictionService/Predict"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"\xff" * 100, "PredictRequest"),
        (b"\x12\x08\x0a\x06abc", "PredictRequest"),
        (b"\x12\x05\x0a\x03abc" * 10_001, "it has more than 10000 parts"),
        (b"\x13\x14", "unknown way 3"),
    ],
)
def test_what_is_no_message_is_refused(message, reason):
    with pytest.raises(Refused, match=reason) as caught:
        read_message(message, predict_pb2.PredictRequest)
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT


def test_messages_are_read_as_protobuf_reads_them(request_of, slices):
    request = request_of(slices, "classify", ("logits",))
    assert read_message(request.SerializeToString(), predict_pb2.PredictRequest) == request


def test_no_message_is_refused_and_counted(server, client, get):
    with pytest.raises(grpc.RpcError) as caught:
        client.channel.unary_unary(PREDICT)(b"\xff" * 100, timeout=60)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert b'kgp_requests_total{code="INVALID_ARGUMENT",method="Predict",model=""}' in get(server, "/metrics")[1]


def test_a_refusal_keeps_nothing_of_its_request(client, slices):
    gc.collect()
    gc.disable()
    try:
        with pytest.raises(grpc.RpcError):
            client.predict(np.full_like(slices, np.nan))
        client.predict(slices, "classify")  # the one before has ended
        assert not [thing for thing in gc.get_objects() if isinstance(thing, Refused)]
    finally:
        gc.enable()


def test_who_is_slow_keeps_nobody_from_a_place(monkeypatch):
    monkeypatch.setattr(grpc_messages, "_PLACE_SECONDS", 0.01)

    async def receive(handlers, seconds):
        async with handlers._place():
            await asyncio.sleep(seconds)

    async def receive_all():
        handlers = MessageHandlers(None, None, None)
        slow = [asyncio.ensure_future(receive(handlers, 60)) for _ in range(20)]
        await asyncio.wait_for(receive(handlers, 0), 30)
        for task in slow:
            task.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        return handlers._places._value

    assert asyncio.run(receive_all()) == 8
