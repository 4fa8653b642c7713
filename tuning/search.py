"""A search: KerasTuner proposes values, each trial trains in its own process, and a killed search
goes on where it was.
"""

import contextlib
import dataclasses
import io
import logging
import os
from pathlib import Path
from typing import Any

import grpc
import keras_tuner
from keras_tuner.engine.base_tuner import BaseTuner
from keras_tuner.engine.trial import Trial, TrialStatus

import kgp
from kgp.config import RunConfig
from kgp.data.labels import LabelledCohort
from kgp.durations import hours_minutes_seconds
from kgp.errors import KgpError, UsageError
from kgp.files import read_json, sha256, write_json
from kgp.training.devices import leave_gpus_alone
from kgp.training.job import fitted, split_of
from tuning.choices import OBJECTIVES, WITH_MASKS
from tuning.hypermodel import RunHyperModel
from tuning.oracles import build_oracle
from tuning.space import Space
from tuning.trial import run_trial
from tuning.workers import wait_for_chief

_log = logging.getLogger(__name__)
SEARCH = "search.json"
_EXTENDABLE = "trials"  # a finished search may be given more of them


@dataclasses.dataclass(frozen=True)
class Search:
    """What a search is; one folder belongs to one of them.

    Attributes:
        folder: where trials and results go.
        config: the configuration whose other values stay; its epochs are the most that a trial
            trains.
        source: as `kgp.training.options.source_of` gives it.
        space: the parameters searched.
        method: one of `tuning.choices.METHODS`.
        objective: one of `tuning.choices.OBJECTIVES`.
        trials: how many; Hyperband decides by itself.
    """

    folder: Path
    config: RunConfig
    source: dict[str, Any]
    space: Space
    method: str
    objective: str
    trials: int

    def identity(self, data: str) -> dict[str, Any]:
        """What must be equal for a search to go on, or for a worker to take part.

        They are plain JSON values.
        """
        space = {
            name: {
                "kind": type(kind).__name__,
                **{k: list(v) if isinstance(v, tuple) else v for k, v in vars(kind).items()},
            }
            for name, kind in self.space.items()
        }
        config = RunConfig.to_dict(self.config)
        config["data"] = {key: list(v) if isinstance(v, tuple) else v for key, v in config["data"].items()}
        return {
            "version": kgp.__version__,
            "data": data,
            "config": config,
            "space": space,
            "method": self.method,
            "objective": self.objective,
            "trials": self.trials,
        }


@dataclasses.dataclass(frozen=True)
class TrialRow:
    """One trial, read from its files.

    Attributes:
        name: such as "03".
        status: KerasTuner's: RUNNING, COMPLETED, FAILED, ...
        values: the parameters' values.
        score: the objective, or None.
        seconds: of training, or None.
        message: why it failed, or "".
        folder: the trial's folder; the run lies in `run` below it.
    """

    name: str
    status: str
    values: dict[str, Any]
    score: float | None
    seconds: float | None
    message: str
    folder: Path


class _Tuner(BaseTuner):
    """Runs the trials that the oracle proposes."""

    def __init__(self, search: Search, hypermodel: RunHyperModel, oracle: keras_tuner.Oracle) -> None:
        self._search = search
        super().__init__(oracle, hypermodel, directory=str(search.folder.parent), project_name=search.folder.name)

    def run_trial(self, trial: Trial, *fit_args: Any, **fit_kwargs: Any) -> dict[str, float]:
        """Trains one set of values.

        Raises:
            FailedTrialError: the training failed; the search goes on with other values.
        """
        epochs = trial.hyperparameters.values.get("tuner/epochs", self._search.config.optimiser.epochs)
        try:
            config = self.hypermodel.config_of(trial.hyperparameters).override(epochs=epochs)
            result = run_trial(
                Path(self.get_trial_dir(trial.trial_id)), config, self._search.source, self._search.objective
            )
        except KgpError as error:
            raise keras_tuner.errors.FailedTrialError(str(error)) from None
        self._reach_chief()
        return {self._search.objective: result[self._search.objective]}

    def _try_run_and_update_trial(self, *arguments: Any, **more: Any) -> None:
        """Keeps KerasTuner from printing a traceback for a trial that failed.

        Its message is in the trial's file.
        """
        with contextlib.redirect_stderr(io.StringIO()):
            super()._try_run_and_update_trial(*arguments, **more)

    def pre_create_trial(self) -> None:
        """Makes sure that there is somebody to ask for the next trial."""
        self._reach_chief()

    def on_trial_end(self, trial: Trial) -> None:
        """Records the trial and logs the state of the search."""
        self._reach_chief()
        super().on_trial_end(trial)
        _log.info(progress_line(self._search, trial.trial_id))

    def _reach_chief(self) -> None:
        """Ends a worker whose chief is gone; KerasTuner would wait for an hour."""
        if self._is_worker():
            wait_for_chief()

    def save(self) -> None:
        """Writes the oracle's state, and a file of its own whose presence makes KerasTuner take the
        search up again.
        """
        if not self._is_worker():
            self.oracle.save()
        write_json(Path(self._get_tuner_fname()), self.get_state())


def run_search(search: Search) -> None:
    """Runs the trials that are missing.

    The chief and the workers of a distributed search call it too.

    Raises:
        UsageError: the folder holds another search, or the objective needs masks and there are
            none.
        KgpError: three trials in a row failed, the data cannot be used, or the chief is gone.
    """
    leave_gpus_alone()
    config, labelled = fitted(search.config, search.source)
    search, cohort = dataclasses.replace(search, config=config), labelled.cohort
    _check_objective(search, labelled)
    _write_or_compare_identity(search, f"{Path(cohort.name).name} ({sha256(cohort.folder / 'cohort.csv')[:10]})")
    optimiser = search.config.optimiser
    oracle = build_oracle(
        search.method, search.objective, OBJECTIVES[search.objective], search.trials, optimiser.epochs, optimiser.seed
    )
    hypermodel = RunHyperModel(search.config, search.space, cohort.shape, len(labelled.class_names))
    tuner = _Tuner(search, hypermodel, oracle)
    try:
        tuner.search(verbose=0)
    except (RuntimeError, grpc.RpcError) as error:  # a worker gets the chief's error as a grpc.RpcError
        if "consecutive failures" in str(error):
            failed = [row for row in trial_rows(search.folder) if row.message]
            raise KgpError(f"Three trials in a row failed; one of them: {failed[-1].message}") from None
        if isinstance(error, grpc.RpcError):
            raise KgpError(f"The chief of the search does not answer: {error.details()}.") from None
        raise


def _check_objective(search: Search, labelled: LabelledCohort) -> None:
    """Refuses data that cannot be split, or whose validation part cannot give the objective, before
    anything is trained.
    """
    part = set(split_of(search.config, labelled).parts["validation"])
    rows = zip(labelled.rows, labelled.targets, strict=True)
    if search.objective == WITH_MASKS and not any(
        row.mask and row.id in part and target != labelled.no_tumour_class for row, target in rows
    ):
        raise UsageError(
            f"--objective {WITH_MASKS} needs tumour masks in the validation part, and the data have none there."
        )


def _write_or_compare_identity(search: Search, data: str) -> None:
    """Writes search.json, or compares with the one that is there."""
    identity, path = search.identity(data), search.folder / SEARCH
    if not path.is_file():
        if search.folder.exists() and any(search.folder.iterdir()):
            raise UsageError(f"{search.folder} is not empty and holds no search; name another --out.")
        write_json(path, identity)
        return
    known = read_json(path)
    for key, value in identity.items():
        if known.get(key) != value and key != _EXTENDABLE:
            raise UsageError(
                f"{search.folder} holds another search: its {key} is {_difference(known.get(key), value)}; name another --out."
            )
    if known[_EXTENDABLE] < search.trials and "KERASTUNER_ORACLE_IP" not in os.environ:
        write_json(path, identity)


def _difference(known: Any, given: Any) -> str:
    """The first difference of two JSON values, in words."""
    if isinstance(known, dict) and isinstance(given, dict):
        for key in [*known, *given]:
            if known.get(key) != given.get(key):
                inner = _difference(known.get(key), given.get(key))
                return f"{inner} ({key})" if not isinstance(known.get(key), dict) else inner
    return f"{known!r}, not {given!r}"


def trial_rows(folder: Path) -> list[TrialRow]:
    """All trials of a search by name, from their files."""
    rows = []
    for path in sorted(folder.glob("trial_*/trial.json")):
        state = read_json(path)
        result = read_json(path.with_name("result.json")) if path.with_name("result.json").is_file() else {}
        message = (state.get("message") or "").strip().splitlines()
        rows.append(
            TrialRow(
                name=str(state["trial_id"]),
                status=str(state["status"]),
                values=dict(state["hyperparameters"]["values"]),
                score=state["score"],
                seconds=result.get("seconds"),
                message=message[-1].partition("FailedTrialError: ")[2] or message[-1] if message else "",
                folder=path.parent,
            )
        )
    return rows


def best_trial(rows: list[TrialRow], objective: str) -> TrialRow | None:
    """The trial with the best objective, or None where none is complete."""
    done = [row for row in rows if row.status == TrialStatus.COMPLETED and row.score is not None]
    sign = 1.0 if OBJECTIVES[objective] == "min" else -1.0
    return min(done, key=lambda row: sign * (row.score or 0.0), default=None)


def progress_line(search: Search, name: str) -> str:
    """The line logged after a trial: its result, the best so far, and the time left."""
    rows = trial_rows(search.folder)
    row, best = next(row for row in rows if row.name == name), best_trial(rows, search.objective)
    ended = [row for row in rows if row.status in (TrialStatus.COMPLETED, TrialStatus.FAILED)]
    outcome = f"{search.objective} {row.score:.4f}" if row.score is not None else f"failed: {row.message}"
    values = ", ".join(
        f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in row.values.items()
        if not key.startswith("tuner/")
    )
    total = f" of {search.trials}" if search.method != "hyperband" else ""
    line = f"{len(ended)}{total} trials; trial {row.name} ({values}): {outcome}"
    if best is not None:
        line += f"; best {best.score:.4f} (trial {best.name})"
    known = [row.seconds for row in ended if row.seconds is not None]
    if known and search.method != "hyperband":
        workers = 1 + sum(other.status == TrialStatus.RUNNING for other in rows)
        left = sum(known) / len(known) * (search.trials - len(ended)) / workers
        line += f"; {hours_minutes_seconds(left)} left"
    return line
