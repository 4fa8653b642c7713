"""The optimisers of the presets."""

import keras

from kgp.training.config import OptimiserConfig


@keras.saving.register_keras_serializable(package="kgp")
class AdamL2(keras.optimizers.Adam):
    """Adam with the L2 term added to the gradient, as torch's `Adam(weight_decay=...)` does it.

    Keras's own `weight_decay` is decoupled (AdamW). The term is added after clipping and after gradient
    accumulation, to every trainable variable.

    Args:
        l2: factor of the weight that is added to its gradient.
    """

    def __init__(self, learning_rate=1e-3, l2: float = 0.0, **kwargs) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.l2 = l2

    def update_step(self, gradient, variable, learning_rate):
        """One update of one variable, called by Keras."""
        super().update_step(gradient + self.l2 * variable, variable, learning_rate)

    def get_config(self) -> dict:
        """The arguments."""
        return {**super().get_config(), "l2": self.l2}


def build_optimiser(config: OptimiserConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimiser of a configuration.

    Args:
        config: see `OptimiserConfig`.
        steps: batches in the whole training; the cosine schedule reaches zero there.
    """
    rate = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, decay_steps=max(steps, 1))
    common = {
        "learning_rate": rate,
        "clipvalue": config.clip_value or None,
        "gradient_accumulation_steps": config.accumulation if config.accumulation > 1 else None,
    }
    if config.optimiser == "adamw":
        return keras.optimizers.AdamW(weight_decay=config.weight_decay, **common)
    return AdamL2(l2=config.weight_decay, epsilon=1e-8, **common)
