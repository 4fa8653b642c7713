"""The loss of a heatmap whose every pixel has a label, for the second stage of a training."""

import keras
from keras import ops

# Most pixels are plainly healthy and say little, so the mean over all is raised to the size of the
# other terms.
_CROSS_ENTROPY = 5.0


@keras.saving.register_keras_serializable(package="kgp")
class PixelLoss(keras.losses.Loss):
    """Weighted cross-entropy of each pixel's softmax, plus the soft Dice of "some tumour" in slices
    that have one (Milletari et al., V-Net, arXiv 1606.04797).

    Both are means of single slices, so that a batch can be shared out among devices.

    Args:
        no_tumour_class: index of the class that means "no tumour".
    """

    def __init__(self, no_tumour_class: int, name: str = "pixel_loss", **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        self.no_tumour_class = no_tumour_class

    def call(self, y_true, y_pred):
        """Args: class index and weight of each pixel [B, H, W, 2], and a heatmap [B, H, W, K].
        Returns one value a slice [B].
        """
        labels, weights = ops.cast(y_true[..., 0], "int32"), y_true[..., 1]
        log_probabilities = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        chosen = ops.one_hot(labels, y_pred.shape[-1], dtype="float32")
        cross_entropy = -ops.mean(weights * ops.sum(chosen * log_probabilities, axis=-1), axis=(1, 2))

        used = ops.cast(weights > 0, "float32")
        tumour = used * ops.cast(labels != self.no_tumour_class, "float32")
        probability = used * (1.0 - ops.exp(log_probabilities[..., self.no_tumour_class]))
        common = ops.sum(probability * tumour, axis=(1, 2))
        total = ops.sum(probability + tumour, axis=(1, 2))
        dice = (2.0 * common + 1.0) / (total + 1.0)
        with_tumour = ops.max(weights * tumour, axis=(1, 2))  # the slice's weight, 0 without a tumour
        return _CROSS_ENTROPY * cross_entropy + with_tumour * (1.0 - dice)

    def get_config(self) -> dict:
        return {**super().get_config(), "no_tumour_class": self.no_tumour_class}
