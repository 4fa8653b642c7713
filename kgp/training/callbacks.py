"""What happens at the end of an epoch: validation, history, checkpoint, progress on the screen."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from kgp.config import OptimiserConfig
from kgp.durations import hours_minutes_seconds
from kgp.files import write_table
from kgp.training.checkpoint import BEST_NAME, TrainingState, save_arrays, save_checkpoint

_log = logging.getLogger(__name__)
_BAR = "  {bar:20} batch {n_fmt}/{total_fmt}{postfix}"


class EpochEnd(keras.callbacks.Callback):
    """Validates, records and saves after each epoch, and stops early where asked.

    Args:
        folder: the run folder, or None where another worker writes it.
        network: the functional network inside the training model.
        validate: returns the validation figures (at least `val_macro_f1`) of the network as it is.
        state: where the training stands; changed in place.
        config: epochs, patience and which weights are kept.
        steps: batches an epoch.
    """

    def __init__(
        self,
        folder: Path | None,
        network: keras.Model,
        validate: Callable[[], dict[str, float]],
        state: TrainingState,
        config: OptimiserConfig,
        steps: int,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.network = network
        self.validate = validate
        self.state = state
        self.config = config
        self.steps = steps
        self._started = 0.0
        self._earlier_seconds = state.seconds
        self._first_epoch = state.epoch

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Starts the clock and, on a terminal, the bar."""
        self._started = time.monotonic()
        self._bar = tqdm(total=self.steps, bar_format=_BAR, leave=False, disable=None)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Moves the bar on."""
        done = self.state.epoch + (batch + 1) / self.steps
        self._bar.set_postfix_str(f"{self._time_left(done)} left", refresh=False)
        self._bar.update()

    def on_train_end(self, logs: dict | None = None) -> None:
        """Removes the bar."""
        self._bar.close()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Records the epoch; a resumed training starts from the files written here."""
        logs = {} if logs is None else logs
        logs.update(self.validate())
        logs["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        state = self.state
        state.epoch = epoch + 1
        state.seconds = self._earlier_seconds + time.monotonic() - self._started
        if logs["val_macro_f1"] > state.best:
            state.best, state.best_epoch = logs["val_macro_f1"], epoch + 1
        row = {name: float(np.asarray(value)) for name, value in sorted(logs.items())}
        state.history.append({"epoch": epoch + 1, **row})
        if self.folder is not None:
            self._save(self.folder)
            self._report(row)
        if self.config.patience and state.epoch - state.best_epoch >= self.config.patience:
            _log.info("No better validation macro-F1 for %d epochs: stopping.", self.config.patience)
            self.model.stop_training = True

    def _save(self, folder: Path) -> None:
        if self.config.keep == "best" and self.state.best_epoch == self.state.epoch:
            save_arrays(folder / BEST_NAME, self.network.variables)
        write_table(self.state.history, folder / "history.csv")
        save_checkpoint(folder, self.model, self.state)

    def _report(self, row: dict[str, float]) -> None:
        self._bar.reset()
        self._bar.clear()
        _log.info(
            "epoch %d/%d  loss %.4f  val_loss %.4f  val_accuracy %.3f  val_macro_f1 %.3f  %s left",
            self.state.epoch,
            self.config.epochs,
            row.get("loss", float("nan")),
            row["val_loss"],
            row["val_accuracy"],
            row["val_macro_f1"],
            self._time_left(self.state.epoch),
        )

    def _time_left(self, done: float) -> str:
        """Remaining time when `done` epochs (a fraction counts) of all are over."""
        epochs_here = done - self._first_epoch
        seconds = (time.monotonic() - self._started) / max(epochs_here, 1e-6) * (self.config.epochs - done)
        return hours_minutes_seconds(seconds)
