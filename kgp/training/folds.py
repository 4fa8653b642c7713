"""A cross-validation: a run for each fold, and the test slices of all folds judged as one.

    folds.json      the number of folds, the configuration, and where the data come from
    fold-0, ...     ordinary run folders
    metrics.json, predictions.csv, report.html
                    the test slices of all folds together, each judged by the run of its fold

A folder without report.html is a cross-validation that has not finished.
"""

import dataclasses
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from kgp.config import RunConfig
from kgp.data.labels import LabelledCohort
from kgp.errors import KgpError, UsageError
from kgp.files import read_json, write_json
from kgp.report.pooled_report import report_pooled
from kgp.report.run_report import calibrate_run, evaluate_run
from kgp.run_folder import FOLDS, Run, build_network, read_config, read_run
from kgp.training.job import fitted, split_of, train_run
from kgp.training.loop import is_finished

_log = logging.getLogger(__name__)
FORMAT = "kgp-folds-1"


@dataclasses.dataclass(frozen=True)
class Folds:
    """A cross-validation, finished or not.

    Attributes:
        folder: where its runs stand.
        config: the configuration of fold 0.
        source: where the data come from, as `kgp.training.options.source_of` gives it.
    """

    folder: Path
    config: RunConfig
    source: dict[str, Any]

    @property
    def runs(self) -> list[Path]:
        """The run folder of each fold."""
        return [self.folder / f"fold-{number}" for number in range(self.config.data.folds)]


def check_folds(config: RunConfig, source: dict[str, Any]) -> tuple[RunConfig, LabelledCohort]:
    """Prepares the data and checks that every fold can be trained on.

    Returns:
        As `kgp.training.job.fitted`.

    Raises:
        UsageError: there are fewer than three folds, or several hosts are to train.
        KgpError: a part of a fold lacks a class, or the network cannot take the size.
    """
    if config.data.folds < 3:
        raise UsageError(f"--fold all needs --folds of at least 3, not {config.data.folds}.")
    if config.optimiser.strategy == "multiworker":
        raise UsageError(
            "--fold all trains the folds one after the other on one host; with --strategy multiworker start each fold "
            "by its number."
        )
    config, labelled = fitted(config, source)
    for number in range(config.data.folds):
        split_of(config.override(fold=number), labelled)
    build_network(config, labelled.cohort.shape, len(labelled.class_names))
    return config, labelled


def begin_folds(config: RunConfig, folder: Path, source: dict[str, Any], overwrite: bool = False) -> Folds:
    """Makes the folder of a cross-validation once all folds are checked.

    Args:
        config: the configuration, with the number of folds.
        folder: where the runs are to stand.
        source: where the data come from.
        overwrite: remove what is in `folder`.

    Raises:
        UsageError, KgpError: as `check_folds`, or `folder` exists though `overwrite` is not set.
    """
    config, _ = check_folds(config, source)
    if folder.exists():
        if not overwrite:
            raise KgpError(f"{folder} exists already; name another folder.")
        shutil.rmtree(folder)
    folds = Folds(folder, config.override(fold=0), source)
    folder.mkdir(parents=True)
    content = {"format": FORMAT, "runs": [run.name for run in folds.runs], "source": source, "config": config.to_dict()}
    write_json(folder / FOLDS, content)
    return folds


def read_folds(folder: Path) -> Folds:
    """Reads a cross-validation that is to go on.

    Raises:
        KgpError: it is finished, or folds.json is damaged.
    """
    values = read_json(folder / FOLDS)
    try:
        if values["format"] != FORMAT:
            raise KeyError("format")
        folds = Folds(folder, RunConfig.from_dict(values["config"]), dict(values["source"]))
    except (KeyError, TypeError, UsageError) as error:
        raise KgpError(f"{folder / FOLDS} does not describe a cross-validation of this version: {error}.") from None
    if (folder / "report.html").is_file():
        raise KgpError(f"{folder} is finished; use another --out to train again.")
    return folds


def train_folds(folds: Folds) -> Iterator[Run]:
    """Trains and judges fold after fold, each as `kgp train` does, and gives each finished run.

    What is finished is kept, and what was interrupted goes on.

    Raises:
        KgpError: as `kgp.training.job.train_run`.
    """
    for number, folder in enumerate(folds.runs):
        if not (folder / "config.json").is_file():
            _log.info("Fold %d of 0 to %d.", number, len(folds.runs) - 1)
            keras.utils.clear_session()  # or all networks trained so far stay in memory
            train_run(folds.config.override(fold=number), folder, folds.source, overwrite=folder.exists())
        elif not is_finished(folder):
            _log.info("Fold %d of 0 to %d goes on.", number, len(folds.runs) - 1)
            keras.utils.clear_session()
            train_run(read_config(folder), folder, folds.source, resume=True)
        elif "report.html" not in read_run(folder).manifest["files"]:
            calibrate_run(folder)
            evaluate_run(folder)
        yield read_run(folder)


def pool_folds(folds: Folds) -> dict[str, Any]:
    """Judges the test slices of all folds together, and writes the results beside the runs.

    Returns:
        The content of metrics.json.
    """
    return report_pooled([read_run(folder) for folder in folds.runs], folds.folder)
