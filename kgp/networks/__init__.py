"""GP-UNet, GP-ShuffleUNet and GP-ReconResNet as Keras functional models with the outputs logits and
heatmap.
"""

from typing import Any

import keras

from kgp.architectures import ARCHITECTURES
from kgp.networks.gp_model import check_outputs, gp_model, with_named_loss
from kgp.networks.gp_reconresnet import gp_reconresnet
from kgp.networks.gp_shuffleunet import gp_shuffleunet
from kgp.networks.gp_unet import gp_unet
from kgp.networks.layers import NORMALISATION_LAYERS
from kgp.networks.logit_scale import LogitScale

__all__ = ["build_network", "gp_reconresnet", "gp_shuffleunet", "gp_unet"]


def build_network(
    arch: str,
    input_shape: tuple[int, int, int],
    classes: int,
    *,
    width: int = 64,
    depth: int = 0,
    dropout: float = 0.5,
    normalisation_layer: str = "default",
    upsampling: str = "sinc",
    logit_scale: bool = False,
    **head: Any,
) -> keras.Model:
    """Builds a network by the name of its architecture.

    Args:
        arch: "unet", "shuffleunet", "reconresnet" or the name of a registered one
            (`kgp.architectures`).
        input_shape: (H, W, C).
        classes: K.
        width, depth, dropout: see the builders; depth 0 is the paper's.
        normalisation_layer: "default" (the paper's), "none", "batch" or "instance".
        upsampling: "sinc", "bilinear" or "transposed"; GP-ShuffleUNet always shuffles pixels and
            takes "sinc" only.
        logit_scale: put the logits through `kgp.networks.logit_scale.LogitScale`, whose layer is called
            logit_scale.
        **head: pooling, pooling_value, head_order; see `kgp.networks.gp_head.gp_head`.

    Raises:
        ValueError: an argument is unknown, out of range, or does not go with the architecture, or a
            registered architecture builds no GP network.
    """
    if arch not in ARCHITECTURES:
        raise ValueError(f"arch must be one of {', '.join(ARCHITECTURES)}, not {arch!r}.")
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout is a probability in [0, 1), not {dropout}.")
    if normalisation_layer not in NORMALISATION_LAYERS:
        raise ValueError(
            f"normalisation_layer must be one of {', '.join(NORMALISATION_LAYERS)}, not {normalisation_layer!r}."
        )
    network = ARCHITECTURES[arch].builder()(
        input_shape,
        classes,
        width=width,
        depth=depth or ARCHITECTURES[arch].depth,
        dropout=dropout,
        normalisation_layer=normalisation_layer,
        upsampling=upsampling,
        **head,
    )
    if ARCHITECTURES[arch].own:
        check_outputs(network, arch, input_shape, classes)
    if not logit_scale:
        return with_named_loss(network) if ARCHITECTURES[arch].own else network
    logits = LogitScale(dtype="float32", name="logit_scale")(network.output["logits"])
    return gp_model(network.input, {**network.output, "logits": logits}, network.name)
