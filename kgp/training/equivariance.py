"""The training model: the network, and where asked the term that makes its heatmap turn with the
picture.
"""

import keras
from keras import ops

from kgp.errors import UsageError

DIFFERENCE = "heatmap_difference"
PIXELS = "heatmap"


@keras.saving.register_keras_serializable(package="kgp")
class QuarterTurn(keras.layers.Layer):
    """Turns square pictures [B, N, N, C] by `turns` times 90 degrees, counter-clockwise."""

    def __init__(self, turns: int = 1, **kwargs) -> None:
        super().__init__(**kwargs)
        self.turns = turns

    def call(self, images):
        """The turned batch."""
        return ops.rot90(images, k=self.turns, axes=(1, 2))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "turns": self.turns}


@keras.saving.register_keras_serializable(package="kgp")
class HeatmapDifference(keras.layers.Layer):
    """`weight` times the mean squared difference of two heatmaps, for each slice."""

    def __init__(self, weight: float, **kwargs) -> None:
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, inputs):
        """Args: two heatmaps [B, N, N, K]. Returns: [B]."""
        first, second = inputs
        return self.weight * ops.mean(ops.square(first - second), axis=(1, 2, 3))

    def compute_output_shape(self, input_shape: list) -> tuple:
        """One number a slice."""
        return input_shape[0][:1]

    def get_config(self) -> dict:
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package="kgp")
class OutputAsLoss(keras.losses.Loss):
    """The loss is what the model puts out; the labels are not looked at."""

    def call(self, y_true, y_pred):
        """Args: anything, and one loss a slice [B]. Returns: the latter."""
        return y_pred


def training_model(
    network: keras.Model, equivariance: float, kind: type[keras.Model] = keras.Model, *, with_pixels: bool = False
) -> keras.Model:
    """The model that is fitted; its only trained weights are those of `network`.

    Args:
        network: a GP network with the outputs `logits` and `heatmap`.
        equivariance: weight of the term. With 0 the model is image -> {"logits"}. Otherwise the
            batch is seen a second time turned by 90 degrees: outputs {"logits", "logits_turned"},
            both to be classified, and "heatmap_difference", a loss: equivariance * mean((heatmap of
            the turned batch, turned back - heatmap)^2) of each slice.
        kind: class of the model.
        with_pixels: every pixel of the heatmap is classified too: outputs {"logits", "heatmap"},
            and no such term.

    Raises:
        UsageError: equivariance is asked for pictures that are not square.
    """
    image = network.input
    outputs = network.output
    if with_pixels:
        return kind(image, {name: outputs[name] for name in ("logits", PIXELS)}, name="training")
    if not equivariance:
        return kind(image, {"logits": outputs["logits"]}, name="training")
    if image.shape[1] != image.shape[2]:
        raise UsageError(
            f"--equivariance needs square slices, not {image.shape[1]}x{image.shape[2]}; give --size or set it to 0."
        )
    turned = network(QuarterTurn(1, name="turn")(image))
    back = QuarterTurn(-1, dtype="float32", name="turn_back")(turned["heatmap"])
    difference = HeatmapDifference(equivariance, dtype="float32", name=DIFFERENCE)([outputs["heatmap"], back])
    answers = {"logits": outputs["logits"], "logits_turned": turned["logits"], DIFFERENCE: difference}
    return kind(image, answers, name="training")


def training_losses(
    model: keras.Model, cross_entropy: keras.losses.Loss, pixel_loss: keras.losses.Loss | None = None
) -> dict[str, keras.losses.Loss]:
    """The loss of each output of a training model, whose sum is fitted."""
    others = {DIFFERENCE: OutputAsLoss(), PIXELS: pixel_loss}
    return {name: others.get(name, cross_entropy) for name in model.output}
