"""From a request to its answer, whatever protocol it came by: checks, batching, and TensorFlow Serving's refusals."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as NotInTime

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server.batcher import Batcher, Expired, QueueFull
from serving.model_server.store import NotServed, ServedModels, UnknownLabel
from serving.model_server.version import ModelVersion

DEFAULT_SIGNATURE = "serving_default"
_LONGEST = 600.0


class Refused(Exception):
    """A request that cannot be answered.

    Args:
        code: the status of gRPC.
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
        most_bytes: largest size of a tensor that is unpacked.
    """

    def __init__(self, models: ServedModels, batcher: Batcher, most_bytes: int) -> None:
        self._models = models
        self._batcher = batcher
        self._most_bytes = most_bytes

    @contextlib.contextmanager
    def lease(self, name: str, version: int | None = None, label: str = "") -> Iterator[ModelVersion]:
        """The version that a request names, in memory while the `with` block runs; see `ServedModel.lease`.

        Raises:
            Refused: there is no such model, version or label.
        """
        if not name:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        try:
            with self._models.get(name, version, label).lease(version, label) as found:
                yield found
        except NotServed as error:
            raise Refused(grpc.StatusCode.NOT_FOUND, str(error)) from None
        except UnknownLabel as error:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from None

    def predict(
        self,
        found: ModelVersion,
        signature: str,
        tensors: Mapping[str, tensor_pb2.TensorProto],
        outputs: Sequence[str] = (),
        seconds: float | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> dict[str, np.ndarray]:
        """The named outputs of a signature.

        Args:
            found: the version, held by `lease`.
            signature: name of the signature.
            tensors: the named inputs.
            outputs: names of the outputs wanted; all where it is empty.
            seconds: until the client's deadline, or None.
            wanted: whether the client still waits.

        Raises:
            Refused: with TensorFlow Serving's status codes, and its messages where it has one.
        """
        end = time.monotonic() + min(seconds if seconds is not None else _LONGEST, _LONGEST)
        if signature not in found.signatures:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{signature}" not found.')
        definition = found.signatures[signature]
        _check_names(definition, tensors, outputs)
        arrays = {key: self._array(key, definition.inputs[key], tensor) for key, tensor in tensors.items()}
        try:
            future = self._batcher.submit(found, signature, arrays, lambda: wanted() and time.monotonic() < end)
            answer = future.result(timeout=max(0.0, end - time.monotonic()))
        except QueueFull as error:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error)) from None
        except (Expired, NotInTime):
            raise Refused(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded") from None
        except tf.errors.OpError as error:
            raise Refused(grpc.StatusCode.INTERNAL, str(error.message)) from None
        return {key: answer[key] for key in outputs or sorted(answer)}

    def _array(self, name: str, wanted: meta_graph_pb2.TensorInfo, tensor: tensor_pb2.TensorProto) -> np.ndarray:
        """Unpacks a tensor after its type and its shape were checked, so that a short message cannot ask for much memory."""
        if tensor.dtype != wanted.dtype:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"Expects arg[0] to be {_type_name(wanted.dtype)} but {_type_name(tensor.dtype)} is provided",
            )
        shape = [dimension.size for dimension in tensor.tensor_shape.dim]
        expected = [dimension.size for dimension in wanted.tensor_shape.dim]
        fits = len(shape) == len(expected) and all(
            given == size or size == -1 for given, size in zip(shape, expected, strict=True)
        )
        if not fits or min(shape) < 1 or tensor.tensor_shape.unknown_rank:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"{name} must have shape {expected} with at least one row, not {shape}",
            )
        kind = tf.dtypes.as_dtype(tensor.dtype)
        if int(np.prod(shape, dtype=object)) * kind.size > self._most_bytes:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"{name} of shape {shape} is larger than {self._most_bytes} bytes"
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
    sent, wanted = set(tensors), set(definition.inputs)
    if len(sent) != len(wanted):
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != len({_set(wanted)}). "
            f"Sent extra: {_set(sent - wanted)}. Missing but required: {_set(wanted - sent)}.",
        )
    for name in sorted(wanted - sent):
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"Signature input alias: {name}(feed name: {definition.inputs[name].name}) not found in request and no default "
            f"value provided. Inputs expected to be in the request {_set(sent)}, or default input alias set: ",
        )
    for name in outputs:
        if name not in definition.outputs:
            raise Refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                f"{_set(set(definition.outputs))}.",
            )
        if list(outputs).count(name) > 1:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"duplicate output tensor alias: {name}")


def _set(names: set[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


def _type_name(number: int) -> str:
    """TensorFlow's short name of a type, such as "float" or "double"."""
    return types_pb2.DataType.Name(number).removeprefix("DT_").lower()
