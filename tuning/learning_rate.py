"""Learning-rate range test (Smith, arXiv 1506.01186): one short training whose rate grows from step
to step.
"""

import dataclasses
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure

from kgp.config import RunConfig
from kgp.data.parts import parts_of
from kgp.data.pipeline import steps_per_epoch
from kgp.errors import KgpError
from kgp.files import write_table, write_text
from kgp.report.plots import drawing_style, svg
from kgp.run_folder import build_network
from kgp.training.devices import set_precision
from kgp.training.job import fitted, split_of
from kgp.training.loop import compiled_model, loss_weights, training_batches
from kgp.training.two_stages import stages_of

_LOW, _HIGH = 1e-6, 1.0
_STEPS = 100
_SMOOTHING = 0.9
_SAFETY = 10.0
_EXPLODED = 4.0  # times the lowest smoothed loss


@dataclasses.dataclass(frozen=True)
class RangeTest:
    """Loss by learning rate.

    Attributes:
        rates: learning rate of each step, ascending.
        losses: training loss of each step.
        smoothed: the losses' exponential mean.
        suggestion: a tenth of the rate at which the smoothed loss is lowest.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float


def find_learning_rate(config: RunConfig, source: dict[str, Any]) -> RangeTest:
    """Trains for up to 100 steps from 1e-6 to 1, and stops when the loss explodes.

    Args:
        config: the configuration; its learning rate, schedule and accumulation do not count. Of a
            training in two stages the first is tried.
        source: as `kgp.training.options.source_of` gives it.

    Raises:
        KgpError: the loss never falls.
    """
    config, labelled = stages_of(*fitted(config, source), source)[0]
    parts = parts_of(labelled, split_of(config, labelled))
    steps = steps_per_epoch(len(parts["train"].rows), config.optimiser.batch_size)
    config = config.override(schedule="constant", accumulation=1, epochs=math.ceil(_STEPS / steps))
    keras.utils.set_random_seed(config.optimiser.seed)
    set_precision(config.optimiser.mixed_precision)
    try:
        network = build_network(config, labelled.cohort.shape, len(labelled.class_names))
        weights = loss_weights(config, parts["train"].targets, len(labelled.class_names))
        model = compiled_model(network, config, weights, steps)
        model.optimizer.learning_rate = _GrowingRate()
        recorder = _LossRecorder()
        batches = training_batches(config, labelled, parts["train"], list(model.output))
        model.fit(batches, steps_per_epoch=_STEPS, shuffle=False, verbose=0, callbacks=[recorder])
    finally:
        set_precision(mixed=False)
    losses = np.array(recorder.losses)
    return suggest_rate(np.array([_rate(step) for step in range(len(losses))]), losses)


def suggest_rate(rates: np.ndarray, losses: np.ndarray) -> RangeTest:
    """Smooths the losses and takes a tenth of the rate at their lowest point, where the training is
    about to break.

    Raises:
        KgpError: they never fall, or there is none as the first was not a number.
    """
    smoothed = _smoothed(losses)
    lowest = int(np.argmin(smoothed)) if len(losses) else 0
    if lowest == 0:
        raise KgpError(
            "The loss never falls in the learning-rate range test; the data or the other options are the matter."
        )
    return RangeTest(rates, losses, smoothed, float(rates[lowest]) / _SAFETY)


@drawing_style
def write_range_test(result: RangeTest, folder: Path) -> None:
    """Writes learning_rates.csv and learning_rates.svg into a folder."""
    write_table(
        [
            {"learning_rate": rate, "loss": loss, "smoothed": smooth}
            for rate, loss, smooth in zip(result.rates, result.losses, result.smoothed, strict=True)
        ],
        folder / "learning_rates.csv",
    )
    figure = Figure(figsize=(6.4, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.semilogx(result.rates, result.losses, color="0.75", linewidth=0.8, label="loss of a step")
    axes.semilogx(result.rates, result.smoothed, label="smoothed")
    axes.axvline(result.suggestion, color="#c04040", linewidth=1, label=f"suggested: {result.suggestion:.1e}")
    axes.set(xlabel="learning rate", ylabel="training loss", ylim=(0, float(result.smoothed[0]) * 2))
    axes.legend(frameon=False, fontsize=8)
    write_text(folder / "learning_rates.svg", svg(figure))


def _rate(step: Any) -> Any:
    """The learning rate of a step, from 0."""
    return _LOW * (_HIGH / _LOW) ** (step / (_STEPS - 1))


class _GrowingRate(keras.optimizers.schedules.LearningRateSchedule):
    """Raises the learning rate by the same factor at each step.

    A schedule, as JAX does not see what a callback assigns to the optimiser between two steps.
    """

    def __call__(self, step: Any) -> Any:
        return _rate(keras.ops.cast(step, "float32"))


class _LossRecorder(keras.callbacks.Callback):
    """Keeps the loss of each step, and stops when it has exploded."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []
        self._sum = 0.0

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        total = float((logs or {})["loss"]) * (batch + 1)  # Keras gives the mean since the epoch's begin
        loss, self._sum = total - self._sum, total
        if not math.isfinite(loss):
            self.model.stop_training = True
            return
        self.losses.append(loss)
        smoothed = _smoothed(np.array(self.losses))
        self.model.stop_training = bool(smoothed[-1] > _EXPLODED * smoothed.min())


def _smoothed(losses: np.ndarray) -> np.ndarray:
    """Exponential mean, corrected for its start."""
    mean, means = 0.0, []
    for step, loss in enumerate(losses, 1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        means.append(mean / (1 - _SMOOTHING**step))
    return np.array(means)
