"""GP-ShuffleUNet (arXiv 2206.05148): a U-Net of parallel convolutions and pixel shuffles under the
global-pooling head.
"""

import keras

from kgp.networks.gp_head import gp_head
from kgp.networks.gp_model import gp_model
from kgp.networks.layers import PixelShuffle, PixelUnshuffle, add_normalisation

BRANCHES = 4


def gp_shuffleunet(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    width: int = 64,
    depth: int = 3,
    dropout: float = 0.5,
    normalisation_layer: str = "default",
    pooling: str = "max",
    pooling_value: float = 0.0,
    head_order: str = "pool_then_project",
    upsampling: str = "sinc",
) -> keras.Model:
    """Builds GP-ShuffleUNet.

    Args:
        input_shape: (H, W, C); H and W divisible by 2^depth.
        classes: K.
        width: filters of the first level; each level doubles them.
        depth: levels below the first.
        dropout: probability of spatial dropout at the lowest level, in [0, 1).
        normalisation_layer: "default" (the paper's: batch normalisation after each unshuffle),
            "none", or "batch" or "instance" after every convolution.
        pooling, pooling_value, head_order: see `kgp.networks.gp_head.gp_head`.
        upsampling: "sinc", the default of the other networks, alone: this one shuffles pixels.

    Input shape:
        image [B, H, W, C], normalised intensities.

    Output shape:
        {"logits": [B, K], "heatmap": [B, H, W, K]}; `gp_head` defines how the logits follow from
        the heatmap.

    Raises:
        ValueError: the size is not divisible or an argument is out of range.

    Example:
        network = gp_shuffleunet((240, 240, 4), classes=3)
        logits = network(images)["logits"]
    """
    if upsampling != "sinc":
        raise ValueError(
            f"GP-ShuffleUNet up-samples by shuffling pixels, so upsampling {upsampling!r} does not "
            "go with it; leave it at its default."
        )
    step = 2**depth
    height, width_pixels, _ = input_shape
    if height % step or width_pixels % step:
        raise ValueError(
            f"GP-ShuffleUNet with {depth} levels takes sizes divisible by {step}, not {height}x{width_pixels}; "
            f"the next that works is {-(-height // step) * step}x{-(-width_pixels // step) * step}."
        )

    after_unshuffle = "batch" if normalisation_layer == "default" else normalisation_layer
    everywhere = "none" if normalisation_layer == "default" else normalisation_layer
    image = keras.Input(input_shape, name="image")
    x = _double(image, width, everywhere, "input")  # (B, H, W, f)
    skips = []
    for level in range(depth):
        prefix = f"enc{level + 1}"
        filters = width * 2**level
        branches = _branches(x, filters, everywhere, f"{prefix}_branch")
        skips.append((x, branches))
        x = _convolution(branches[-1], filters, f"{prefix}_unshuffle", activation=False)
        x = PixelUnshuffle(name=f"{prefix}_unshuffle")(x)  # (B, H/2, W/2, 4f)
        for number in (1, 2):
            x = _convolution(x, filters, f"{prefix}_down{number}", layer=after_unshuffle)
        x = _double(x, 2 * filters, everywhere, prefix)  # (B, H/2, W/2, 2f)
    x = keras.layers.SpatialDropout2D(dropout, name="dropout")(x)
    for level in reversed(range(depth)):
        prefix = f"dec{level + 1}"
        filters = width * 2**level
        skip, branches = skips[level]
        x = _convolution(x, 4 * filters, f"{prefix}_shuffle", activation=False)
        x = PixelShuffle(name=f"{prefix}_shuffle")(x)  # (B, 2H, 2W, f)
        added = [
            keras.layers.Add(name=f"{prefix}_add{number}")(pair)
            for number, pair in enumerate(
                zip(_branches(x, filters, everywhere, f"{prefix}_branch"), branches, strict=True), start=1
            )
        ]
        x = keras.layers.Concatenate(name=f"{prefix}_concat")([skip, *added])
        x = _double(x, filters, everywhere, prefix)
    outputs = gp_head(x, classes, pooling, pooling_value, head_order)
    return gp_model(image, outputs, "gp_shuffleunet")


def _convolution(x, filters: int, name: str, layer: str = "none", activation: bool = True):
    """3x3 convolution, normalisation and ReLU where asked."""
    initialiser = keras.initializers.HeNormal()
    x = keras.layers.Conv2D(filters, 3, padding="same", kernel_initializer=initialiser, name=f"{name}_conv")(x)
    x = add_normalisation(x, layer, f"{name}_norm")
    return keras.layers.ReLU(name=f"{name}_relu")(x) if activation else x


def _double(x, filters: int, layer: str, name: str):
    for number in (1, 2):
        x = _convolution(x, filters, f"{name}_{number}", layer)
    return x


def _branches(x, filters: int, layer: str, name: str) -> list:
    """Four convolutions of the same input, side by side."""
    return [_convolution(x, filters, f"{name}{number}", layer) for number in range(1, BRANCHES + 1)]
