"""The gRPC server: TensorFlow Serving's services and health, with TLS and a token on request."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from kgp.errors import KgpError
from serving.model_server.authorisation import is_authorised
from serving.model_server.grpc_messages import MessageHandlers
from serving.model_server.grpc_services import ModelService, PredictionService
from serving.model_server.metrics import Metrics


def grpc_server(
    prediction: PredictionService,
    model: ModelService,
    health_service: health.aio.HealthServicer,
    messages: MessageHandlers,
    metrics: Metrics,
    *,
    max_bytes: int,
    token: str,
) -> grpc.aio.Server:
    """A server that is not bound to a port yet; called on the event loop that it is to run on.

    Args:
        prediction, model, health_service: what it serves.
        messages: receives the messages.
        metrics: counts calls without the token.
        max_bytes: largest message.
        token: what clients must send as "authorization: Bearer TOKEN", or "".
    """
    server = grpc.aio.server(
        interceptors=[_TokenCheck(token, metrics)] if token else [],
        options=[
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", max_bytes),
            ("grpc.so_reuseport", 0),
        ],
    )
    for service, methods in (
        (
            "tensorflow.serving.PredictionService",
            {
                "Predict": messages.handler(prediction.Predict, predict_pb2.PredictRequest),
                "GetModelMetadata": messages.handler(
                    prediction.GetModelMetadata, get_model_metadata_pb2.GetModelMetadataRequest
                ),
            },
        ),
        (
            "tensorflow.serving.ModelService",
            {
                "GetModelStatus": messages.handler(model.GetModelStatus, get_model_status_pb2.GetModelStatusRequest),
                "HandleReloadConfigRequest": messages.handler(
                    model.HandleReloadConfigRequest, model_management_pb2.ReloadConfigRequest
                ),
            },
        ),
    ):
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, methods),))
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    return server


def bind_grpc_server(server: grpc.aio.Server, host: str, port: int, certificate: Path | None, key: Path | None) -> int:
    """Binds a server to an address; returns the port, which the system chooses where `port` is 0.

    Args:
        server: the server.
        host, port: the address.
        certificate, key: files in PEM format for TLS, or None for none.

    Raises:
        KgpError: the address cannot be bound to, or a file cannot be read.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if certificate and key:
            pair = (key.read_bytes(), certificate.read_bytes())
            return server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        return server.add_insecure_port(address)
    except (RuntimeError, OSError) as error:
        raise KgpError(f"The gRPC server cannot listen on {address}: {error}.") from None


class _TokenCheck(grpc.aio.ServerInterceptor):
    """Refuses calls without the token, except questions about health."""

    def __init__(self, token: str, metrics: Metrics) -> None:
        self._token = token

        async def refuse(_: Any, context: grpc.aio.ServicerContext) -> None:
            metrics.count_refusal("gRPC", "UNAUTHENTICATED")
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a valid token is needed")

        self._refusal = grpc.stream_unary_rpc_method_handler(refuse)  # which does not wait for the message

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Passes the call on or refuses it."""
        sent = str(dict(details.invocation_metadata).get("authorization", ""))
        if details.method.startswith("/grpc.health.") or is_authorised(sent, self._token):
            return await continuation(details)
        return self._refusal
