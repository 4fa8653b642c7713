"""A backbone of one's own: any map of features becomes a GP network."""

import keras

import kgp
from kgp.networks.gp_head import gp_head


def plain_network(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    width: int = 16,
    depth: int = 3,
    pooling: str = "max",
    pooling_value: float = 0.0,
    head_order: str = "pool_then_project",
    **unused: object,
) -> keras.Model:
    """Convolutions, and the head that ties the decision to the heatmap."""
    image = keras.Input(input_shape, name="image")
    x = image
    for level in range(depth):
        x = keras.layers.Conv2D(width, 3, padding="same", name=f"conv{level + 1}")(x)
        x = keras.layers.ReLU(name=f"relu{level + 1}")(x)
    outputs = gp_head(
        x,
        classes,
        pooling=pooling,
        pooling_value=pooling_value,
        head_order=head_order,
    )
    return keras.Model(image, outputs, name="plain")


kgp.register_architecture("plain", plain_network, title="Plain network")


def train(data: str, out: str, **options: object) -> kgp.TrainedNetwork:
    """Trains it; whoever loads the run later imports this file first."""
    return kgp.train(arch="plain", data=data, out=out, **options)
