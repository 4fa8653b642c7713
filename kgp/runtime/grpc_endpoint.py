"""A model behind TensorFlow Serving's gRPC protocol as a runtime."""

import os
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from kgp.runtime.endpoint import Endpoint, Unavailable

_SECONDS = 120.0
_LARGEST_MESSAGE = 2**31 - 1
_UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.ABORTED)
_FOREIGN = (
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.UNIMPLEMENTED,
)


class GrpcEndpoint(Endpoint):
    """See `Endpoint`; the address is grpc://HOST:PORT/MODEL, or grpcs://... for TLS."""

    def __init__(self, address: str) -> None:
        options = [
            ("grpc.max_receive_message_length", _LARGEST_MESSAGE),
            ("grpc.max_send_message_length", _LARGEST_MESSAGE),
        ]
        host = address.partition("://")[2].partition("/")[0]
        if address.startswith("grpcs:"):
            trusted = os.environ.get("SSL_CERT_FILE")
            credentials = grpc.ssl_channel_credentials(Path(trusted).read_bytes() if trusted else None)
            self._channel = grpc.secure_channel(host, credentials, options)
        else:
            self._channel = grpc.insecure_channel(host, options)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        super().__init__(address)

    def _call(self, signature: str, name: str, value: np.ndarray, outputs: tuple[str, ...]) -> dict[str, np.ndarray]:
        request = predict_pb2.PredictRequest(output_filter=outputs)
        request.model_spec.name = self.model
        request.model_spec.signature_name = signature
        if self.version is not None:
            request.model_spec.version.value = self.version
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        try:
            response = self._stub.Predict(request, timeout=_SECONDS, metadata=tuple(self._authorization.items()))
        except grpc.RpcError as error:
            if error.code() in _UNAVAILABLE:
                raise Unavailable(error.details()) from None
            message = f"{error.code().name}, {error.details()}"
            raise self._refusal(signature, message, error.code() in _FOREIGN) from None
        return {key: tf.make_ndarray(tensor) for key, tensor in response.outputs.items()}
