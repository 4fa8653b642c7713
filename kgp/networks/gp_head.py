"""The head that ties the decision to the heatmap (arXiv 2206.05148): one 1x1 convolution gives
both.
"""

import keras

from kgp.networks.layers import GlobalPooling

HEAD_ORDERS = ("pool_then_project", "project_then_pool")


def gp_head(
    features, classes: int, pooling: str = "max", pooling_value: float = 0.0, head_order: str = "pool_then_project"
) -> dict:
    """Logits and heatmap from the last feature map F.

    With W, b the weights of the 1x1 convolution "head", the heatmap is W F + b in both orders; the
    logits are W pool(F) + b for "pool_then_project" (the paper), and pool(heatmap) for
    "project_then_pool", where the peak of the map is the decision itself.

    Args:
        features: symbolic tensor [B, *spatial, F].
        classes: K.
        pooling, pooling_value: see `GlobalPooling`.
        head_order: one of HEAD_ORDERS.

    Returns:
        {"logits": [B, K], "heatmap": [B, *spatial, K]}, both float32 without activation.

    Raises:
        ValueError: an argument is unknown or out of range.
    """
    if head_order not in HEAD_ORDERS:
        raise ValueError(f"head_order must be one of {', '.join(HEAD_ORDERS)}, not {head_order!r}.")
    if classes < 1:
        raise ValueError(f"classes must be at least 1, not {classes}.")
    features = keras.layers.Activation("linear", dtype="float32", name="features")(features)
    rank = len(features.shape) - 2
    convolution = keras.layers.Conv2D if rank == 2 else keras.layers.Conv3D
    project = convolution(classes, 1, dtype="float32", name="head", **torch_initialisers(features.shape[-1]))
    pool = GlobalPooling(pooling, pooling_value, dtype="float32", name="pool")
    heatmap = project(features)
    pooled = project(pool(features)) if head_order == "pool_then_project" else pool(heatmap)
    logits = keras.layers.Reshape((classes,), dtype="float32", name="logits")(pooled)
    return {"logits": logits, "heatmap": heatmap}


def torch_initialisers(fan_in: int) -> dict:
    """torch's default for convolutions: weights and bias uniform within 1 / sqrt(fan_in)."""
    limit = fan_in**-0.5
    return {
        "kernel_initializer": keras.initializers.RandomUniform(-limit, limit),
        "bias_initializer": keras.initializers.RandomUniform(-limit, limit),
    }
