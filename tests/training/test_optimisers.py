import keras
import numpy as np
import pytest

from kgp.config import OptimiserConfig
from kgp.training.optimisers import AdamL2, build_optimiser


def test_adam_l2_equals_torch_adam_with_weight_decay():
    torch = pytest.importorskip("torch")
    start = np.array([1.0, -2.0, 0.5], np.float32)
    gradients = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    theirs = torch.nn.Parameter(torch.tensor(start))
    torch_adam = torch.optim.Adam([theirs], lr=1e-2, weight_decay=0.1)
    ours = keras.Variable(start)
    adam = AdamL2(learning_rate=1e-2, l2=0.1, epsilon=1e-8)
    for gradient in gradients:
        theirs.grad = torch.tensor(gradient)
        torch_adam.step()
        adam.apply([keras.ops.convert_to_tensor(gradient)], [ours])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), theirs.detach().numpy(), atol=1e-6)


def test_gradient_is_clipped_before_the_l2_term_is_added():
    # Clipped gradient 1.0, L2 term 0.5 * 2: the first moment is 0.1 * (1.0 + 1.0).
    variable = keras.Variable(np.array([2.0], np.float32))
    adam = AdamL2(learning_rate=0.0, l2=0.5, clipvalue=1.0)
    adam.apply([keras.ops.convert_to_tensor(np.array([50.0], np.float32))], [variable])
    assert float(keras.ops.convert_to_numpy(adam._momentums[0])[0]) == pytest.approx(0.2, abs=1e-6)


def test_accumulated_batches_equal_one_large_batch():
    gradients = np.array([[1.0], [3.0]], np.float32)
    one, many = keras.Variable(np.zeros(1, np.float32)), keras.Variable(np.zeros(1, np.float32))
    config = OptimiserConfig(learning_rate=0.1, clip_value=1.0, accumulation=1)
    build_optimiser(config, 2).apply([keras.ops.convert_to_tensor(gradients.mean(0))], [one])
    accumulating = build_optimiser(OptimiserConfig(learning_rate=0.1, clip_value=1.0, accumulation=2), 2)
    for gradient in gradients:
        accumulating.apply([keras.ops.convert_to_tensor(gradient)], [many])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(many), atol=1e-7)


def test_cosine_ends_at_zero():
    optimiser = build_optimiser(OptimiserConfig(optimiser="adamw", schedule="cosine", accumulation=1), 10)
    optimiser.iterations.assign(10)
    assert float(keras.ops.convert_to_numpy(optimiser.learning_rate)) == pytest.approx(0.0, abs=1e-9)
