"""The runtimes over a network, against the embedded server."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from kgp import segment
from kgp.errors import KgpError, UsageError
from kgp.files import read_json
from kgp.runtime import load_runtime
from serving.model_server.server import ModelServer, ServerOptions


@pytest.fixture(scope="module")
def server(saved_model):
    folder = saved_model[0].parent
    server = ModelServer({folder.name: (folder, {})}, ServerOptions(grpc_port=0, rest_port=0))
    server.models.refresh()
    server.start()
    yield server
    server.stop()


@pytest.fixture(params=["grpc", "http"])
def address(request, server):
    port = server.grpc_port if request.param == "grpc" else server.rest_port
    return f"{request.param}://127.0.0.1:{port}"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr("kgp.runtime.endpoint._PAUSES", (0.001,) * 4)


@pytest.mark.parametrize("model", ["tiny", "tiny/1"])
def test_served_models_answer_as_the_run_does(address, model, tiny_run):
    images = np.random.default_rng(4).uniform(0, 255, (5, 16, 16, 2)).astype(np.float32)
    served, run = load_runtime(f"{address}/{model}"), load_runtime(tiny_run)
    assert served.description == run.description
    for actual, wanted in zip(served.predict(images), run.predict(images), strict=True):
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, wanted, atol=1e-4)
    actual, wanted = served.explain(images), run.explain(images)
    np.testing.assert_allclose(actual.contributions, wanted.contributions, atol=1e-4)
    np.testing.assert_allclose(actual.constants, wanted.constants, atol=1e-4)


def test_segment_takes_an_address(address, tiny_cohort, tmp_path):
    slices = tiny_cohort.folder / "slices"
    assert segment.main([f"{address}/tiny", str(slices), "--out", str(tmp_path / "masks")]) == 0
    summary = read_json(tmp_path / "masks" / "summary.json")
    assert summary["slices"] == 20 and summary["run"] == f"{address}/tiny"


@pytest.mark.parametrize("model", ["other", "tiny/9"])
def test_what_is_not_served_is_told(address, model):
    with pytest.raises(
        KgpError, match="is no kgp model: it does not answer to the signature describe .*Servable not found"
    ):
        load_runtime(f"{address}/{model}")


@pytest.mark.parametrize("scheme", ["grpc", "http"])
def test_nobody_there(scheme, caplog):
    with pytest.raises(KgpError, match=r"127\.0\.0\.1:1/tiny does not answer"):
        load_runtime(f"{scheme}://127.0.0.1:1/tiny")


def test_another_kind_of_server_is_told():
    class Other(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_):
            pass

    other = HTTPServer(("127.0.0.1", 0), Other)
    thread = threading.Thread(target=other.serve_forever)
    thread.start()
    try:
        with pytest.raises(KgpError, match="is no kgp model.*no answer of a model server"):
            load_runtime(f"http://127.0.0.1:{other.server_address[1]}/tiny")
    finally:
        other.shutdown()
        thread.join()
        other.server_close()


def test_a_slow_server_is_asked_once(monkeypatch):
    monkeypatch.setattr("kgp.runtime.http_endpoint._SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(KgpError, match="refuses the request: no answer came in 0 s"):
            load_runtime(f"http://127.0.0.1:{silent.getsockname()[1]}/tiny")
        silent.accept()[0].close()
        silent.settimeout(0.1)
        with pytest.raises(TimeoutError):
            silent.accept()


def test_the_token_is_sent_without_the_end_of_its_line(server, monkeypatch):
    monkeypatch.setenv("KGP_TOKEN", "secret\n")
    assert load_runtime(f"http://127.0.0.1:{server.rest_port}/tiny").description.class_names == ("no_tumour", "tumour")


@pytest.mark.parametrize("address", ["grpc://127.0.0.1/tiny", "grpc://127.0.0.1:1", "http://127.0.0.1:1/a/b"])
def test_bad_addresses(address):
    with pytest.raises(UsageError, match="An address is SCHEME://HOST:PORT/MODEL"):
        load_runtime(address)
    with pytest.raises(UsageError, match="begins with grpc, grpcs, http or https, not 'ftp'"):
        load_runtime("ftp://x:1/tiny")
