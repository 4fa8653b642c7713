import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import grpc
import numpy as np
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from kgp.errors import KgpError
from kgp.runtime import load_runtime
from serving.model_server.server import READY, ModelServer, ServerOptions


def versions(client, model="tiny"):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = model
    states = client.model.GetModelStatus(request, timeout=60).model_version_status
    names = get_model_status_pb2.ModelVersionStatus.State
    return {state.version: (names.Name(state.state), state.status.error_message) for state in states}


def health(port, service):
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60).status


def test_a_newer_version_takes_over_without_a_failed_request(
    start_server, connect, models, publish, wait_until, slices, request_of
):
    server = start_server(models)
    client = connect(server.grpc_port)
    answered, stop = [], threading.Event()

    def ask():
        mine = connect(server.grpc_port)
        while not stop.is_set():
            response = mine.prediction.Predict(request_of(slices, "classify"), timeout=60)
            answered.append(response.model_spec.version.value)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) > 5)
    publish(models)
    wait_until(lambda: answered[-1] == 2 and versions(client)[1][0] == "END")
    stop.set()
    for thread in threads:
        thread.join()
    assert set(answered) == {1, 2}  # a failed request ends its thread before version 2
    assert versions(client) == {2: ("AVAILABLE", ""), 1: ("END", "")}


def test_a_broken_version_does_not_end_the_old_one(start_server, connect, models, publish, wait_until, slices):
    server = start_server(models)
    client = connect(server.grpc_port)
    publish(models, lambda folder: os.truncate(folder / "saved_model.pb", 100))
    wait_until(lambda: 2 in versions(client) and versions(client)[2][0] == "END")
    assert "saved_model.pb is not the file that manifest.json lists" in versions(client)[2][1]
    assert versions(client)[1] == ("AVAILABLE", "")
    assert client.predict(slices, "classify")["logits"].shape == (5, 2)


def test_a_server_without_a_usable_version_is_alive_but_not_ready(start_server, models, wait_until, get):
    os.remove(models / "1" / "manifest.json")
    server = start_server(models, ready=False)
    wait_until(lambda: server.models.get("tiny").states)
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert health(server.grpc_port, "") == serving
    assert [health(server.grpc_port, name) for name in READY] == [not_serving] * len(READY)
    assert get(server, "/alive") == (200, b'{"alive": true}')
    assert get(server, "/ready") == (503, b'{"ready": false}')


def test_a_ready_server_says_so_and_counts(server, client, slices, get):
    assert health(server.grpc_port, "ready") == health_pb2.HealthCheckResponse.SERVING
    assert get(server, "/ready") == (200, b'{"ready": true}')
    client.predict(slices, "classify")
    status, text = get(server, "/metrics")
    assert status == 200
    assert 'kgp_requests_total{code="OK",method="Predict",model="tiny"}' in text.decode()


def test_a_server_whose_network_hangs_is_not_alive(
    start_server, models, slices, connect, request_of, monkeypatch, wait_until, get
):
    server = start_server(models, drain_seconds=0.1)
    go = threading.Event()
    monkeypatch.setattr("serving.model_server.server._HUNG_SECONDS", 0.05)
    monkeypatch.setattr("serving.model_server.server._LAST_SECONDS", 0.2)
    monkeypatch.setattr(server.models.get("tiny")._versions[1], "call", lambda *_: go.wait(60) and {})
    hanging = connect(server.grpc_port).prediction.Predict.future(request_of(slices, "classify"))
    wait_until(lambda: get(server, "/alive")[0] == 503)
    start = time.monotonic()
    server.stop()  # leaves behind what hangs
    assert time.monotonic() - start < 10
    assert hanging.exception() is not None
    go.set()


def test_versions_and_loads_are_metrics(start_server, models, publish, get, wait_until):
    server = start_server(models)
    publish(models, lambda folder: os.truncate(folder / "saved_model.pb", 100))
    line = 'kgp_version_state{model="tiny",state="END",version="2"} 1.0'
    wait_until(lambda: line in get(server, "/metrics")[1].decode())
    text = get(server, "/metrics")[1].decode()
    assert 'kgp_version_loads_total{model="tiny",result="served"} 1.0' in text
    assert 'kgp_version_loads_total{model="tiny",result="refused"} 1.0' in text


def test_several_models_are_told_apart(start_server, connect, models, slices):
    second = shutil.copytree(models, models.parent / "second")
    client = connect(start_server(models, second).grpc_port)
    for name in ("tiny", "second"):
        assert client.predict(slices, "classify", model=name)["logits"].shape == (5, 2)


def test_a_token_is_needed_where_one_is_set(start_server, connect, models, request_of, slices, get):
    server = start_server(models, token="secret")
    client = connect(server.grpc_port)
    with pytest.raises(grpc.RpcError) as caught:
        client.predict(slices)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError) as caught:
        client.model.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), timeout=60)
    assert caught.value.code() == grpc.StatusCode.UNAUTHENTICATED
    metadata = [("authorization", "Bearer secret")]
    assert client.prediction.Predict(request_of(slices, "classify"), timeout=60, metadata=metadata).outputs
    assert get(server, "/v1/models/tiny")[0] == 401
    assert get(server, "/v1/models/tiny", Authorization="Bearer s\xe9cret")[0] == 401
    assert get(server, "/metrics")[0] == 401
    for address in (f"grpc://127.0.0.1:{server.grpc_port}/tiny", f"http://127.0.0.1:{server.rest_port}/tiny"):
        with pytest.raises(KgpError, match="refuses the request: .*a valid token is needed"):
            load_runtime(address)
    assert get(server, "/v1/models/tiny", Authorization="Bearer secret")[0] == 200
    assert get(server, "/ready")[0] == 200
    assert health(server.grpc_port, "ready") == health_pb2.HealthCheckResponse.SERVING


@pytest.fixture(scope="module")
def secured_server(quick_version, tmp_path_factory, wait_until):
    """(a server with TLS and a token, the certificate of its authority)."""
    folder = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
    options = ServerOptions(
        grpc_port=0, rest_port=0, certificate=folder / "certificate.pem", key=folder / "key.pem", token="secret"
    )
    server = ModelServer({"tiny": (quick_version.parent, {})}, options)
    server.start()
    wait_until(lambda: server.models.ready)
    yield server, folder / "authority.pem"
    server.stop()


@pytest.fixture
def secured(secured_server, monkeypatch):
    """A server with TLS and a token, and an environment whose clients know both."""
    server, authority = secured_server
    urllib.request.urlopen("data:,")  # makes the process's own opener, which is not to decide what is trusted
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.setenv("KGP_TOKEN", "secret")
    return server


def secured_addresses(server):
    return f"grpcs://127.0.0.1:{server.grpc_port}/tiny", f"https://127.0.0.1:{server.rest_port}/tiny"


def test_runtimes_speak_tls_and_send_the_token(secured, slices):
    for address in secured_addresses(secured):
        logits, heatmaps = load_runtime(address).predict(slices)
        assert logits.shape == (5, 2) and heatmaps.shape == (5, 16, 16, 2)


def test_a_wrong_token_is_refused(secured, monkeypatch):
    monkeypatch.setenv("KGP_TOKEN", "wrong")
    for address in secured_addresses(secured):
        with pytest.raises(KgpError, match="a valid token is needed"):
            load_runtime(address)


def test_a_server_of_an_unknown_authority_is_not_trusted(secured, monkeypatch, tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    monkeypatch.setattr("kgp.runtime.endpoint._PAUSES", (0.001,) * 4)
    for address in secured_addresses(secured):
        with pytest.raises(KgpError, match="does not answer"):
            load_runtime(address)


def test_clients_that_go_away_hold_nothing(start_server, connect, models, publish, request_of, slices, wait_until):
    server = start_server(models)
    client = connect(server.grpc_port)
    call = client.prediction.Predict.future(request_of(np.concatenate([slices] * 40)), timeout=60)
    call.cancel()
    with socket.create_connection(("127.0.0.1", server.rest_port)) as connection:
        connection.sendall(b"POST /v1/models/tiny:predict HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{")
    assert client.predict(slices, "classify")["logits"].shape == (5, 2)
    publish(models)
    wait_until(lambda: versions(client) == {2: ("AVAILABLE", ""), 1: ("END", "")})


def test_a_passed_deadline_is_told(client, slices):
    with pytest.raises(grpc.RpcError) as caught:
        client.predict(np.concatenate([slices] * 40), timeout=0.01)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_taken_port_is_told(server, start_server, models):
    with pytest.raises(KgpError, match="REST server cannot listen on"):
        start_server(models, rest_port=server.rest_port)
    with pytest.raises(KgpError, match="gRPC server cannot listen on"):
        start_server(models, grpc_port=server.grpc_port)


def test_a_file_that_is_not_a_certificate(tmp_path):
    (tmp_path / "a.pem").write_text("none")
    options = ServerOptions(certificate=tmp_path / "a.pem", key=tmp_path / "a.pem")
    with pytest.raises(KgpError, match="are no certificate and its key"):
        ModelServer({}, options)


def test_sigterm_ends_the_command_cleanly(models, wait_until):
    command = [sys.executable, "-m", "kgp.serve", str(models), "--grpc-port", "0", "--rest-port", "-1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr))
    reader.start()
    try:
        wait_until(lambda: any("version 1 is served" in line for line in list(lines)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        reader.join()
    assert "stopped" in lines[-1]
