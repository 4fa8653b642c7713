import numpy as np
import pytest
import tensorflow as tf

from export.graph.evidence import contributions, top_points
from kgp.heatmap import evidence

POOLINGS = [("max", 0.0), ("average", 0.0), ("lse", 4.0), ("lse", 1.5), ("topfraction", 0.02), ("topfraction", 0.3)]


@pytest.fixture
def head():
    rng = np.random.default_rng(0)
    shapes = [(2, 9, 7, 5), (5, 3), (3,)]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("head_order", ["pool_then_project", "project_then_pool"])
@pytest.mark.parametrize(("pooling", "value"), POOLINGS)
def test_contributions_are_those_of_numpy(head, head_order, pooling, value):
    features, kernel, bias = head
    arguments = {"head_order": head_order, "pooling": pooling, "pooling_value": value}
    actual, constants = (np.asarray(array) for array in contributions(features, kernel, bias, **arguments))
    points = np.asarray(top_points(actual))
    for index in range(2):
        maps, rest = evidence.contributions(features[index], kernel, bias, **arguments)
        np.testing.assert_allclose(actual[index], maps, atol=2e-6)
        np.testing.assert_allclose(constants[index], rest, atol=2e-6)
        for class_index in range(3):
            first = evidence.evidence_of_map(maps[..., class_index], rest[class_index]).top(12)
            listed = points[index, class_index]
            np.testing.assert_allclose(listed[: len(first), 2], [point.contribution for point in first], atol=2e-6)
            rows, columns = listed[:, 0].astype(int), listed[:, 1].astype(int)
            np.testing.assert_allclose(listed[:, 2], maps[rows, columns, class_index], atol=2e-6)


def test_equal_values_share_the_last_places_of_a_top_fraction():
    features = np.ones((1, 2, 2, 1), np.float32)
    kernel, bias = np.full((1, 1), 3.0, np.float32), np.zeros(1, np.float32)
    actual, _ = contributions(
        features, kernel, bias, head_order="pool_then_project", pooling="topfraction", pooling_value=0.5
    )
    np.testing.assert_allclose(np.asarray(actual)[0, ..., 0], np.full((2, 2), 0.75))


@pytest.mark.parametrize("pooling", ["max", "average", "lse", "topfraction"])
def test_every_pooling_becomes_built_in_operations_of_litert(head, pooling):
    _, kernel, bias = head
    arguments = {"head_order": "pool_then_project", "pooling": pooling, "pooling_value": 0.0}
    split = tf.function(lambda features: contributions(features, kernel, bias, **arguments))
    concrete = split.get_concrete_function(tf.TensorSpec((1, 9, 7, 5)))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    assert converter.convert()
