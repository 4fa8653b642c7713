"""What happens at the end of an epoch: validation, history, checkpoint, progress on the screen."""

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from kgp.config import OptimiserConfig
from kgp.durations import hours_minutes_seconds
from kgp.files import write_table
from kgp.training.checkpoint import BEST_NAME, Progress, save_arrays, save_checkpoint

_log = logging.getLogger(__name__)


class EpochEnd(keras.callbacks.Callback):
    """Validates, records and saves after each epoch, and stops early where asked.

    Args:
        folder: the run folder, or None where another worker writes it.
        network: the functional network inside the training model.
        validate: returns the validation figures (at least `val_macro_f1`) of the network as it is.
        progress: where the training stands; changed in place.
        config: epochs, patience and which weights are kept.
        steps: batches an epoch.
    """

    def __init__(
        self,
        folder: Path | None,
        network: keras.Model,
        validate: Callable[[], dict[str, float]],
        progress: Progress,
        config: OptimiserConfig,
        steps: int,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.network = network
        self.validate = validate
        self.progress = progress
        self.config = config
        self.steps = steps
        self._started = 0.0
        self._before = progress.seconds
        self._first_epoch = progress.epoch

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Starts the clock."""
        self._started = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Shows the batch on a terminal."""
        if sys.stderr.isatty() and (batch % 5 == 0 or batch + 1 == self.steps):
            done = self.progress.epoch + (batch + 1) / self.steps
            bar = "=" * (20 * (batch + 1) // self.steps)
            sys.stderr.write(f"\r  [{bar:<20}] batch {batch + 1}/{self.steps}, {self._left(done)} left   ")
            sys.stderr.flush()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Records the epoch; the files written here are what a resumed training starts from."""
        logs = {} if logs is None else logs
        logs.update(self.validate())
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        progress = self.progress
        progress.epoch = epoch + 1
        progress.seconds = self._before + time.monotonic() - self._started
        if logs["val_macro_f1"] > progress.best:
            progress.best, progress.best_epoch = logs["val_macro_f1"], epoch + 1
        row = {name: float(np.asarray(value)) for name, value in sorted(logs.items())}
        progress.history.append({"epoch": epoch + 1, **row})
        if self.folder is not None:
            self._save(self.folder)
            self._report(row)
        if self.config.patience and progress.epoch - progress.best_epoch >= self.config.patience:
            _log.info("No better validation macro-F1 for %d epochs: stopping.", self.config.patience)
            self.model.stop_training = True

    def _save(self, folder: Path) -> None:
        if self.config.keep == "best" and self.progress.best_epoch == self.progress.epoch:
            save_arrays(folder / BEST_NAME, self.network.variables)
        write_table(self.progress.history, folder / "history.csv")
        save_checkpoint(folder, self.model, self.progress)

    def _report(self, row: dict[str, float]) -> None:
        if sys.stderr.isatty():
            sys.stderr.write("\r" + " " * 70 + "\r")
        _log.info(
            "epoch %d/%d  loss %.4f  val_loss %.4f  val_accuracy %.3f  val_macro_f1 %.3f  %s left",
            self.progress.epoch,
            self.config.epochs,
            row.get("loss", float("nan")),
            row["val_loss"],
            row["val_accuracy"],
            row["val_macro_f1"],
            self._left(self.progress.epoch),
        )

    def _left(self, done: float) -> str:
        """Remaining time when `done` epochs (a fraction counts) of all are over."""
        here = done - self._first_epoch
        seconds = (time.monotonic() - self._started) / max(here, 1e-6) * (self.config.epochs - done)
        return hours_minutes_seconds(seconds)
