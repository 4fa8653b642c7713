"""Tensors and signatures as TensorFlow Serving's REST interface writes them in JSON.

A body is read straight into arrays: JSON's structure is checked as a whole, and numbers are read in
pieces, so that neither memory nor the time without an answer to others grows with lists of Python
objects.
"""

import re
from typing import Any

import grpc
import msgspec
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from serving.model_server.answers import DEFAULT_SIGNATURE
from serving.model_server.tensors import Refused, Tensors, check_finite, check_tensor

_PIECE = 1 << 20  # characters of numbers that are read at a time
_MOST_OBJECTS = 10_000
_OF_NUMBERS = b"0123456789+-.eE \t\r\n"


class _Body(msgspec.Struct):
    """The keys of a request; others are passed over."""

    signature_name: msgspec.Raw = msgspec.Raw(b'""')
    instances: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    inputs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Malformed(Refused):
    """A body that is not what the signature takes."""

    def __init__(self, message: str) -> None:
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, message)


def read_request(
    body: bytes | bytearray, signatures: dict[str, meta_graph_pb2.SignatureDef], max_bytes: int
) -> tuple[str, Tensors, bool]:
    """Reads a request in row format ("instances") or column format ("inputs").

    Args:
        body: JSON text.
        signatures: the signatures that it may call.
        max_bytes: largest tensor that is read.

    Returns:
        The signature's name, the named inputs, and whether the request is in row format.

    Raises:
        Refused: the body is no such request, or not what the signature takes.
    """
    content = _decoded(body, _Body)
    if not bytes(content.signature_name).startswith(b'"'):
        raise _Malformed("'signature_name' key must be a string value.")
    signature = _decoded(content.signature_name, str) or DEFAULT_SIGNATURE
    if signature not in signatures:
        raise _Malformed(f'Serving signature name: "{signature}" not found in signature def')
    expected = signatures[signature].inputs
    in_rows = content.instances is not msgspec.UNSET
    if in_rows and content.inputs is not msgspec.UNSET:
        raise _Malformed("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if in_rows:
        values = _columns_of_rows(bytes(content.instances), sorted(expected))
    elif content.inputs is not msgspec.UNSET:
        values = _columns(bytes(content.inputs), sorted(expected))
    else:
        raise _Malformed("Missing 'inputs' or 'instances' key")
    return signature, {name: _tensor(name, rows, expected[name], max_bytes) for name, rows in values.items()}, in_rows


def _columns(text: bytes, names: list[str]) -> dict[str, list[bytes]]:
    """The text of each input's tensor."""
    if not text.startswith(b"{"):
        return {names[0]: [text]}
    _check_count(text, b'"')
    columns = _decoded(text, dict[str, msgspec.Raw])
    for name in names:
        if name not in columns:
            raise _Malformed(f"Missing named input: {name} in 'inputs' object.")
    return {name: [bytes(columns[name])] for name in names}


def _columns_of_rows(text: bytes, names: list[str]) -> dict[str, list[bytes]]:
    """The text of each input's tensor, or the texts of its rows where these are named objects."""
    if not text.startswith(b"["):
        raise _Malformed("Excepting 'instances' to be an list/array")  # as TensorFlow Serving spells it
    if not text[1:-1].strip():
        raise _Malformed("No values in 'instances' array")
    if b"{" not in text:
        return {names[0]: [text]}
    if not text[1:].lstrip().startswith(b"{"):
        raise _Malformed("Expecting value/list but got object in input list")
    _check_count(text, b"{")
    _check_count(text, b'"')
    try:
        rows = msgspec.json.decode(text, type=list[dict[str, msgspec.Raw]])
    except msgspec.ValidationError as error:
        item = re.search(r"\$\[(\d+)\]", str(error))
        raise _Malformed(f"Expecting object but got list at item {item[1] if item else 0} of input list") from None
    for number, row in enumerate(rows):
        if sorted(row) != names:
            raise _Malformed(
                f"Failed to process element: {number} of 'instances' list. keys must be equal to: {','.join(names)}"
            )
    return {name: [b"[%b]" % bytes(row[name]) for row in rows] for name in names}


def _check_count(text: bytes, sign: bytes) -> None:
    """Refuses objects and names without number, each of which would take far more than its text."""
    if text.count(sign) > _MOST_OBJECTS:
        raise _Malformed(f"more than {_MOST_OBJECTS} objects or names in a request are not read")


def _tensor(name: str, texts: list[bytes], expected: meta_graph_pb2.TensorInfo, max_bytes: int) -> np.ndarray:
    """A tensor from texts that lie behind each other along its first dimension."""
    kind = tf.dtypes.as_dtype(expected.dtype)
    try:
        first = _shape(texts[0])
        if not first:
            raise ValueError("it is no list")
        shape = (first[0] * len(texts), *first[1:])
        check_tensor(name, shape, expected, max_bytes)
        array = np.empty((len(texts), int(np.prod(first))), kind.as_numpy_dtype)
        for index, text in enumerate(texts):
            if index and _shape(text) != first:
                raise ValueError("its rows have different shapes")
            _read_numbers(text, array[index])
    except (ValueError, TypeError, OverflowError) as error:  # msgspec's errors are ValueErrors
        raise _Malformed(f"{name} is no tensor of {kind.name}: {error}") from None
    array = array.reshape(shape)
    check_finite(name, array)
    return array


def _shape(text: bytes) -> tuple[int, ...]:
    """The shape of nested lists of numbers; () for anything that is no list.

    Raises:
        ValueError: the lists have different lengths, or hold something else.
    """
    skeleton = text.translate(None, _OF_NUMBERS)
    depth = len(skeleton) - len(skeleton.lstrip(b"["))
    shape: list[int] = []
    block = b""  # what a list of the level before looks like
    for level in range(1, depth + 1):
        inside = skeleton.index(b"]" * level) + level - (depth - level) - 2
        count = (inside + 1) // (len(block) + 1)
        block = b"[%b]" % b",".join([block] * count)
        shape.insert(0, count)
    if block != skeleton:
        raise ValueError("its lists have different lengths, or hold something else than numbers")
    return tuple(shape)


def _read_numbers(text: bytes, out: np.ndarray) -> None:
    """Reads the numbers of nested lists into a flat array, a piece at a time."""
    integers = out.dtype.kind in "iu"
    kind: Any = list[int] if integers else list[float]
    decoder = msgspec.json.Decoder(kind)
    limits = np.iinfo(out.dtype) if integers else None
    start = filled = 0
    while start < len(text):
        end = text.find(b",", start + _PIECE)
        end = len(text) if end < 0 else end
        numbers: list[Any] = decoder.decode(b"[%b]" % text[start:end].translate(None, b"[]"))
        if limits and (min(numbers) < limits.min or max(numbers) > limits.max):
            raise ValueError(f"a value is not between {limits.min} and {limits.max}")
        out[filled : filled + len(numbers)] = numbers
        filled += len(numbers)
        start = end + 1
    if filled != len(out):
        raise ValueError("a list is empty")


def _decoded(text: bytes | bytearray | msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise _Malformed(f"JSON Value: Is not object: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise _Malformed(f"JSON Parse error: {error}") from None


def write_answer(outputs: dict[str, np.ndarray], in_rows: bool) -> bytes:
    """The outputs as TensorFlow Serving's JSON.

    In row format that is a value for each row where there is one output, else an object; in column
    format the values of the only output, or an object of all.
    """
    if not in_rows:
        return b'{"outputs": %b}' % _joined([(name, _rows(value)) for name, value in outputs.items()], b"[%b]")
    rows = [
        _joined(list(zip(outputs, row, strict=True)), b"%b") for row in zip(*map(_rows, outputs.values()), strict=True)
    ]
    return b'{"predictions": [%b]}' % b", ".join(rows)


def _rows(value: np.ndarray) -> list[bytes]:
    """Each row of an array as JSON; bytes become text."""
    return [msgspec.json.encode(row.decode() if isinstance(row, bytes) else row.tolist()) for row in value]


def _joined(named: list[tuple[str, Any]], form: bytes) -> bytes:
    """One value as it is, or several as an object."""
    values = [form % (b", ".join(value) if isinstance(value, list) else value) for _, value in named]
    if len(values) == 1:
        return values[0]
    return b"{%b}" % b", ".join(
        b'"%b": %b' % (name.encode(), value) for (name, _), value in zip(named, values, strict=True)
    )


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
