"""Bodies are read straight into arrays, in pieces, and as strictly as a parser of JSON does."""

import json

import numpy as np
import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server.rest_json import read_request, write_answer
from serving.model_server.tensors import Refused


def signatures(*sizes, kind=types_pb2.DT_FLOAT):
    definition = meta_graph_pb2.SignatureDef()
    definition.inputs["images"].dtype = kind
    for size in sizes:
        definition.inputs["images"].tensor_shape.dim.add(size=size)
    return {"serving_default": definition}


def read(text, *sizes, kind=types_pb2.DT_FLOAT):
    return read_request(text, signatures(*sizes, kind=kind), 10**6)[1]["images"]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("shape", [(1,), (3,), (1, 1), (2, 3), (1, 2, 1, 3), (3, 2, 4, 1)])
def test_numbers_come_in_pieces_and_are_those_of_json(monkeypatch, shape, indent):
    monkeypatch.setattr("serving.model_server.rest_json._PIECE", 5)
    values = np.random.default_rng(0).normal(0, 1e3, shape)
    body = json.dumps({"other": [{"x": None}], "inputs": {"images": values.tolist()}}, indent=indent).encode()
    np.testing.assert_array_equal(read(body, -1, *shape[1:]), values.astype(np.float32))


@pytest.mark.parametrize(
    "value",
    [
        "[[1,2],[3]]",
        "[[1],2,[3,4]]",
        "[1,[2]]",
        "[[],[1]]",
        "[[1,2],[]]",
        "[[1,2],3]",
        '[["1","2"]]',
        "[[1,true]]",
        "[[1,null]]",
    ],
)
def test_what_is_no_rectangle_of_numbers_is_refused(value):
    for body in (f'{{"inputs": {value}}}', f'{{"instances": [{{"images": {value}}}]}}'):
        with pytest.raises(Refused):
            read(body.encode(), -1, -1)


@pytest.mark.parametrize(
    "value", ["[1,]", "[01]", "[1.]", "[+1]", "[1e]", "[.5]", "[NaN]", "[1 2]", "[1][2]", "[1", "\ufeff[1]"]
)
def test_what_is_no_json_is_refused(value):
    with pytest.raises(Refused, match="JSON Parse error"):
        read(f'{{"inputs": {value}}}'.encode(), -1)


def test_objects_without_number_are_refused():
    with pytest.raises(Refused, match="more than 10000 objects"):
        read(b'{"instances": [' + b",".join([b"{}"] * 10_001) + b"]}", -1)


def test_answers_are_in_rows_or_columns():
    outputs = {"a": np.float32([[1, 2], [3, 4]]), "b": np.array([b"x", b"y"], object)}
    assert json.loads(write_answer(outputs, in_rows=True)) == {
        "predictions": [{"a": [1, 2], "b": "x"}, {"a": [3, 4], "b": "y"}]
    }
    assert json.loads(write_answer(outputs, in_rows=False)) == {"outputs": {"a": [[1, 2], [3, 4]], "b": ["x", "y"]}}
    single = {"a": outputs["a"]}
    assert json.loads(write_answer(single, in_rows=True)) == {"predictions": [[1, 2], [3, 4]]}
    assert json.loads(write_answer(single, in_rows=False)) == {"outputs": [[1, 2], [3, 4]]}
