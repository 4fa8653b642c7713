"""Tensors of requests: refusals, and checks against what a signature takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

_LONGEST_MESSAGE = 1000  # gRPC sends messages in headers, which are short
_PIECE = 1 << 16  # values of a tensor that are read at a time
_VALUES = {types_pb2.DT_FLOAT: "float_val", types_pb2.DT_INT32: "int_val"}
Tensors = dict[str, np.ndarray]  # inputs or outputs by name; the first dimension counts rows


class Refused(Exception):
    """A request that cannot be answered.

    Args:
        code: gRPC's status; REST derives its own from it.
        message: one sentence for the client.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message if len(message) <= _LONGEST_MESSAGE else f"{message[:_LONGEST_MESSAGE]}..."


class TooLarge(Refused):
    """A request or an answer above the limit, which no later try will change."""

    def __init__(self, message: str) -> None:
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def unpack(
    definition: meta_graph_pb2.SignatureDef, tensors: Mapping[str, tensor_pb2.TensorProto], max_bytes: int
) -> Tensors:
    """The named inputs of a message as arrays.

    Args:
        definition: the signature that it calls.
        tensors: the named inputs.
        max_bytes: largest tensor that is unpacked.

    Raises:
        Refused: they are not what the signature takes.
    """
    return {name: _unpacked(name, definition.inputs[name], tensor, max_bytes) for name, tensor in tensors.items()}


def check_tensor(name: str, shape: Sequence[int], expected: meta_graph_pb2.TensorInfo, max_bytes: int) -> None:
    """Checks a shape before memory is taken for it, as a short message may claim a huge one.

    Raises:
        Refused: the signature does not take that shape, or it is too large.
    """
    expected_shape = [dimension.size for dimension in expected.tensor_shape.dim]
    fits = len(shape) == len(expected_shape) and all(
        given == size or size == -1 for given, size in zip(shape, expected_shape, strict=True)
    )
    if not fits or min(shape) < 1:
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"{name} must have shape {expected_shape} with at least one row, not {list(shape)}",
        )
    if int(np.prod(shape, dtype=object)) * tf.dtypes.as_dtype(expected.dtype).size > max_bytes:
        raise TooLarge(f"{name} of shape {list(shape)} is larger than {max_bytes} bytes")


def check_finite(name: str, array: np.ndarray) -> None:
    """Refuses NaN and infinity.

    Raises:
        Refused: the array holds some.
    """
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"{name} holds values that are not finite (NaN or infinity)")


def check_answer_size(
    definition: meta_graph_pb2.SignatureDef, inputs: Tensors, outputs: Sequence[str], max_bytes: int
) -> None:
    """Refuses, before any work, what would have an answer above the limit.

    A dimension that the signature leaves open is taken to be that of the input: rows, and height
    and width of a slice.

    Raises:
        Refused: the answer would be too large.
    """
    given = next(iter(inputs.values())).shape
    size = 0
    for name in outputs or definition.outputs:
        info = definition.outputs[name]
        dimensions = [dimension.size for dimension in info.tensor_shape.dim]
        known = [
            given[axis] if length == -1 and axis < len(given) else max(length, 1)
            for axis, length in enumerate(dimensions)
        ]
        size += int(np.prod(known, dtype=object)) * tf.dtypes.as_dtype(info.dtype).size
    if size > max_bytes:
        raise TooLarge(f"the answer would have {size} bytes where {max_bytes} are allowed; send fewer slices at a time")


def check_names(
    definition: meta_graph_pb2.SignatureDef, tensors: Mapping[str, tensor_pb2.TensorProto], outputs: Sequence[str]
) -> None:
    """Refuses inputs and outputs that the signature does not have.

    Raises:
        Refused: with TensorFlow Serving's messages.
    """
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


def _unpacked(
    name: str, expected: meta_graph_pb2.TensorInfo, tensor: tensor_pb2.TensorProto, max_bytes: int
) -> np.ndarray:
    if tensor.dtype != expected.dtype:
        raise Refused(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"Expects arg[0] to be {_type_name(expected.dtype)} but {_type_name(tensor.dtype)} is provided",
        )
    shape = [] if tensor.tensor_shape.unknown_rank else [dimension.size for dimension in tensor.tensor_shape.dim]
    check_tensor(name, shape, expected, max_bytes)
    try:
        array = _array(tensor, shape)
    except (ValueError, TypeError) as error:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"tensor parsing error: {name}: {error}") from None
    check_finite(name, array)
    return array


def _array(tensor: tensor_pb2.TensorProto, shape: list[int]) -> np.ndarray:
    """The array of a tensor; values that stand in a list are read in pieces, between which others have their turn.

    Raises:
        ValueError, TypeError: it has more values than its shape says.
    """
    values: Any = getattr(tensor, _VALUES.get(tensor.dtype, ""), ())
    if tensor.tensor_content or len(values) <= _PIECE:
        return tf.make_ndarray(tensor)
    array = np.empty(shape, tf.dtypes.as_dtype(tensor.dtype).as_numpy_dtype)
    if len(values) > array.size:
        raise ValueError(f"it has {len(values)} values where its shape {shape} takes {array.size}")
    flat = array.reshape(-1)
    for start in range(0, len(values), _PIECE):
        piece = values[start : start + _PIECE]
        flat[start : start + len(piece)] = piece
    flat[len(values) :] = values[-1]  # as TensorFlow does
    return array


def _braced(names: set[str]) -> str:
    """Names as TensorFlow Serving's messages list them: {a,b}."""
    return "{" + ",".join(sorted(names)) + "}"


def _type_name(number: int) -> str:
    """TensorFlow's short name of a type, such as "float" or "double"; the number of no type."""
    known = types_pb2.DataType.DESCRIPTOR.values_by_number
    return known[number].name.removeprefix("DT_").lower() if number in known else f"type {number}"
