import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.training.losses import WeightedCrossEntropy, class_weights


def test_equals_torch_weighted_cross_entropy():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(7, 3)).astype(np.float32)
    targets = np.array([0, 1, 2, 2, 1, 0, 0])
    weights = [0.5, 2.0, 1.25]
    expected = torch.nn.CrossEntropyLoss(weight=torch.tensor(weights))(torch.tensor(logits), torch.tensor(targets))
    found = WeightedCrossEntropy(weights)(np.eye(3, dtype=np.float32)[targets], logits)
    assert float(found) == pytest.approx(float(expected), abs=1e-6)


def test_two_slices_by_hand():
    # Equal logits: cross-entropy is log 2 for each slice, whatever the weights.
    loss = WeightedCrossEntropy([1.0, 9.0])(np.eye(2, dtype=np.float32), np.zeros((2, 2), np.float32))
    assert float(loss) == pytest.approx(np.log(2), abs=1e-6)


def test_configuration_round_trip():
    loss = WeightedCrossEntropy([1.0, 2.0])
    assert WeightedCrossEntropy.from_config(loss.get_config()).class_weights == [1.0, 2.0]


def test_class_weights_by_hand():
    assert class_weights([0, 0, 0, 1], 2) == pytest.approx([4 / 6, 2.0])


def test_class_without_training_slice_is_named():
    with pytest.raises(KgpError, match="class 2 has no slice"):
        class_weights([0, 1, 1], 3)


def test_sixteen_bits_do_not_overflow():
    """Logits at the ends of float16, whose exponentials and differences float16 cannot hold."""
    logits = np.array([[60000.0, -60000.0], [-60000.0, 60000.0]], np.float16)
    loss = float(WeightedCrossEntropy([1.0, 1.0])(np.array([[1, 0], [1, 0]], np.float16), logits))
    assert loss == pytest.approx(60000.0, rel=1e-3)
