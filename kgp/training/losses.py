"""Weighted cross-entropy on logits, as torch defines it, and class weights from the data."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from kgp.errors import KgpError


@keras.saving.register_keras_serializable(package="kgp")
class WeightedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of softmax(logits), averaged with a weight for each true class.

    The mean is sum(w_i * ce_i) / sum(w_i) over the batch, as
    `torch.nn.CrossEntropyLoss(weight=...)` has it; Keras's own class weights divide by the batch
    size instead.

    Args:
        class_weights: K positive numbers, one for each class.
    """

    def __init__(self, class_weights: Sequence[float], name: str = "weighted_cross_entropy", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.class_weights = [float(weight) for weight in class_weights]

    def call(self, y_true, y_pred):
        """Args: one-hot labels [B, K] and logits [B, K]. Returns one value a slice [B], whose mean
        is the loss.
        """
        logits = ops.cast(y_pred, "float32")
        log_probabilities = ops.log_softmax(logits, axis=-1)
        weights = ops.sum(y_true * ops.convert_to_tensor(self.class_weights, dtype="float32"), axis=-1)
        cross_entropy = -ops.sum(y_true * log_probabilities, axis=-1)
        return weights * cross_entropy / self.mean_weight(weights)

    def mean_weight(self, weights):
        """Args: weights [B] of the slices. Returns: their mean."""
        return ops.mean(weights)

    def get_config(self) -> dict:
        return {**super().get_config(), "class_weights": self.class_weights}


def class_weights(targets: Sequence[int], classes: int) -> list[float]:
    """Weight of each class: N / (K * N_k), so that rare classes count as much as common ones.

    Args:
        targets: class index of each training slice.
        classes: K.

    Raises:
        KgpError: a class has no training slice.
    """
    counts = np.bincount(np.asarray(targets, dtype=int), minlength=classes)
    if (counts == 0).any():
        raise KgpError(f"class {int(np.argmin(counts))} has no slice in the training part.")
    return [float(len(targets) / (classes * count)) for count in counts]
