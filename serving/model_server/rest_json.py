"""Tensors and signatures as TensorFlow Serving's REST interface writes them in JSON."""

from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from serving.model_server.answers import Refused


def read_inputs(
    body: dict[str, Any], definition: meta_graph_pb2.SignatureDef
) -> tuple[dict[str, tensor_pb2.TensorProto], bool]:
    """The named tensors of a request.

    Args:
        body: a request in row format ("instances") or column format ("inputs").
        definition: the signature that it calls.

    Returns:
        The tensors, and whether the request is in row format.

    Raises:
        Refused: the body is not what the signature takes.
    """
    if "instances" in body and "inputs" in body:
        raise _Malformed("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    names = sorted(definition.inputs)
    if "instances" in body:
        values = _columns_of_rows(body["instances"], names)
    elif "inputs" in body:
        columns = body["inputs"] if isinstance(body["inputs"], dict) else {names[0]: body["inputs"]}
        for name in names:
            if name not in columns:
                raise _Malformed(f"Missing named input: {name} in 'inputs' object.")
        values = {name: columns[name] for name in names}
    else:
        raise _Malformed("Missing 'inputs' or 'instances' key")
    tensors = {name: _tensor(name, value, definition.inputs[name].dtype) for name, value in values.items()}
    return tensors, "instances" in body


def _columns_of_rows(rows: Any, names: list[str]) -> dict[str, list[Any]]:
    """The values of each input, from rows that are values, or objects of the named inputs."""
    if not isinstance(rows, list):
        raise _Malformed("Excepting 'instances' to be an list/array")  # as TensorFlow Serving spells it
    if not rows:
        raise _Malformed("No values in 'instances' array")
    named = isinstance(rows[0], dict)
    for number, row in enumerate(rows):
        if named and not isinstance(row, dict):
            raise _Malformed(f"Expecting object but got list at item {number} of input list")
        if not named and isinstance(row, dict):
            raise _Malformed(f"Expecting value/list but got object at item {number} of input list")
        if named and sorted(row) != names:
            raise _Malformed(
                f"Failed to process element: {number} of 'instances' list. keys must be equal to: {','.join(names)}"
            )
    return {name: [row[name] for row in rows] for name in names} if named else {names[0]: rows}


def _tensor(name: str, value: Any, dtype: int) -> tensor_pb2.TensorProto:
    """A JSON value as a tensor; text, truth values, and fractions for integers are refused."""
    kind = tf.dtypes.as_dtype(dtype)
    try:
        array = np.array(value)
        if array.dtype.kind not in ("iuf" if kind.is_floating else "iu"):
            raise TypeError("a value is of another type")
        return tf.make_tensor_proto(array.astype(kind.as_numpy_dtype))
    except (ValueError, TypeError, OverflowError) as error:
        raise _Malformed(f"{name} is no tensor of {kind.name}: {error}") from None


class _Malformed(Refused):
    """A body that is not what the signature takes."""

    def __init__(self, message: str) -> None:
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, message)


def _plain(value: np.ndarray) -> Any:
    """An array as JSON values; bytes become text."""
    return [item.decode() for item in value] if value.dtype == object else value.tolist()


def outputs_in_rows(outputs: dict[str, np.ndarray]) -> list[Any]:
    """A value for each row where there is one output, else an object for each row."""
    columns = {name: _plain(value) for name, value in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def outputs_in_columns(outputs: dict[str, np.ndarray]) -> Any:
    """The values of the only output, or an object of all outputs."""
    columns = {name: _plain(value) for name, value in outputs.items()}
    return next(iter(columns.values())) if len(columns) == 1 else columns


def metadata_json(response: get_model_metadata_pb2.GetModelMetadataResponse) -> dict[str, Any]:
    """The signatures of a model as plain JSON values."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    return {
        "model_spec": json_format.MessageToDict(response.model_spec, preserving_proto_field_name=True),
        "metadata": {
            "signature_def": json_format.MessageToDict(
                signatures, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            )
        },
    }
