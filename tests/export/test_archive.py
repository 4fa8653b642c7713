import keras
import pytest
import tensorflow as tf

from export.archive import new_archive, written_by_tensorflow
from kgp.errors import KgpError


def test_a_full_disk_is_one_sentence(tmp_path):
    with (
        pytest.raises(KgpError, match=r"cannot be written below .*: No space left on device\.$"),
        written_by_tensorflow(tmp_path),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, f"{tmp_path}/variables; No space left on device")


def test_another_backend_is_refused(monkeypatch):
    image = keras.Input((1,))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(KgpError, match=r"Keras runs on jax \(KERAS_BACKEND\)"):
        new_archive(keras.Model(image, image))
