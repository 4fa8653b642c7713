import keras
import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.training.checkpoint import NAME, TrainingState, load_checkpoint, save_checkpoint


def compiled(units=2):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(units)])
    model.compile("adam", "mse")
    return model


def test_everything_comes_back(tmp_path):
    data = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    first = compiled()
    first.fit(*data, verbose=0)
    state = TrainingState(epoch=3, best=0.5, best_epoch=2, history=[{"epoch": 1, "loss": 0.25}])
    save_checkpoint(tmp_path, first, state)
    second = compiled()
    assert load_checkpoint(tmp_path, second) == state
    for model in (first, second):
        model.fit(*data, verbose=0)
    for one, other in zip(
        first.variables + first.optimizer.variables, second.variables + second.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))


def test_missing_checkpoint(tmp_path):
    with pytest.raises(KgpError, match="nothing to resume"):
        load_checkpoint(tmp_path, compiled())


def test_truncated_checkpoint(tmp_path):
    save_checkpoint(tmp_path, _built(compiled()), TrainingState())
    content = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(content[: len(content) // 2])
    with pytest.raises(KgpError, match="damaged"):
        load_checkpoint(tmp_path, compiled())


def test_checkpoint_of_another_network(tmp_path):
    save_checkpoint(tmp_path, _built(compiled()), TrainingState())
    with pytest.raises(KgpError, match="another network"):
        load_checkpoint(tmp_path, compiled(units=5))


def _built(model):
    model.optimizer.build(model.trainable_variables)
    return model
