"""GP-ReconResNet (arXiv 2206.05148): a residual network at a quarter of the resolution under the
global-pooling head.
"""

import keras

from kgp.networks.gp_head import gp_head, torch_initialisers
from kgp.networks.gp_model import gp_model
from kgp.networks.layers import ReflectPad, Resize, ScalarPReLU, add_normalisation

LEVELS = 2
UPSAMPLINGS = ("sinc", "bilinear", "transposed")


def gp_reconresnet(
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    width: int = 64,
    depth: int = 14,
    dropout: float = 0.2,
    normalisation_layer: str = "default",
    upsampling: str = "sinc",
    pooling: str = "max",
    pooling_value: float = 0.0,
    head_order: str = "pool_then_project",
) -> keras.Model:
    """Builds GP-ReconResNet.

    Args:
        input_shape: (H, W, C); any H, W of at least 5.
        classes: K.
        width: filters at full resolution; each of the two levels doubles them.
        depth: residual blocks.
        dropout: probability of spatial dropout inside each residual block, in [0, 1).
        normalisation_layer: "instance" (as "default", the paper's; no weights), or "batch".
        upsampling: "sinc", "bilinear" or "transposed" (a 3x3 transposed convolution).
        pooling, pooling_value, head_order: see `kgp.networks.gp_head.gp_head`.

    Input shape:
        image [B, H, W, C], normalised intensities.

    Output shape:
        {"logits": [B, K], "heatmap": [B, H, W, K]}; `gp_head` defines how the logits follow from
        the heatmap.

    Raises:
        ValueError: the size is too small or an argument is out of range.

    Example:
        network = gp_reconresnet((240, 240, 4), classes=3)
        logits = network(images)["logits"]
    """
    if min(input_shape[:2]) < 5:
        raise ValueError(f"GP-ReconResNet takes slices of at least 5x5 pixels, not {input_shape[0]}x{input_shape[1]}.")
    if upsampling not in UPSAMPLINGS:
        raise ValueError(f"upsampling must be one of {', '.join(UPSAMPLINGS)}, not {upsampling!r}.")
    if normalisation_layer == "none":
        raise ValueError("GP-ReconResNet does not train without normalisation; take 'instance' or 'batch'.")
    layer = "instance" if normalisation_layer == "default" else normalisation_layer

    image = keras.Input(input_shape, name="image")
    x = _convolution(image, width, 7, "initial", layer)  # (B, H, W, f)
    sizes = []
    for level in range(LEVELS):
        sizes.append(x.shape[1:3])
        x = _down(x, width * 2 ** (level + 1), f"down{level + 1}", layer)  # (B, H/2, W/2, 2f)
    for number in range(depth):
        x = _residual_block(x, dropout, f"block{number + 1}", layer)
    for level in reversed(range(LEVELS)):
        x = _up(x, sizes[level], width * 2**level, upsampling, f"up{level + 1}", layer)
    outputs = gp_head(x, classes, pooling, pooling_value, head_order)
    return gp_model(image, outputs, "gp_reconresnet")


def _reflected(x, filters: int, kernel: int, name: str):
    """Convolution with mirrored borders."""
    initialisers = torch_initialisers(kernel**2 * x.shape[-1])
    x = ReflectPad(kernel // 2, name=f"{name}_pad")(x)
    return keras.layers.Conv2D(filters, kernel, name=f"{name}_conv", **initialisers)(x)


def _convolution(x, filters: int, kernel: int, name: str, layer: str):
    x = add_normalisation(_reflected(x, filters, kernel, name), layer, f"{name}_norm", affine=False)
    return ScalarPReLU(name=f"{name}_prelu")(x)


def _down(x, filters: int, name: str, layer: str):
    """Stride-2 convolution with one zero on every side; Keras's "same" would pad even sizes at one
    side only.
    """
    initialisers = torch_initialisers(9 * x.shape[-1])
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = keras.layers.Conv2D(filters, 3, strides=2, name=f"{name}_conv", **initialisers)(x)
    return ScalarPReLU(name=f"{name}_prelu")(add_normalisation(x, layer, f"{name}_norm", affine=False))


def _residual_block(x, dropout: float, name: str, layer: str):
    y = _convolution(x, x.shape[-1], 3, f"{name}_1", layer)
    y = keras.layers.SpatialDropout2D(dropout, name=f"{name}_dropout")(y)
    y = add_normalisation(_reflected(y, x.shape[-1], 3, f"{name}_2"), layer, f"{name}_2_norm", affine=False)
    return keras.layers.Add(name=f"{name}_add")([x, y])


def _up(x, size: tuple[int, int], filters: int, upsampling: str, name: str, layer: str):
    """To the size that the level had on the way down, and to half the filters."""
    if upsampling != "transposed":
        x = Resize(size, upsampling, name=f"{name}_resize")(x)
        return _convolution(x, filters, 3, name, layer)
    x = keras.layers.Conv2DTranspose(
        filters, 3, strides=2, padding="same", name=f"{name}_conv", **torch_initialisers(9 * filters)
    )(x)
    if x.shape[1:3] != size:
        x = keras.layers.Cropping2D(((0, x.shape[1] - size[0]), (0, x.shape[2] - size[1])), name=f"{name}_crop")(x)
    return ScalarPReLU(name=f"{name}_prelu")(add_normalisation(x, layer, f"{name}_norm", affine=False))
