"""The training model: the network, and where asked the term that makes its heatmap turn with the picture."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kgp")
class QuarterTurn(keras.layers.Layer):
    """Turns a batch of square pictures [B, N, N, C] by `turns` times 90 degrees, counter-clockwise."""

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
        """The arguments."""
        return {**super().get_config(), "turns": self.turns}


@keras.saving.register_keras_serializable(package="kgp")
class HeatmapDifference(keras.layers.Layer):
    """Adds `weight` times the mean squared difference of two heatmaps to the loss and passes the logits on."""

    def __init__(self, weight: float, **kwargs) -> None:
        super().__init__(**kwargs)
        self.weight = weight

    def call(self, inputs):
        """Args: logits [B, K] and two heatmaps [B, N, N, K]. Returns: the logits."""
        logits, first, second = inputs
        self.add_loss(self.weight * ops.mean(ops.square(first - second)))
        return logits

    def compute_output_shape(self, input_shape: list) -> tuple:
        """The shape of the logits."""
        return input_shape[0]

    def get_config(self) -> dict:
        """The arguments."""
        return {**super().get_config(), "weight": self.weight}


def training_model(network: keras.Model, equivariance: float) -> keras.Model:
    """The model that is fitted; its only trained weights are those of `network`.

    Args:
        network: a GP network with the outputs `logits` and `heatmap`.
        equivariance: weight of the term. With 0 the model is image -> {"logits"}. Otherwise the batch is seen a second
            time turned by 90 degrees: outputs {"logits", "logits_turned"}, both to be classified, and the loss gains
            equivariance * mean((heatmap of the turned batch, turned back - heatmap)^2).

    Raises:
        ValueError: equivariance is asked for pictures that are not square.
    """
    image = network.input
    outputs = network.output
    if not equivariance:
        return keras.Model(image, {"logits": outputs["logits"]}, name="training")
    if image.shape[1] != image.shape[2]:
        raise ValueError(
            f"--equivariance needs square slices, not {image.shape[1]}x{image.shape[2]}; give --size or set it to 0."
        )
    turned = network(QuarterTurn(1, name="turn")(image))
    back = QuarterTurn(-1, dtype="float32", name="turn_back")(turned["heatmap"])
    logits = HeatmapDifference(equivariance, dtype="float32", name="heatmap_difference")(
        [outputs["logits"], outputs["heatmap"], back]
    )
    return keras.Model(image, {"logits": logits, "logits_turned": turned["logits"]}, name="training")
