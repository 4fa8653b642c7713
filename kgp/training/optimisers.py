"""The optimisers of the presets."""

import keras
from keras import ops

from kgp.config import OptimiserConfig


@keras.saving.register_keras_serializable(package="kgp")
class AdamL2(keras.optimizers.Adam):
    """Adam with the L2 term added to the gradient, as torch's `Adam(weight_decay=...)` does it.

    Keras's own `weight_decay` is decoupled (AdamW). The term is added after clipping and after
    gradient accumulation, to every trainable variable.

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
        return {**super().get_config(), "l2": self.l2}


class EveryNth(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule over batches for an optimiser that counts updates of `every` batches each."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, every: int) -> None:
        self.schedule = schedule
        self.every = every

    def __call__(self, step):
        """The learning rate of the update number `step`, which is that of its last batch."""
        return self.schedule(ops.cast(step, "float32") * self.every + self.every - 1)

    def get_config(self) -> dict:
        return {"schedule": self.schedule, "every": self.every}


def build_optimiser(config: OptimiserConfig, steps: int, accumulated: bool = False) -> keras.optimizers.Optimizer:
    """The optimiser of a configuration.

    Args:
        config: see `OptimiserConfig`.
        steps: batches in the whole training; the cosine schedule reaches zero there.
        accumulated: gradients come as means over `accumulation` batches already, one for each
            update.
    """
    rate = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(config.learning_rate, decay_steps=max(steps, 1))
        if accumulated:
            rate = EveryNth(rate, config.accumulation)
    common = {
        "learning_rate": rate,
        "clipvalue": config.clip_value or None,
        "gradient_accumulation_steps": None if accumulated or config.accumulation == 1 else config.accumulation,
    }
    if config.optimiser == "adamw":
        return keras.optimizers.AdamW(weight_decay=config.weight_decay, **common)
    return AdamL2(l2=config.weight_decay, epsilon=1e-8, **common)
