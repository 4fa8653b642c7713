"""What a training would do, without doing it: configuration, slices, parameters, and the time it
would take.
"""

import dataclasses
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from kgp.architectures import architecture_title
from kgp.config import RunConfig
from kgp.data.labels import LabelledCohort
from kgp.data.no_tumour_check import no_tumour_sentence
from kgp.data.parts import Part, parts_of
from kgp.data.pipeline import evaluation_dataset, steps_per_epoch
from kgp.data.split import Split
from kgp.durations import hours_minutes_seconds
from kgp.run_folder import build_network
from kgp.training.devices import set_precision
from kgp.training.folds import check_folds
from kgp.training.job import fitted, split_of
from kgp.training.loop import compiled_model, loss_weights, training_batches
from kgp.training.pixel_loss import PixelLoss
from kgp.training.pseudo_masks import healthy_everywhere
from kgp.training.two_stages import stages_of

_WARM_UP = 2  # batches, of which the first is slow as the graph is traced with it
_TIMED = 3


def dry_run(config: RunConfig, source: dict[str, Any], all_folds: bool = False) -> str:
    """Describes a training. The data are prepared into the cache as for a training.

    Nothing else is written.

    The time is measured on a few real batches, on one device whatever the strategy.

    Args:
        config: the complete configuration.
        source: as `kgp.training.options.source_of` gives it.
        all_folds: every fold is to be trained; slices are those of fold 0, and a line more says the
            time of all.

    Returns:
        The configuration as JSON and, below it, lines of text.

    Raises:
        KgpError: as `kgp.training.job.train_from_source`, or `kgp.training.folds.check_folds`.
    """
    config, labelled = check_folds(config, source) if all_folds else fitted(config, source)
    split = split_of(config, labelled)
    stages = [_timed(stage, of_stage, split) for stage, of_stage in stages_of(config, labelled, source)]
    total = sum(stage.seconds for stage in stages)
    folds = config.data.folds
    return "\n".join(
        [
            json.dumps(config.to_dict(), indent=2),
            "Slices (patients):",
            *_slices_lines(labelled, parts_of(labelled, split)),
            no_tumour_sentence(labelled),
            f"Network: {architecture_title(config.network.arch)} for slices of "
            f"{'x'.join(map(str, labelled.cohort.shape))}, {stages[-1].parameters:,} parameters.",
            f"Estimated training time: {hours_minutes_seconds(total)} ({'; then '.join(map(str, stages))}; measured on "
            "this machine with a few batches on one device).",
            *([f"All {folds} folds: {hours_minutes_seconds(folds * total)} of training."] if all_folds else []),
        ]
    )


@dataclasses.dataclass(frozen=True)
class _Stage:
    """What a stage of a training costs."""

    size: str
    epochs: int
    steps: int
    batch_seconds: float
    validation_seconds: float
    parameters: int

    @property
    def seconds(self) -> float:
        """Of all epochs."""
        return self.epochs * (self.steps * self.batch_seconds + self.validation_seconds)

    def __str__(self) -> str:
        return (
            f"{self.epochs} epochs of {self.steps} batches at {self.size}, {self.batch_seconds:.2g} s a batch and "
            f"{self.validation_seconds:.2g} s for the validation part"
        )


def _timed(config: RunConfig, labelled: LabelledCohort, split: Split) -> _Stage:
    parts = parts_of(labelled, split)
    keras.utils.set_random_seed(config.optimiser.seed)
    set_precision(config.optimiser.mixed_precision)
    try:
        network = build_network(config, labelled.cohort.shape, len(labelled.class_names))
        batch_seconds = _training_batch_seconds(network, config, labelled, parts["train"])
        validation_seconds = _validation_seconds(network, config, labelled, parts["validation"])
    finally:
        set_precision(mixed=False)
    return _Stage(
        "x".join(map(str, labelled.cohort.shape[:2])),
        config.optimiser.epochs,
        steps_per_epoch(len(parts["train"].rows), config.optimiser.batch_size),
        batch_seconds,
        validation_seconds,
        network.count_params(),
    )


def _slices_lines(labelled: LabelledCohort, parts: dict[str, Part]) -> list[str]:
    """A line for each part with the number of slices and patients of each class."""
    lines = []
    for name, part in parts.items():
        cells = []
        for number, class_name in enumerate(labelled.class_names):
            rows = [row for row, target in zip(part.rows, part.targets, strict=True) if target == number]
            cells.append(f"{class_name} {len(rows)} ({len({row.group for row in rows})})")
        lines.append(f"  {name}: {', '.join(cells)}")
    return lines


def _training_batch_seconds(network: keras.Model, config: RunConfig, labelled: LabelledCohort, part: Part) -> float:
    """Seconds of one training batch: reading, augmenting, and one step of the optimiser."""
    steps = steps_per_epoch(len(part.rows), config.optimiser.batch_size)
    weights = loss_weights(config, part.targets, len(labelled.class_names))
    enough = config.override(epochs=max(config.optimiser.epochs, _WARM_UP + _TIMED))
    clock = _BatchClock()
    with tempfile.TemporaryDirectory() as folder:
        pixels = pixel_loss = None
        if config.optimiser.stages == 2:
            no_tumour_class = labelled.no_tumour_class or 0
            pixels = healthy_everywhere(Path(folder), labelled.cohort, len(part.rows), no_tumour_class)
            pixel_loss = PixelLoss(no_tumour_class)
        model = compiled_model(network, config, weights, steps, pixel_loss=pixel_loss)
        batches = training_batches(enough, labelled, part, list(model.output), pixels=pixels)
        model.fit(batches, steps_per_epoch=_WARM_UP + _TIMED, shuffle=False, verbose=0, callbacks=[clock])
    return (clock.ends[-1] - clock.ends[_WARM_UP - 1]) / _TIMED


class _BatchClock(keras.callbacks.Callback):
    """Notes when each batch has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        float((logs or {})["loss"])  # waits for the device
        self.ends.append(time.monotonic())


def _validation_seconds(network: keras.Model, config: RunConfig, labelled: LabelledCohort, part: Part) -> float:
    """Seconds of classifying the whole validation part, from a few batches of it."""
    batches = evaluation_dataset(
        labelled.cohort,
        part.rows,
        batch_size=config.optimiser.batch_size,
        normalisation=config.data.normalisation,
    ).map(lambda batch: batch["image"])
    classifier = keras.Model(network.input, network.output["logits"])
    timed = min(_TIMED, len(batches))
    _seconds_of(lambda: classifier.predict(batches.take(1), verbose=0))
    return _seconds_of(lambda: classifier.predict(batches.take(timed), verbose=0)) * len(batches) / timed


def _seconds_of(work: Callable[[], Any]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started
