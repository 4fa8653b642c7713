"""TensorFlow Serving's REST interface: its answers, and its refusals of bad requests."""

import json
import socket
import threading

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
            "Expecting value/list but got object at item 1",
        ),
        ("/v1/models/tiny:predict", {"instances": [{"x": 1}]}, 400, "keys must be equal to: images"),
        ("/v1/models/tiny:predict", {"instances": [["1.0"]]}, 400, "images is no tensor of float32"),
        ("/v1/models/tiny:predict", {"instances": [True]}, 400, "images is no tensor of float32"),
        ("/v1/models/tiny:predict", {"instances": [None]}, 400, "images is no tensor of float32"),
        ("/v1/models/tiny:predict", b'{"instances": [[[[NaN, NaN]]]]}', 400, "images must have shape"),
        ("/v1/models/tiny:predict", {"instances": [0.5], "signature_name": "describe"}, 400, "no tensor of int32"),
        ("/v1/models/tiny:predict", {"instances": [[1], [1, 2]]}, 400, "images is no tensor of float32"),
        ("/v1/models/tiny:predict", {"instances": [[1.0, 2.0]]}, 400, "images must have shape"),
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


@pytest.mark.parametrize(
    ("head", "status", "message"),
    [
        (b"POST /v1/models/tiny:predict HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % 10**10, 429, b"10000000000 bytes"),
        (b"POST /v1/models/tiny:predict HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 429, b"are allowed"),
        (b"POST /v1/models/tiny:predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400, b"no Content-Length"),
        (b"PUT /v1/models/tiny HTTP/1.1\r\n\r\n", 501, b'{"error": "'),
    ],
)
def test_bad_heads_have_an_answer_in_json(server, head, status, message):
    answer = exchange(server, head)
    assert answer.startswith(b"HTTP/1.1 %d " % status) and message in answer and b"application/json" in answer


def test_the_body_of_a_get_is_not_taken_for_a_request(server):
    smuggled = b"GET /alive HTTP/1.1\r\n\r\n"
    answer = exchange(server, b"GET /ready HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(smuggled), smuggled)
    assert answer.count(b"HTTP/1.1 200") == 1 and b"Connection: close" in answer


def test_a_connection_that_breaks_is_no_defect(server, capfd, caplog, monkeypatch, wait_until):
    errors = []
    monkeypatch.setattr(
        server._rest,
        "handle_error",
        lambda *call: (type(server._rest).handle_error(server._rest, *call), errors.append(1)),
    )
    monkeypatch.setattr(
        "serving.model_server.rest._Handler._send", lambda *_: (_ for _ in ()).throw(BrokenPipeError("gone"))
    )
    assert exchange(server, b"GET /alive HTTP/1.1\r\n\r\n") == b""
    wait_until(lambda: errors)
    assert "Traceback" not in capfd.readouterr().err + caplog.text


def test_more_predictions_than_fit_at_a_time_are_refused(server, monkeypatch, get, post):
    monkeypatch.setattr(server._rest.room, "_max_predictions", 0)
    status, answer = post(server, "/v1/models/tiny:predict", {"instances": [1]})
    assert status == 429 and "are being answered already" in answer["error"]
    assert get(server, "/metrics")[0] == 200


def test_names_of_models_that_are_not_served_are_counted_as_one(server, get, post):
    for number in range(3):
        post(server, f"/v1/models/strange{number}:predict", b"{")
    text = get(server, "/metrics")[1].decode()
    assert 'code="INVALID_ARGUMENT",method="REST predict",model="unknown"' in text and "strange" not in text


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
    wait_until(lambda: server._rest.room._closed)
    go.set()
    for thread in (asking, stopping):
        thread.join(60)
    assert answers[0][0] == 200 and len(answers[0][1]["predictions"]) == 5
