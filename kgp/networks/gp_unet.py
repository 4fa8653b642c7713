"""GP-UNet (arXiv 2206.05148): a U-Net with average pooling and Fourier up-sampling under the
global-pooling head.
"""

import keras

from kgp.networks.gp_head import gp_head, torch_initialisers
from kgp.networks.gp_model import gp_model
from kgp.networks.layers import Resize, add_normalisation

UPSAMPLINGS = ("sinc", "bilinear", "transposed")


def gp_unet(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    width: int = 64,
    depth: int = 3,
    dropout: float = 0.5,
    normalisation_layer: str = "default",
    upsampling: str = "sinc",
    pooling: str = "max",
    pooling_value: float = 0.0,
    head_order: str = "pool_then_project",
) -> keras.Model:
    """Builds GP-UNet.

    Args:
        input_shape: (H, W, C); any H, W of at least 2^(depth - 1).
        classes: K.
        width: filters of the first level; each level doubles them.
        depth: levels.
        dropout: probability of spatial dropout after the lowest level, in [0, 1).
        normalisation_layer: after each 3x3 convolution: "none" (as "default", the paper's), "batch"
            or "instance".
        upsampling: "sinc", "bilinear" or "transposed" (a 2x2 transposed convolution).
        pooling, pooling_value, head_order: see `kgp.networks.gp_head.gp_head`.

    Input shape:
        image [B, H, W, C], normalised intensities.

    Output shape:
        {"logits": [B, K], "heatmap": [B, H, W, K]}; `gp_head` defines how the logits follow from
        the heatmap.

    Raises:
        ValueError: the size is too small or an argument is out of range.

    Example:
        network = gp_unet((240, 240, 4), classes=3)
        logits = network(images)["logits"]
    """
    height, width_pixels, _ = input_shape
    smallest = 2 ** (depth - 1)
    if min(height, width_pixels) < smallest:
        raise ValueError(
            f"GP-UNet with {depth} levels takes slices of at least {smallest}x{smallest} pixels, "
            f"not {height}x{width_pixels}."
        )
    if upsampling not in UPSAMPLINGS:
        raise ValueError(f"upsampling must be one of {', '.join(UPSAMPLINGS)}, not {upsampling!r}.")

    image = keras.Input(input_shape, name="image")
    skips = []
    x = image
    for level in range(depth):
        x = _block(x, width * 2**level, normalisation_layer, f"enc{level + 1}")  # (B, H/2^level, W/2^level, f)
        if level < depth - 1:
            skips.append(x)
            x = keras.layers.AveragePooling2D(2, name=f"enc{level + 1}_pool")(x)
    x = keras.layers.SpatialDropout2D(dropout, name="dropout")(x)
    for level in reversed(range(depth - 1)):
        x = _up(x, skips[level], upsampling, f"dec{level + 1}")  # (B, H/2^level, W/2^level, f)
        x = keras.layers.Concatenate(name=f"dec{level + 1}_concat")([x, skips[level]])
        x = _block(x, width * 2**level, normalisation_layer, f"dec{level + 1}")
    outputs = gp_head(x, classes, pooling, pooling_value, head_order)
    return gp_model(image, outputs, "gp_unet")


def _block(x, filters: int, normalisation_layer: str, name: str):
    """Twice: 3x3 convolution, normalisation where asked, ReLU."""
    for number in (1, 2):
        prefix = f"{name}_conv{number}"
        initialisers = torch_initialisers(9 * x.shape[-1])
        x = keras.layers.Conv2D(filters, 3, padding="same", name=prefix, **initialisers)(x)
        x = add_normalisation(x, normalisation_layer, f"{prefix}_norm")
        x = keras.layers.ReLU(name=f"{prefix}_relu")(x)
    return x


def _up(x, skip, upsampling: str, name: str):
    """Doubles the size at the skip's width, and fits it to the skip's size where that is odd."""
    _, height, width, channels = x.shape
    filters = skip.shape[-1]
    if upsampling == "transposed":
        x = keras.layers.Conv2DTranspose(filters, 2, strides=2, name=f"{name}_up", **torch_initialisers(4 * filters))(x)
    else:
        # The 1x1 convolution commutes with the resampling; before it, it has a quarter of the
        # pixels to work on.
        x = keras.layers.Conv2D(filters, 1, name=f"{name}_up", **torch_initialisers(channels))(x)
        x = Resize((2 * height, 2 * width), upsampling, name=f"{name}_resize")(x)
    if x.shape[1:3] != skip.shape[1:3]:
        x = Resize(skip.shape[1:3], "bilinear", name=f"{name}_fit")(x)
    return x
