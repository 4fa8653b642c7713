"""KerasTuner's search methods, made safe against being killed, with the base configuration as their
first trial.
"""

from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner.engine.trial import Trial, TrialStatus

from kgp.files import write_json


class _RestartableOracle(keras_tuner.Oracle):
    """Writes its files atomically and takes up trials that were running when it was killed."""

    _defaults_first = True

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The values of the next trial; the first has those of the base configuration."""
        if self._defaults_first and not self.trials:
            defaults = {parameter.name: parameter.default for parameter in self.hyperparameters.space}
            active = self.hyperparameters.copy()
            active.values = defaults
            values = {
                parameter.name: defaults[parameter.name] for parameter in active.space if active.is_active(parameter)
            }
            return {"status": TrialStatus.RUNNING, "values": values}
        proposed: dict[str, Any] = super().populate_space(trial_id)
        return proposed

    def save(self) -> None:
        """Writes oracle.json."""
        write_json(Path(self._get_oracle_fname()), self.get_state())

    def _save_trial(self, trial: Trial) -> None:
        write_json(Path(self._get_trial_dir(trial.trial_id)) / "trial.json", trial.get_state())

    def reload(self) -> None:
        """Reads oracle.json and the trials.

        One that was begun and not ended is run again, from its checkpoint.
        """
        super().reload()
        waiting = set(self._retry_queue)
        self._retry_queue += sorted(
            name for name, trial in self.trials.items() if trial.status == TrialStatus.RUNNING and name not in waiting
        )
        self.tuner_ids: set[str] = set()  # the processes of before are gone


class _Random(_RestartableOracle, keras_tuner.oracles.RandomSearchOracle):
    pass


class _Bayesian(_RestartableOracle, keras_tuner.oracles.BayesianOptimizationOracle):
    pass


class _Hyperband(_RestartableOracle, keras_tuner.oracles.HyperbandOracle):
    _defaults_first = False  # its brackets count their own trials


def build_oracle(
    method: str, objective: str, direction: str, trials: int, epochs: int, seed: int
) -> keras_tuner.Oracle:
    """The oracle that proposes values.

    Args:
        method: one of `tuning.choices.METHODS`.
        objective, direction: name of the figure, and "min" or "max".
        trials: how many; Hyperband decides by itself from the epochs.
        epochs: most epochs of a trial.
        seed: of the random draws.
    """
    goal = keras_tuner.Objective(objective, direction)
    number = seed + 1  # KerasTuner takes 0 for "no seed"
    if method == "hyperband":
        return _Hyperband(objective=goal, max_epochs=epochs, seed=number)
    oracle = _Random if method == "random" else _Bayesian
    return oracle(objective=goal, max_trials=trials, seed=number)
