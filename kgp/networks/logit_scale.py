"""A scale and an offset for pooled logits, so that the heatmap keeps a zero of its own."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kgp")
class LogitScale(keras.layers.Layer):
    """scale * logits + offset, with one scale of at least 0 and an offset for each class.

    Where every pixel of a heatmap is a logit of its own, as in the second stage of a training
    (`kgp.training.two_stages`), a small tumour has positive pixels and still a negative mean: what
    is pooled needs another zero than the map. The evidence stays exact: each contribution is
    multiplied by the scale, and the offset belongs to no position.
    """

    def build(self, input_shape: tuple) -> None:
        """Makes the scale [], 1 at first, and the offset [K], 0 at first."""
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones", constraint="non_neg")
        self.offset = self.add_weight(name="offset", shape=(input_shape[-1],), initializer="zeros")

    def call(self, logits):
        """Args: logits [B, K]. Returns: the same shape."""
        return ops.multiply(logits, self.scale) + self.offset

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return input_shape
