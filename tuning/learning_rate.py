"""Learning-rate range test (Smith, arXiv 1506.01186): one short training whose rate grows from step to step."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib import pyplot

from kgp.data.labels import choose_labels
from kgp.data.pipeline import steps_per_epoch
from kgp.data.split import split_cohort
from kgp.errors import KgpError
from kgp.files import write_table, write_text
from kgp.report.plots import svg
from kgp.run_folder import build_network
from kgp.training.config import RunConfig
from kgp.training.devices import set_precision
from kgp.training.job import source_cohort
from kgp.training.loop import compiled_model, parts_of, training_batches

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
        config: the configuration; its learning rate, schedule and accumulation do not count.
        source: as `kgp.training.options.source_of` gives it.

    Raises:
        KgpError: the loss never falls.
    """
    cohort = source_cohort(config, source)
    labelled = choose_labels(cohort, config.data.labels)
    parts = parts_of(labelled, split_cohort(labelled, by=config.data.split, seed=config.optimiser.seed))
    steps = steps_per_epoch(len(parts["train"].rows), config.optimiser.batch_size)
    config = config.override(schedule="constant", accumulation=1, epochs=math.ceil(_STEPS / steps))
    keras.utils.set_random_seed(config.optimiser.seed)
    set_precision(config.optimiser.mixed_precision)
    try:
        network = build_network(config, cohort.shape, len(labelled.class_names))
        model = compiled_model(network, config, parts["train"].targets, len(labelled.class_names), steps)
        growing = _GrowingRate()
        batches = training_batches(config, labelled, parts["train"], list(model.output))
        model.fit(batches, steps_per_epoch=_STEPS, shuffle=False, verbose=0, callbacks=[growing])
    finally:
        set_precision(mixed=False)
    return read_off(np.array(growing.rates), np.array(growing.losses))


def read_off(rates: np.ndarray, losses: np.ndarray) -> RangeTest:
    """Smooths the losses and takes a tenth of the rate at their lowest point, where the training is about to break.

    Raises:
        KgpError: they never fall.
    """
    smoothed = _smoothed(losses)
    lowest = int(np.argmin(smoothed))
    if lowest == 0:
        raise KgpError(
            "The loss never falls in the learning-rate range test; the data or the other options are the matter."
        )
    return RangeTest(rates, losses, smoothed, float(rates[lowest]) / _SAFETY)


def write_range_test(found: RangeTest, folder: Path) -> None:
    """Writes learning_rates.csv and learning_rates.svg into a folder."""
    write_table(
        [
            {"learning_rate": rate, "loss": loss, "smoothed": smooth}
            for rate, loss, smooth in zip(found.rates, found.losses, found.smoothed, strict=True)
        ],
        folder / "learning_rates.csv",
    )
    figure, axes = pyplot.subplots(figsize=(6.4, 3.4), layout="constrained")
    axes.semilogx(found.rates, found.losses, color="0.75", linewidth=0.8, label="loss of a step")
    axes.semilogx(found.rates, found.smoothed, label="smoothed")
    axes.axvline(found.suggestion, color="#c04040", linewidth=1, label=f"suggested: {found.suggestion:.1e}")
    axes.set(xlabel="learning rate", ylabel="training loss", ylim=(0, float(found.smoothed[0]) * 2))
    axes.legend(frameon=False, fontsize=8)
    write_text(folder / "learning_rates.svg", svg(figure))


class _GrowingRate(keras.callbacks.Callback):
    """Raises the learning rate by the same factor at each step, and stops when the loss has exploded."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._sum = 0.0

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        rate = _LOW * (_HIGH / _LOW) ** (batch / (_STEPS - 1))
        self.model.optimizer.learning_rate = rate
        self.rates.append(rate)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        total = float((logs or {})["loss"]) * (batch + 1)  # Keras gives the mean since the epoch's begin
        loss, self._sum = total - self._sum, total
        if not math.isfinite(loss):
            self.rates.pop()
            self.model.stop_training = True
            return
        self.losses.append(loss)
        smoothed = _smoothed(np.array(self.losses))
        self.model.stop_training = bool(smoothed[-1] > _EXPLODED * smoothed.min())


def _smoothed(losses: np.ndarray) -> np.ndarray:
    """Exponential mean, corrected for its start."""
    mean, found = 0.0, []
    for step, loss in enumerate(losses, 1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * loss
        found.append(mean / (1 - _SMOOTHING**step))
    return np.array(found)
