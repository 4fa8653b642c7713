"""TensorFlow Serving's REST interface: its answers, and its refusals of bad requests."""

import contextlib
import gzip
import json
import socket
import threading
import time

import numpy as np
import pytest


def test_rest_status_and_metadata(server, get):
    status, text = get(server, "/v1/models/tiny")
    (line,) = json.loads(text)["model_version_status"]
    assert status == 200 and (line["version"], line["state"]) == ("1", "AVAILABLE")
    signatures = json.loads(get(server, "/v1/models/tiny/metadata")[1])["metadata"]["signature_def"]["signature_def"]
    assert signatures["segment"]["inputs"]["images"]["dtype"] == "DT_FLOAT"
    assert get(server, "/v1/models/other") == (404, b'{"error": "Could not find any versions of model other"}')
    assert get(server, "/v1/models/%74iny")[0] == 200
    assert get(server, "/v1/models/tiny/versions/9")[0] == 404
    assert get(server, "/v2") == (404, b'{"error": "Malformed request: GET /v2"}')
    for path in ("/v1/models/tiny/other", "/v1/models/tiny:predict"):
        assert get(server, path) == (400, json.dumps({"error": f"Malformed request: GET {path}"}).encode())
    assert get(server, "/v1/models") == (400, b'{"error": "Missing model name in request."}')


def test_rest_predictions_are_those_of_grpc(server, client, slices, post):
    expected = client.predict(slices, "classify")
    body = {"signature_name": "classify", "instances": slices.tolist()}
    status, answer = post(server, "/v1/models/tiny:predict", body)
    assert status == 200
    np.testing.assert_allclose([row["logits"] for row in answer["predictions"]], expected["logits"], atol=1e-4)
    body["instances"] = [{"images": row} for row in body["instances"]]
    assert post(server, "/v1/models/tiny:predict", body) == (status, answer)
    body = {"signature_name": "classify", "inputs": {"images": slices.tolist()}}
    status, answer = post(server, "/v1/models/tiny/versions/1:predict", body)
    np.testing.assert_allclose(answer["outputs"]["probabilities"], expected["probabilities"], atol=1e-5)
    status, answer = post(server, "/v1/models/tiny:predict", {"signature_name": "describe", "instances": [0]})
    assert json.loads(answer["predictions"][0])["class_names"] == ["no_tumour", "tumour"]


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/models/tiny:predict", b"{", 400, "JSON Parse error"),
        ("/v1/models/tiny:predict", b"[]", 400, "Is not object"),
        ("/v1/models/tiny:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
        ("/v1/models/tiny:predict", {"inputs": 1, "instances": 1}, 400, "only one of 'inputs' or 'instances' keys"),
        ("/v1/models/tiny:predict", {"instances": {}}, 400, "to be an list/array"),
        ("/v1/models/tiny:predict", {"instances": []}, 400, "No values in 'instances' array"),
        ("/v1/models/tiny:predict", {"instances": [{"images": 1}, 2]}, 400, "Expecting object but got list at item 1"),
        (
            "/v1/models/tiny:predict",
            {"instances": [1, {"images": 1}]},
            400,
            "Expecting value/list but got object in input list",
        ),
        ("/v1/models/tiny:predict", {"instances": [{"x": 1}]}, 400, "keys must be equal to: images"),
        ("/v1/models/tiny:predict", {"instances": [["1.0"]]}, 400, "images is no tensor of float32"),
        ("/v1/models/tiny:predict", {"instances": [True]}, 400, "images is no tensor of float32"),
        ("/v1/models/tiny:predict", {"instances": [None]}, 400, "images is no tensor of float32"),
        ("/v1/models/tiny:predict", b'{"instances": [[[[NaN, NaN]]]]}', 400, "JSON Parse error"),
        ("/v1/models/tiny:predict", {"instances": [0.5], "signature_name": "describe"}, 400, "no tensor of int32"),
        ("/v1/models/tiny:predict", {"instances": [2**31], "signature_name": "describe"}, 400, "is not between"),
        ("/v1/models/tiny:predict", {"instances": [10**40], "signature_name": "describe"}, 400, "no tensor of int32"),
        ("/v1/models/tiny:predict", {"instances": [[1], [1, 2]]}, 400, "images is no tensor of float32"),
        ("/v1/models/tiny:predict", {"instances": [[1.0, 2.0]]}, 400, "images must have shape"),
        ("/v1/models/tiny:predict", {"inputs": 5}, 400, "images is no tensor of float32: it is no list"),
        ("/v1/models/tiny:predict", {"inputs": {"images": []}}, 400, "images must have shape"),
        ("/v1/models/tiny:predict", {"inputs": {"x": [1]}}, 400, "Missing named input: images in 'inputs' object."),
        ("/v1/models/tiny:predict", {"instances": [1], "signature_name": 5}, 400, "must be a string value"),
        (
            "/v1/models/tiny:predict",
            {"instances": [1], "signature_name": "x"},
            400,
            'signature name: "x" not found in signature def',
        ),
        ("/v1/models/other:predict", {"instances": [1]}, 404, "Latest(other)"),
        ("/v1/models/tiny", {"instances": [1]}, 400, "Malformed request: POST /v1/models/tiny"),
        ("/v1/models/tiny/labels/canary:predict", {"instances": [1]}, 400, "version label: canary"),
        (f"/v1/models/tiny/versions/{'9' * 5000}:predict", {"instances": [1]}, 400, "Failed to convert version: 9"),
    ],
)
def test_bad_rest_requests(server, path, body, status, message, post):
    answered, answer = post(server, path, body)
    assert answered == status and message in answer["error"]


def exchange(server, *parts):
    """What the REST server answers to raw bytes before it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) as connection:
        for part in parts:
            connection.sendall(part)
        return connection.makefile("rb").read()


PREDICT = b"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
PACKED = gzip.compress(b"{}") + b"{}"


@pytest.mark.parametrize(
    ("request_", "status", "message"),
    [
        (PREDICT + b"Content-Length: %d\r\n\r\n" % 10**10, 413, b"10000000000 bytes"),
        (PREDICT + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400, b"Invalid HTTP"),
        (PREDICT + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400, b"Missing 'inputs'"),
        (PREDICT + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", 400, b"packed by br"),
        (PREDICT + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 400, b"cannot be unpacked"),
        (
            PREDICT + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(PACKED) + PACKED,
            400,
            b"more follows",
        ),
        (b"PUT /v1/models/tiny HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405, b"PUT is no method"),
        # What could be answered as a second request by one of two servers in a row.
        (PREDICT + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, b"Invalid HTTP"),
        (PREDICT + b"Content-Length : 2\r\n\r\n{}", 400, b"Invalid HTTP"),
        (PREDICT + b"Content-Length: +2\r\n\r\n{}", 400, b"Invalid HTTP"),
        (PREDICT + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, b"exclude each other"),
        (b"GET /alive HTTP/1.1\r\nHost: x\r\nFoo : bar\r\n\r\n", 400, b"Invalid HTTP"),
    ],
)
def test_bad_heads_have_one_answer_in_json(server, request_, status, message):
    answer = exchange(server, request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status) and message in answer and b"application/json" in answer.lower()
    assert answer.count(b"HTTP/1.1 ") == 1


def test_the_body_of_a_get_is_not_taken_for_a_request(server):
    smuggled = b"GET /alive HTTP/1.1\r\n\r\n"
    head = b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(smuggled)
    assert exchange(server, head, smuggled).count(b"HTTP/1.1 200") == 1


def test_queries_heads_and_packed_bodies_are_taken(server, slices):
    answer = exchange(server, b"HEAD /v1/models/tiny?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"\r\n\r\n")
    body = gzip.compress(json.dumps({"signature_name": "classify", "instances": slices.tolist()}).encode())
    head = PREDICT + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert b"predictions" in exchange(server, head, body)


def test_a_refused_body_is_still_taken_so_that_the_answer_arrives(start_server, models, post):
    server = start_server(models, message_mb=1, ready=False)
    status, answer = post(server, "/v1/models/tiny:predict", b" " * 3 * 10**6)
    assert status == 413 and "3000000 bytes where 1000000 are allowed" in answer["error"]


@pytest.mark.parametrize(("header", "status"), [(b"Content-Length: %d" % 10**9, 413), (b"Foo : bar", 400)])
def test_a_peer_that_sends_on_after_its_refusal_sees_it(server, header, status):
    with socket.create_connection(("127.0.0.1", server.rest_port), timeout=30) as connection:
        connection.sendall(PREDICT + header + b"\r\n\r\n")
        for _ in range(3):
            time.sleep(0.05)
            connection.sendall(b" " * 10**5)
        assert connection.recv(100).startswith(b"HTTP/1.1 %d " % status)


def test_no_more_bytes_than_the_budget_are_taken(server, monkeypatch, get, post):
    monkeypatch.setattr(server._budget, "_limit", 5)
    status, answer = post(server, "/v1/models/tiny:predict", {"instances": [1]})
    assert status == 429 and "are being answered already" in answer["error"]
    assert get(server, "/metrics")[0] == 200 and server._budget.taken == 0


def test_an_unforeseen_error_is_told(server, monkeypatch, post, get):
    def fail(*_):
        raise ArithmeticError("unforeseen")

    monkeypatch.setattr("serving.model_server.rest.read_request", fail)
    assert post(server, "/v1/models/tiny:predict", {})[0] == 500
    assert b'code="INTERNAL",method="REST predict"' in get(server, "/metrics")[1]


def test_names_of_models_that_are_not_served_are_counted_as_one(server, get, post):
    for number in range(3):
        post(server, f"/v1/models/strange{number}:predict", {"instances": [1]})
    text = get(server, "/metrics")[1].decode()
    assert 'code="NOT_FOUND",method="REST predict",model="unknown"' in text and "strange" not in text


def test_what_trickles_is_cut_and_holds_no_place(start_server, models, slices, post, monkeypatch):
    monkeypatch.setattr("serving.model_server.rest.REQUEST_SECONDS", 2.0)
    monkeypatch.setattr("serving.model_server.rest_server._HEAD_SECONDS", 2.0)
    server = start_server(models)
    body, head = PREDICT + b"Content-Length: 1000\r\n\r\n{", b"GET /alive HT"
    slow = [socket.create_connection(("127.0.0.1", server.rest_port), timeout=30) for _ in range(80)]
    for number, connection in enumerate(slow):
        connection.sendall(head if number % 2 else body)
    answer = post(server, "/v1/models/tiny:predict", {"signature_name": "classify", "instances": slices.tolist()})
    assert answer[0] == 200
    for number, connection in enumerate(slow):
        with contextlib.suppress(ConnectionResetError):
            assert connection.makefile("rb").read().startswith(b"" if number % 2 else b"HTTP/1.1 408")
        connection.close()


def test_answers_are_not_held_back(server):
    # asyncio turns Nagle's delay off for what is named TCP; 0 is TCP too, but not for it.
    assert server._listener.proto == socket.IPPROTO_TCP


def test_a_thousand_connections_at_a_time_are_answered(server):
    waiting = [socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) for _ in range(400)]
    for connection in waiting:
        connection.sendall(b"GET /alive HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert all(connection.makefile("rb").read().startswith(b"HTTP/1.1 200") for connection in waiting)
    for connection in waiting:
        connection.close()


def test_stop_answers_the_rest_requests_that_came(start_server, models, slices, monkeypatch, wait_until, post):
    server = start_server(models)
    entered, go = threading.Event(), threading.Event()
    call = server.models.get("tiny")._versions[1].call

    def slowly(*arguments):
        entered.set()
        go.wait(30)
        return call(*arguments)

    monkeypatch.setattr(server.models.get("tiny")._versions[1], "call", slowly)
    answers = []
    body = {"signature_name": "classify", "instances": slices.tolist()}
    asking = threading.Thread(target=lambda: answers.append(post(server, "/v1/models/tiny:predict", body)))
    asking.start()
    wait_until(entered.is_set)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    wait_until(lambda: server._rest.should_exit)
    go.set()
    for thread in (asking, stopping):
        thread.join(60)
    assert answers[0][0] == 200 and len(answers[0][1]["predictions"]) == 5


def test_a_client_that_goes_away_leaves_no_work(start_server, models, slices, monkeypatch, wait_until):
    server = start_server(models)
    version = server.models.get("tiny")._versions[1]
    entered, go, calls = threading.Event(), threading.Event(), []
    call = version.call

    def slowly(*arguments):
        entered.set()
        go.wait(30)
        calls.append(arguments)
        return call(*arguments)

    monkeypatch.setattr(version, "call", slowly)
    body = json.dumps({"signature_name": "classify", "instances": slices.tolist() * 4}).encode()
    request = PREDICT + b"Content-Length: %d\r\n\r\n" % len(body) + body
    gone = [socket.create_connection(("127.0.0.1", server.rest_port), timeout=60) for _ in range(5)]
    gone[0].sendall(request)
    wait_until(entered.is_set)
    for connection in gone[1:]:
        connection.sendall(request)
    wait_until(lambda: server._batcher.waiting == 4)
    for connection in gone:
        connection.close()
    wait_until(lambda: server._budget.taken == 0)
    go.set()
    wait_until(lambda: server._batcher.waiting == 0)
    assert len(calls) == 1
