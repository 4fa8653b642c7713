import threading

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_management_pb2

from kgp.runtime import load_runtime


def refused(call, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    assert caught.value.code() == code
    assert message in caught.value.details()


@pytest.mark.parametrize("signature", ["serving_default", "classify", "segment", "explain"])
def test_every_signature_answers_as_the_saved_model_does(client, saved_model, slices, signature):
    expected = load_runtime(saved_model[0]).call(signature, slices)
    answer = client.predict(slices, signature)
    assert set(answer) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(answer[name], value, atol=1e-4)


def test_describe_tells_what_the_model_is(client, saved_model):
    answer = client.predict(None, "describe", request=np.zeros(1, np.int32))
    assert b'"no_tumour"' in answer["description"][0]


def test_outputs_can_be_chosen_and_the_answer_names_its_version(client, request_of, slices):
    response = client.prediction.Predict(request_of(slices, outputs=["logits"]), timeout=60)
    assert set(response.outputs) == {"logits"}
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("tiny", 1, "serving_default")


def test_requests_larger_than_the_largest_batch_go_in_pieces(client, slices):
    many = np.concatenate([slices] * 7)  # 35; the largest batch has 16
    logits = client.predict(many, "classify")["logits"]
    np.testing.assert_allclose(logits, np.concatenate([client.predict(slices, "classify")["logits"]] * 7), atol=1e-5)


def test_metadata(client):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "tiny"
    response = client.prediction.GetModelMetadata(request, timeout=60)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    assert response.model_spec.version.value == 1
    assert set(signatures.signature_def) == {"serving_default", "classify", "segment", "explain", "describe"}
    images = signatures.signature_def["segment"].inputs["images"]
    assert [dimension.size for dimension in images.tensor_shape.dim] == [-1, 16, 16, 2]
    request.metadata_field[:] = ["other"]
    call = lambda: client.prediction.GetModelMetadata(request, timeout=60)  # noqa: E731
    refused(call, grpc.StatusCode.INVALID_ARGUMENT, "Metadata field other is not supported")
    del request.metadata_field[:]
    refused(call, grpc.StatusCode.INVALID_ARGUMENT, "must specify at least one metadata_field")


def test_status(client):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "tiny"
    (status,) = client.model.GetModelStatus(request, timeout=60).model_version_status
    assert (status.version, status.state) == (1, get_model_status_pb2.ModelVersionStatus.AVAILABLE)
    request.model_spec.version.value = 9
    call = lambda: client.model.GetModelStatus(request, timeout=60)  # noqa: E731
    refused(call, grpc.StatusCode.NOT_FOUND, "Could not find version 9 of model tiny")
    request.model_spec.Clear()
    request.model_spec.name = "other"
    refused(call, grpc.StatusCode.NOT_FOUND, "Could not find any versions of model other")


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (lambda r: r.ClearField("model_spec"), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (lambda r: setattr(r.model_spec, "name", ""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (
            lambda r: (setattr(r.model_spec, "name", "x"), setattr(r.model_spec, "version_label", "canary")),
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: canary",
        ),
        (
            lambda r: (r.inputs["x"].CopyFrom(r.inputs["images"]), r.inputs.pop("images")),
            "INVALID_ARGUMENT",
            "Signature input alias: images(feed name: serving_default_images:0) not found in request and no default value "
            "provided. Inputs expected to be in the request {x}, or default input alias set: ",
        ),
        (
            lambda r: r.output_filter.extend(["logits", "logits"]),
            "INVALID_ARGUMENT",
            "duplicate output tensor alias: logits",
        ),
        (lambda r: setattr(r.model_spec, "name", "x"), "NOT_FOUND", "Servable not found for request: Latest(x)"),
        (
            lambda r: setattr(r.model_spec.version, "value", 7),
            "NOT_FOUND",
            "Servable not found for request: Specific(tiny, 7)",
        ),
        (
            lambda r: setattr(r.model_spec, "version_label", "canary"),
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: canary",
        ),
        (
            lambda r: setattr(r.model_spec, "signature_name", "x"),
            "FAILED_PRECONDITION",
            'Serving signature key "x" not found.',
        ),
        (
            lambda r: r.inputs["x"].CopyFrom(r.inputs["images"]),
            "INVALID_ARGUMENT",
            "input size does not match signature: 2!=1 len({images,x}) != len({images}). "
            "Sent extra: {x}. Missing but required: {}.",
        ),
        (lambda r: r.inputs.pop("images"), "INVALID_ARGUMENT", "Missing but required: {images}."),
        (
            lambda r: r.output_filter.append("x"),
            "INVALID_ARGUMENT",
            "output tensor alias not found in signature: x Outputs expected to be in the set "
            "{heatmap,logits,probabilities}.",
        ),
        (
            lambda r: r.inputs["images"].CopyFrom(tf.make_tensor_proto(np.zeros((1, 16, 16, 2)))),
            "INVALID_ARGUMENT",
            "Expects arg[0] to be float but double is provided",
        ),
        (
            lambda r: r.inputs["images"].CopyFrom(tf.make_tensor_proto(np.zeros((1, 8, 16, 2), np.float32))),
            "INVALID_ARGUMENT",
            "images must have shape [-1, 16, 16, 2] with at least one row, not [1, 8, 16, 2]",
        ),
        (
            lambda r: r.inputs["images"].CopyFrom(tf.make_tensor_proto(np.zeros((0, 16, 16, 2), np.float32))),
            "INVALID_ARGUMENT",
            "at least one row",
        ),
        (
            lambda r: r.inputs["images"].CopyFrom(tf.make_tensor_proto(np.full((1, 16, 16, 2), np.nan, np.float32))),
            "INVALID_ARGUMENT",
            "not finite",
        ),
        (
            lambda r: setattr(r.inputs["images"], "tensor_content", b"short"),
            "INVALID_ARGUMENT",
            "tensor parsing error: images",
        ),
        (
            lambda r: setattr(r.inputs["images"], "dtype", 9999),
            "INVALID_ARGUMENT",
            "Expects arg[0] to be float but type 9999 is provided",
        ),
        (
            lambda r: setattr(r.inputs["images"].tensor_shape.dim[0], "size", 10**9),
            "RESOURCE_EXHAUSTED",
            "is larger than 256000000 bytes",
        ),
    ],
)
def test_bad_requests_are_refused_as_tensorflow_serving_refuses_them(client, request_of, slices, change, code, message):
    request = request_of(slices)
    change(request)
    refused(lambda: client.prediction.Predict(request, timeout=60), getattr(grpc.StatusCode, code), message)
    assert client.predict(slices, "classify")["logits"].shape == (5, 2)  # the server goes on


def test_classify_is_not_implemented(client):
    from tensorflow_serving.apis import classification_pb2

    call = lambda: client.prediction.Classify(classification_pb2.ClassificationRequest(), timeout=60)  # noqa: E731
    refused(call, grpc.StatusCode.UNIMPLEMENTED, "")


def test_labels_and_models_can_be_reloaded(start_server, connect, models, request_of, slices):
    server = start_server(models)
    client = connect(server.grpc_port)
    request = model_management_pb2.ReloadConfigRequest()
    config = request.config.model_config_list.config.add(name="other", base_path=str(models))
    config.version_labels["stable"] = 1
    assert client.model.HandleReloadConfigRequest(request, timeout=60).status.error_code == 0
    asked = request_of(slices, "classify", model="other")
    asked.model_spec.version_label = "stable"
    assert client.prediction.Predict(asked, timeout=60).model_spec.version.value == 1
    assert server.models.names == ["other"]


def reload_of(folder, name="tiny", **labels):
    request = model_management_pb2.ReloadConfigRequest()
    config = request.config.model_config_list.config.add(name=name, base_path=str(folder))
    for label, number in labels.items():
        config.version_labels[label] = number
    return request


def twice(folder):
    request = reload_of(folder)
    request.config.model_config_list.config.append(request.config.model_config_list.config[0])
    return request


def pinned(folder):
    request = reload_of(folder)
    request.config.model_config_list.config[0].model_version_policy.specific.versions.append(1)
    return request


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (lambda _: reload_of("/etc"), "INVALID_ARGUMENT", "does not lie beside the folders served at the start"),
        (
            lambda folder: reload_of(folder, stable=9),
            "FAILED_PRECONDITION",
            "Request to assign label to version 9 of model tiny, which is not currently available for inference",
        ),
        (
            lambda folder: reload_of(folder.parent / "gone", name="gone"),
            "FAILED_PRECONDITION",
            "holds no version of model gone that can be served",
        ),
        (lambda folder: reload_of(folder, name=""), "INVALID_ARGUMENT", "'' is no name of a model"),
        (lambda folder: reload_of(folder, name="a/b"), "INVALID_ARGUMENT", "'a/b' is no name of a model"),
        (twice, "INVALID_ARGUMENT", "Illegal to list model tiny multiple times in config list"),
        (pinned, "INVALID_ARGUMENT", "model_version_policy of model tiny is not supported"),
        (
            lambda _: model_management_pb2.ReloadConfigRequest(),
            "INVALID_ARGUMENT",
            "Only ModelConfigList is currently supported",
        ),
    ],
)
def test_bad_configurations_change_nothing(client, server, saved_model, slices, make, code, message):
    request = make(saved_model[0].parent)
    refused(
        lambda: client.model.HandleReloadConfigRequest(request, timeout=60), getattr(grpc.StatusCode, code), message
    )
    assert server.models.names == ["tiny"] and server.models.get("tiny").labels == {}
    assert client.predict(slices, "classify")["logits"].shape == (5, 2)


def test_a_request_that_is_too_large_is_refused(start_server, connect, models, slices):
    client = connect(start_server(models, message_mb=1).grpc_port)
    refused(
        lambda: client.predict(np.zeros((600, 16, 16, 2), np.float32)),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "larger than",
    )
    assert client.predict(slices, "classify")["logits"].shape == (5, 2)


def test_an_answer_above_the_limit_is_refused_before_any_work(client, server, slices, monkeypatch):
    monkeypatch.setattr(server._answerer, "max_bytes", 20_000)
    monkeypatch.setattr(server._batcher, "submit", lambda *_: pytest.fail("it was run"))
    call = lambda: client.predict(slices, "explain")  # noqa: E731
    refused(call, grpc.StatusCode.RESOURCE_EXHAUSTED, "bytes where 20000 are allowed; send fewer slices at a time")


def test_what_is_not_finite_or_unforeseen_is_an_error(client, server, slices, monkeypatch):
    version = server.models.get("tiny")._versions[1]
    call = version.call
    monkeypatch.setattr(version, "call", lambda *a: {name: value * np.nan for name, value in call(*a).items()})
    refused(lambda: client.predict(slices, "classify"), grpc.StatusCode.INTERNAL, "logits that are not finite")
    monkeypatch.setattr(version, "call", lambda *a: 1 / 0)
    refused(lambda: client.predict(slices, "classify"), grpc.StatusCode.INTERNAL, "its log says why")


def test_a_reload_whose_caller_gave_up_is_not_carried_out(start_server, connect, models, monkeypatch, wait_until):
    server = start_server(models)
    searching, go = threading.Event(), threading.Event()

    def hang():
        searching.set()
        go.wait(30)

    monkeypatch.setattr(server.models, "refresh", hang)
    wait_until(searching.is_set)
    client = connect(server.grpc_port)
    with pytest.raises(grpc.RpcError) as caught:
        client.model.HandleReloadConfigRequest(reload_of(models, name="other"), timeout=0.2)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: server._reloads.queue[0][1].cancelled())
    go.set()
    wait_until(lambda: server._reloads.empty())
    assert server.models.names == ["tiny"]
