"""Tensors of requests, however their values are written."""

import numpy as np
import pytest
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server.tensors import Refused, unpack

VALUES = np.arange(3 * 2**16 + 5, dtype=np.float32)


def unpacked(values, rows):
    definition = meta_graph_pb2.SignatureDef()
    definition.inputs["x"].dtype = types_pb2.DT_FLOAT
    definition.inputs["x"].tensor_shape.dim.add(size=-1)
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=values)
    tensor.tensor_shape.dim.add(size=rows)
    return unpack(definition, {"x": tensor}, 10**9)["x"]


def test_long_lists_of_values_are_read_as_short_ones_are():
    np.testing.assert_array_equal(unpacked(VALUES, len(VALUES)), VALUES)
    np.testing.assert_array_equal(unpacked(VALUES, len(VALUES) + 2), [*VALUES, VALUES[-1], VALUES[-1]])
    with pytest.raises(Refused, match="196613 values where its shape"):
        unpacked(VALUES, len(VALUES) - 1)
    np.testing.assert_array_equal(unpacked([1.0, 2.0], 3), [1.0, 2.0, 2.0])


def test_messages_of_refusals_are_short():
    assert len(Refused(None, "x" * 10**6).message) == 1003
