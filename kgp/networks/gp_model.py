"""A GP network as a functional model, whose `compile` says how its two outputs take a loss."""

import functools
import warnings
from typing import Any

import keras


def gp_model(image: Any, outputs: dict[str, Any], name: str) -> keras.Model:
    """A plain functional `keras.Model`, so that it is saved, loaded and exported everywhere.

    Args:
        image: symbolic input [B, *spatial, C].
        outputs: {"logits", "heatmap"}, as `kgp.networks.gp_head.gp_head` gives them.
        name: of the model.
    """
    return with_named_loss(keras.Model(image, outputs, name=name))


def with_named_loss(network: keras.Model) -> keras.Model:
    """The same network, whose `compile` refuses a loss that does not name its output.

    Keras takes one and fails in `fit`, with words that name neither. The check belongs to this
    object, not to a class of its own, which a saved model would need to be loaded; a model that is
    loaded from a .keras file or cloned is checked by Keras alone.
    """
    keras_compile = network.compile

    @functools.wraps(keras_compile)
    def compile(optimizer: Any = "rmsprop", loss: Any = None, *rest: Any, **options: Any) -> None:
        if loss is not None and not (isinstance(loss, dict) and set(loss) <= set(network.output)):
            raise ValueError(
                f"{network.name} has the outputs {' and '.join(network.output)}, so its loss, of raw logits "
                f'(from_logits=True), is given by name, compile(optimizer, loss={{"logits": loss}}), not {_shown(loss)}; '
                'or compile keras.Model(network.input, network.output["logits"]), which has one output.'
            )
        if isinstance(loss, dict) and _takes_probabilities(loss.get("logits")):
            warnings.warn(
                f"The loss {_shown(loss['logits'])} takes probabilities where {network.name} puts out raw logits, and "
                "does not train it well; give one with from_logits=True.",
                stacklevel=2,
            )
        keras_compile(optimizer, loss, *rest, **options)

    network.compile = compile
    return network


def _takes_probabilities(loss: Any) -> bool:
    """Whether it is a cross-entropy of Keras's that was not told of logits."""
    function = keras.losses.get(loss) if isinstance(loss, str) else loss
    if getattr(function, "__module__", "").startswith("keras."):
        return "crossentropy" in _shown(function).replace("_", "").lower() and not getattr(
            function, "from_logits", False
        )
    return False


def check_outputs(network: Any, arch: str, input_shape: tuple[int, ...], classes: int) -> None:
    """Refuses what an architecture of one's own builds where it is no GP network.

    Args:
        network: what was built.
        arch: name of the architecture.
        input_shape: (H, W, C).
        classes: K.

    Raises:
        ValueError: the outputs logits [B, K] and heatmap [B, H, W, K], or the layers features and
            head are missing.
    """
    begin = f"The architecture {arch!r} must build a functional keras.Model with"
    outputs = getattr(network, "output", None) if isinstance(network, keras.Model) else None
    if not isinstance(outputs, dict):
        raise ValueError(f"{begin} a dict of outputs, as kgp.networks.gp_head.gp_head gives it, not {_kind(network)}.")
    for name, shape in {"logits": (classes,), "heatmap": (*input_shape[:-1], classes)}.items():
        built = tuple(outputs[name].shape[1:]) if name in outputs else None
        if built != shape:
            raise ValueError(f"{begin} the output {name} of shape {shape} for each slice, not {built}.")
    names = {layer.name for layer in network.layers}
    for name in ("features", "head"):
        if name not in names:
            raise ValueError(f"{begin} the layer {name}, which kgp.networks.gp_head.gp_head makes, but there is none.")


def _kind(network: Any) -> str:
    return f"one with {type(network.output).__name__}" if hasattr(network, "output") else type(network).__name__


def _shown(loss: Any) -> str:
    if isinstance(loss, str):
        return repr(loss)
    if isinstance(loss, dict):
        return f"a loss of {', '.join(map(repr, loss)) or 'nothing'}"
    return str(getattr(loss, "__name__", type(loss).__name__))
