"""TensorFlow Serving's PredictionService and ModelService over the served models."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
)

from serving.model_server.answers import DEFAULT_SIGNATURE, Answerer, signature_of
from serving.model_server.metrics import Metrics
from serving.model_server.model_configuration import Configuration, model_configuration
from serving.model_server.model_information import fill_model_spec, model_metadata, model_status
from serving.model_server.store import NotAvailable, ServedModels
from serving.model_server.tensors import Refused, check_answer_size, check_names, unpack

_log = logging.getLogger(__name__)
_MOST_SECONDS = 600.0
Reload = Callable[[Configuration], "Future[None]"]


class PredictionService:
    """Predict and GetModelMetadata; Classify, Regress and MultiInference take tf.Example, which
    slices are not."""

    def __init__(self, answerer: Answerer, metrics: Metrics) -> None:
        self._answerer = answerer
        self._metrics = metrics

    async def Predict(
        self, request: predict_pb2.PredictRequest, context: grpc.aio.ServicerContext
    ) -> predict_pb2.PredictResponse:
        """Runs a signature."""
        async with _answering(context, self._metrics, "Predict", request.model_spec.name):
            _require_spec(request)
            remaining = context.time_remaining()
            try:
                async with asyncio.timeout(_MOST_SECONDS if remaining is None else min(remaining, _MOST_SECONDS)):
                    return await self._predict(request)
            except TimeoutError:
                raise Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded") from None

    async def _predict(self, request: predict_pb2.PredictRequest) -> predict_pb2.PredictResponse:
        spec, outputs, answerer = request.model_spec, request.output_filter, self._answerer
        signature = spec.signature_name or DEFAULT_SIGNATURE
        with answerer.lease(spec.name, _version_number(spec), spec.version_label) as version:
            definition = signature_of(version, signature)
            check_names(definition, request.inputs, outputs)
            inputs = await answerer.aside(request.ByteSize(), unpack, definition, request.inputs, answerer.max_bytes)
            check_answer_size(definition, inputs, outputs, answerer.max_bytes)
            answered = await answerer.run(version, signature, inputs, outputs)
            size = sum(value.nbytes for value in answered.values())
            response = await answerer.aside(size, _packed, answered)
            fill_model_spec(response.model_spec, spec.name, version.number, signature)
        return response

    async def GetModelMetadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.aio.ServicerContext
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """The signatures of a model."""
        spec = request.model_spec
        async with _answering(context, self._metrics, "GetModelMetadata", spec.name):
            _require_spec(request)
            if not request.metadata_field:
                raise Refused(
                    grpc.StatusCode.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"
                )
            for field in request.metadata_field:
                if field != "signature_def":
                    raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"Metadata field {field} is not supported")
            return model_metadata(self._answerer, spec.name, _version_number(spec), spec.version_label)


class ModelService:
    """GetModelStatus and HandleReloadConfigRequest.

    Args:
        models: the served models.
        metrics: counts requests.
        reload: serves other models, unless its future was cancelled before.
    """

    def __init__(self, models: ServedModels, metrics: Metrics, reload: Reload) -> None:
        self._models = models
        self._metrics = metrics
        self._reload = reload

    async def GetModelStatus(
        self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.aio.ServicerContext
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """The states of a model's versions."""
        spec = request.model_spec
        async with _answering(context, self._metrics, "GetModelStatus", spec.name):
            _require_spec(request)
            return model_status(self._models, spec.name, _version_number(spec))

    async def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.aio.ServicerContext
    ) -> model_management_pb2.ReloadConfigResponse:
        """Serves other models or labels; where that is not possible, nothing changes."""
        async with _answering(context, self._metrics, "HandleReloadConfigRequest", ""):
            try:
                await asyncio.wrap_future(self._reload(model_configuration(request.config)))
            except ValueError as error:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from None
            except NotAvailable as error:
                raise Refused(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from None
            return model_management_pb2.ReloadConfigResponse(status={"error_code": 0})


@contextlib.asynccontextmanager
async def _answering(
    context: grpc.aio.ServicerContext, metrics: Metrics, method: str, model: str
) -> AsyncIterator[None]:
    """Counts a call, and turns what goes wrong in it into its status."""
    try:
        with metrics.timed(method, model):
            yield
    except Refused as refused:
        code, message = refused.code, refused.message
    except Exception:  # noqa: BLE001 - the client must hear of it, whatever it is
        _log.exception("%s ended by a defect", method)
        code, message = grpc.StatusCode.INTERNAL, "the server failed; its log says why"
    else:
        return
    await context.abort(code, message)


def _packed(outputs: dict[str, np.ndarray]) -> predict_pb2.PredictResponse:
    response = predict_pb2.PredictResponse()
    for name, value in outputs.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(value))
    return response


def _require_spec(request: Any) -> None:
    if not request.HasField("model_spec"):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


def _version_number(spec: model_pb2.ModelSpec) -> int | None:
    return spec.version.value if spec.HasField("version") else None
