"""An optimiser of one's own: any Keras optimiser, made for the length of the training."""

import keras

import kgp


def lion(batches: int) -> keras.optimizers.Optimizer:
    """Lion with a warm-up over the first tenth of the training's batches."""
    warm_up = max(batches // 10, 1)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=max(batches - warm_up, 1),
        warmup_target=3e-4,
        warmup_steps=warm_up,
    )
    return keras.optimizers.Lion(learning_rate=rate, weight_decay=0.01)


def train(data: str, out: str, **options: object) -> kgp.TrainedNetwork:
    """Trains with it."""
    return kgp.train(data=data, out=out, optimiser=lion, **options)
