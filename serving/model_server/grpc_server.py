"""The gRPC server: TensorFlow Serving's services and health, with TLS and a token on request."""

from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from kgp.errors import KgpError
from serving.model_server.authorisation import is_authorised
from serving.model_server.grpc_services import ModelService, PredictionService


def grpc_server(
    prediction: PredictionService,
    model: ModelService,
    health_service: health.HealthServicer,
    *,
    threads: int,
    waiting: int,
    max_bytes: int,
    token: str,
) -> grpc.Server:
    """A server that is not bound to a port yet.

    Args:
        prediction, model, health_service: what it serves.
        threads: calls that are answered at the same time.
        waiting: calls that may wait beside them; further ones are refused.
        max_bytes: largest message.
        token: what clients must send as "authorization: Bearer TOKEN", or "".
    """
    server = grpc.server(
        futures.ThreadPoolExecutor(threads, thread_name_prefix="grpc"),
        interceptors=[_TokenCheck(token)] if token else [],
        options=[
            ("grpc.max_receive_message_length", max_bytes),
            ("grpc.max_send_message_length", max_bytes),
            ("grpc.so_reuseport", 0),
        ],
        maximum_concurrent_rpcs=threads + waiting,
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(model, server)
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    return server


def bind_grpc_server(server: grpc.Server, host: str, port: int, certificate: Path | None, key: Path | None) -> int:
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


class _TokenCheck(grpc.ServerInterceptor):
    """Refuses calls without the token, except questions about health."""

    def __init__(self, token: str) -> None:
        self._token = token

        def refuse(_: Any, context: grpc.ServicerContext) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a valid token is needed")

        self._refusal = grpc.unary_unary_rpc_method_handler(refuse)

    def intercept_service(self, continuation: Any, details: grpc.HandlerCallDetails) -> Any:
        """Passes the call on or refuses it."""
        sent = str(dict(details.invocation_metadata).get("authorization", ""))
        if details.method.startswith("/grpc.health.") or is_authorised(sent, self._token):
            return continuation(details)
        return self._refusal
