"""TensorFlow Serving's PredictionService and ModelService over the served models."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.model_server.answers import DEFAULT_SIGNATURE, Answerer, Refused
from serving.model_server.metrics import Metrics
from serving.model_server.model_information import fill_model_spec, model_metadata, model_status
from serving.model_server.store import NotAvailable, ServedModels


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; Classify, Regress and MultiInference take tf.Example, which
    slices are not."""

    def __init__(self, answerer: Answerer, metrics: Metrics) -> None:
        self._answerer = answerer
        self._metrics = metrics

    def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs a signature."""
        spec = request.model_spec
        signature = spec.signature_name or DEFAULT_SIGNATURE
        response = predict_pb2.PredictResponse()
        with _refusal_as_status(context), self._metrics.timed("Predict", spec.name):
            _require_spec(request)
            with self._answerer.lease(spec.name, _version_number(spec), spec.version_label) as version:
                outputs = self._answerer.predict(
                    version,
                    signature,
                    request.inputs,
                    request.output_filter,
                    context.time_remaining(),
                    context.is_active,
                )
                fill_model_spec(response.model_spec, spec.name, version.number, signature)
            for name, value in outputs.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return response

    def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a model."""
        spec = request.model_spec
        with _refusal_as_status(context), self._metrics.timed("GetModelMetadata", spec.name):
            _require_spec(request)
            if not request.metadata_field:
                raise Refused(
                    grpc.StatusCode.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"
                )
            for field in request.metadata_field:
                if field != "signature_def":
                    raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Metadata field {field} is not supported")
            return model_metadata(self._answerer, spec.name, _version_number(spec), spec.version_label)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest."""

    def __init__(self, models: ServedModels, metrics: Metrics) -> None:
        self._models = models
        self._metrics = metrics

    def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of a model's versions."""
        spec = request.model_spec
        with _refusal_as_status(context), self._metrics.timed("GetModelStatus", spec.name):
            _require_spec(request)
            return model_status(self._models, spec.name, _version_number(spec))

    def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serves other models or labels; where that is not possible, nothing changes."""
        with _refusal_as_status(context), self._metrics.timed("HandleReloadConfigRequest", ""):
            try:
                self._models.configure(_configuration(request))
            except ValueError as error:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from None
            except NotAvailable as error:
                raise Refused(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from None
        return model_management_pb2.ReloadConfigResponse(status={"error_code": 0})


def _configuration(request: model_management_pb2.ReloadConfigRequest) -> dict[str, tuple[Path, dict[str, int]]]:
    """Folder and labels of each model that a request asks for, by name.

    Raises:
        ValueError: the request is not a list of models, names a model twice, or asks for another
            version policy than "the newest".
    """
    if request.config.WhichOneof("config") != "model_config_list":
        raise ValueError(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported"
        )
    models: dict[str, tuple[Path, dict[str, int]]] = {}
    for config in request.config.model_config_list.config:
        policy = config.model_version_policy
        if policy.WhichOneof("policy_choice") not in (None, "latest") or policy.latest.num_versions > 1:
            raise ValueError(
                f"model_version_policy of model {config.name} is not supported; the newest version is served, and every "
                "version that has a label"
            )
        if config.name in models:
            raise ValueError(f"Illegal to list model {config.name} multiple times in config list")
        models[config.name] = (Path(config.base_path), dict(config.version_labels))
    return models


@contextlib.contextmanager
def _refusal_as_status(context: grpc.ServicerContext) -> Iterator[None]:
    """Turns Refused into the status of the call."""
    try:
        yield
    except Refused as refused:
        context.abort(refused.code, refused.message)


def _require_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


def _version_number(spec: model_pb2.ModelSpec) -> int | None:
    return spec.version.value if spec.HasField("version") else None
