"""From a request to its answer, for both protocols: checks, batching, refusals."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeout

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server.batcher import Batcher, Expired, QueueFull
from serving.model_server.store import NotServed, ServedModels, UnknownLabel
from serving.model_server.version import ModelVersion

DEFAULT_SIGNATURE = "serving_default"
_MAX_SECONDS = 600.0


class Refused(Exception):
    """A request that cannot be answered.

    Args:
        code: gRPC's status; REST derives its own from it.
        message: one sentence for the client.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Answerer:
    """Answers predictions of the served models.

    Args:
        models: the served models.
        batcher: runs the batches.
        max_bytes: largest tensor that is unpacked.
    """

    def __init__(self, models: ServedModels, batcher: Batcher, max_bytes: int) -> None:
        self._models = models
        self._batcher = batcher
        self._max_bytes = max_bytes

    @contextlib.contextmanager
    def lease(self, name: str, number: int | None = None, label: str = "") -> Iterator[ModelVersion]:
        """The version that a request names; it stays in memory while the `with` block runs.

        Args:
            name: the model's name.
            number: the version, or None for the newest or the labelled one.
            label: the version's label, or "".

        Raises:
            Refused: there is no such model, version or label.
        """
        if not name:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        try:
            with self._models.get(name, number, label).lease(number, label) as version:
                yield version
        except NotServed as error:
            raise Refused(grpc.StatusCode.NOT_FOUND, str(error)) from None
        except UnknownLabel as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from None

    def predict(
        self,
        version: ModelVersion,
        signature: str,
        tensors: Mapping[str, tensor_pb2.TensorProto],
        outputs: Sequence[str] = (),
        seconds: float | None = None,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> dict[str, np.ndarray]:
        """The named outputs of a signature.

        Args:
            version: the version, held by `lease`.
            signature: name of the signature.
            tensors: the named inputs.
            outputs: names of the outputs to return; all where it is empty.
            seconds: until the client's deadline, or None.
            is_wanted: whether the client still waits.

        Raises:
            Refused: with TensorFlow Serving's status codes, and its messages where it has one.
        """
        end = time.monotonic() + min(_MAX_SECONDS if seconds is None else seconds, _MAX_SECONDS)
        if signature not in version.signatures:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.')
        definition = version.signatures[signature]
        _check_names(definition, tensors, outputs)
        arrays = {key: self._unpack(key, definition.inputs[key], tensor) for key, tensor in tensors.items()}
        try:
            future = self._batcher.submit(version, signature, arrays, lambda: is_wanted() and time.monotonic() < end)
            answered = future.result(timeout=max(0.0, end - time.monotonic()))
        except QueueFull as error:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error)) from None
        except (Expired, FutureTimeout):
            raise Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded") from None
        except tf.errors.OpError as error:
            raise Refused(grpc.StatusCode.INTERNAL, str(error.message)) from None
        return {key: answered[key] for key in outputs or sorted(answered)}

    def _unpack(self, name: str, expected: meta_graph_pb2.TensorInfo, tensor: tensor_pb2.TensorProto) -> np.ndarray:
        """Unpacks a tensor after checking its shape, as a short message may claim a huge one."""
        if tensor.dtype != expected.dtype:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"Expects arg[0] to be {_type_name(expected.dtype)} but {_type_name(tensor.dtype)} is provided",
            )
        shape = [dimension.size for dimension in tensor.tensor_shape.dim]
        expected_shape = [dimension.size for dimension in expected.tensor_shape.dim]
        fits = len(shape) == len(expected_shape) and all(
            given == size or size == -1 for given, size in zip(shape, expected_shape, strict=True)
        )
        if not fits or min(shape) < 1 or tensor.tensor_shape.unknown_rank:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"{name} must have shape {expected_shape} with at least one row, not {shape}",
            )
        kind = tf.dtypes.as_dtype(tensor.dtype)
        if int(np.prod(shape, dtype=object)) * kind.size > self._max_bytes:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"{name} of shape {shape} is larger than {self._max_bytes} bytes"
            )
        try:
            array = tf.make_ndarray(tensor)
        except (ValueError, TypeError) as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"tensor parsing error: {name}: {error}") from None
        if kind.is_floating and not np.isfinite(array).all():
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT, f"{name} holds values that are not finite (NaN or infinity)"
            )
        return array


def _check_names(
    definition: meta_graph_pb2.SignatureDef, tensors: Mapping[str, tensor_pb2.TensorProto], outputs: Sequence[str]
) -> None:
    """Refuses inputs and outputs that the signature does not have."""
    sent, expected = set(tensors), set(definition.inputs)
    if len(sent) != len(expected):
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"input size does not match signature: {len(sent)}!={len(expected)} len({_braced(sent)}) != "
            f"len({_braced(expected)}). Sent extra: {_braced(sent - expected)}. "
            f"Missing but required: {_braced(expected - sent)}.",
        )
    for name in sorted(expected - sent):
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"Signature input alias: {name}(feed name: {definition.inputs[name].name}) not found in request and no default "
            f"value provided. Inputs expected to be in the request {_braced(sent)}, or default input alias set: ",
        )
    for name in outputs:
        if name not in definition.outputs:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{_braced(set(definition.outputs))}.",
            )
        if list(outputs).count(name) > 1:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"duplicate output tensor alias: {name}")


def _braced(names: set[str]) -> str:
    """Names as TensorFlow Serving's messages list them: {a,b}."""
    return "{" + ",".join(sorted(names)) + "}"


def _type_name(number: int) -> str:
    """TensorFlow's short name of a type, such as "float" or "double"."""
    return types_pb2.DataType.Name(number).removeprefix("DT_").lower()
