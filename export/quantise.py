"""LiteRT files in fewer bits, with ai-edge-quantizer; layers that cost too much stay in 32 bits.

Only convolutions are quantised: they hold the weights and take the time. Normalisation,
resampling, pooling and the head stay in 32 bits, so files take and give the same float32 tensors in
every precision.
"""

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

_log = logging.getLogger(__name__)
_PROBED = 4  # slices on which the cost of a layer is measured


def activation_ranges(model: bytes, layers: Sequence[str], slices: Sequence[np.ndarray]) -> dict[str, Any]:
    """The ranges of the inputs and outputs of the named layers' convolutions, for "int8".

    Args:
        model: the content of a float32 .tflite file.
        layers: names of convolutional layers; the ranges serve any choice of them.
        slices: raw intensities [1, H, W, C] each.
    """
    data = [{"images": image} for image in slices]
    with _quiet():
        ranges: dict[str, Any] = _recipe(model, "int8", layers).calibrate({"serving_default": data, "explain": data})
    return ranges


def quantised(model: bytes, precision: str, layers: Sequence[str], ranges: dict[str, Any] | None = None) -> bytes:
    """A float32 file with the convolutions of the named layers in fewer bits.

    Args:
        model: the content of a float32 .tflite file.
        precision: "float16" or "dynamic" (weights), or "int8" (weights and activations).
        layers: names of convolutional layers.
        ranges: of `activation_ranges`, for "int8".
    """
    if not layers:
        return model
    with _quiet():
        return bytes(_recipe(model, precision, layers).quantize(ranges).quantized_model)


def _recipe(model: bytes, precision: str, layers: Sequence[str]) -> Any:
    """A quantizer with a rule for each named layer; all others stay in 32 bits."""
    from ai_edge_quantizer import qtyping, quantizer

    operation = qtyping.TFLOperationName.CONV_2D
    recipe = quantizer.Quantizer(bytearray(model))
    for layer in layers:
        pattern = rf"/{re.escape(layer)}(_\d+)?/"
        if precision == "float16":
            half = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
            config = qtyping.OpQuantizationConfig(
                weight_tensor_config=half, compute_precision=qtyping.ComputePrecision.FLOAT, explicit_dequantize=True
            )
            recipe.update_quantization_recipe(pattern, operation, config, algorithm_key="float_casting")
        elif precision == "dynamic":
            recipe.add_dynamic_config(pattern, operation, 8)
        else:
            recipe.add_static_config(pattern, operation, activation_num_bits=8, weight_num_bits=8)
    return recipe


def layers_to_quantise(
    layers: Sequence[str],
    convert: Callable[[Sequence[str]], bytes],
    predict: Callable[[bytes, int], np.ndarray],
    is_within_bounds: Callable[[bytes], bool],
) -> tuple[str, ...]:
    """The layers that can go to fewer bits: all, or all but the costliest.

    The cost of a layer is how far the heatmap moves when it alone is quantised. The costliest 1, 2,
    4, ... layers are left in 32 bits until the file is within the bounds.

    Args:
        layers: names of convolutional layers.
        convert: makes a file with the given layers quantised.
        predict: heatmaps of a file for the first n slices.
        is_within_bounds: whether a file answers closely enough to the run.

    Returns:
        The layers, in order; none where no choice of them is within the bounds.
    """
    if is_within_bounds(convert(layers)):
        return tuple(layers)
    _log.info("Quantising all %d convolutions moves the answers too far; measuring each.", len(layers))
    reference = predict(convert(()), _PROBED)
    costs = {}
    for layer in layers:
        costs[layer] = float(np.abs(predict(convert((layer,)), _PROBED) - reference).mean())
    order = sorted(layers, key=lambda layer: costs[layer])
    count = 1
    while count < len(layers):
        costliest = order[-count:]
        _log.info("Leaving %s in 32 bits.", ", ".join(reversed(costliest)))
        chosen = tuple(layer for layer in layers if layer not in costliest)
        if is_within_bounds(convert(chosen)):
            return chosen
        count *= 2
    return ()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides the quantizer's progress bars and messages."""
    with open(os.devnull, "w", encoding="utf-8") as null:
        logging.disable(logging.WARNING)
        try:
            with contextlib.redirect_stdout(null), contextlib.redirect_stderr(null):
                yield
        finally:
            logging.disable(logging.NOTSET)
