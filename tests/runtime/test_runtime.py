import keras
import numpy as np
import pytest

from kgp.runtime.runtime import probabilities, tumour_class


def test_probabilities():
    logits = np.array([[0.0, np.log(3.0)], [1000.0, 0.0]])
    np.testing.assert_allclose(probabilities(logits), [[0.25, 0.75], [1.0, 0.0]])
    np.testing.assert_allclose(
        probabilities(logits[0]), keras.ops.convert_to_numpy(keras.ops.softmax(logits[0])), atol=1e-6
    )


@pytest.mark.parametrize(("no_tumour", "expected"), [(None, 0), (0, 2), (2, 0)])
def test_likeliest_tumour_class(no_tumour, expected):
    assert tumour_class(np.array([3.0, 1.0, 2.0]), no_tumour) == expected
