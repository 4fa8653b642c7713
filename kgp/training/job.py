"""A training from its source: prepared data, labels, split, and the run folder."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

from kgp.architectures import architecture_title
from kgp.config import RunConfig
from kgp.data.cache import cached_cohort
from kgp.data.cohort import Cohort
from kgp.data.labels import LabelledCohort, choose_labels
from kgp.data.no_tumour_check import check_no_tumour, no_tumour_sentence
from kgp.data.prepared_folders import in_use
from kgp.data.split import Split, read_split, split_cohort
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.run_folder import Run, read_run, read_source
from kgp.training.additions import NO_ADDITIONS, Additions
from kgp.training.fit_to_data import fit_to_data
from kgp.training.loop import is_finished, train

_log = logging.getLogger(__name__)


def train_from_source(
    config: RunConfig,
    folder: Path,
    source: dict[str, Any],
    resume: bool = False,
    overwrite: bool = False,
    additions: Additions = NO_ADDITIONS,
) -> Run | None:
    """Prepares the data unless that was done before, splits them, and trains.

    Args:
        config: the complete configuration.
        folder: the run folder.
        source: as `kgp.training.options.source_of` gives it; data None is the built-in phantom.
        resume: go on with the unfinished training in `folder`.
        overwrite: remove what is in `folder`, after all checks of the new training have passed.
        additions: parts of one's own.

    Returns:
        The finished run; None in a worker that is not the first (see `kgp.training.loop.train`).

    Raises:
        KgpError: see `kgp.data.cache.cached_cohort` and `kgp.training.loop.train`.
    """
    config, labelled = fitted(config, source)
    cohort = labelled.cohort
    for message in labelled.dropped:
        _log.warning(message)
    content = read_source(folder).get("content", cohort.content) if resume else cohort.content
    if content != cohort.content and not cohort.has_content(content):
        _log.warning("%s has changed since the training began, so it goes on with other slices.", cohort.name)
    source = {**source, "content": cohort.content}
    split = read_split(folder / "split.csv") if resume else split_of(config, labelled)
    sizes = ", ".join(f"{name} {len(ids)}" for name, ids in split.parts.items())
    _log.info(
        "Preset %s, %s, classes %s; slices of %s: %s.",
        config.preset,
        architecture_title(config.network.arch),
        ", ".join(labelled.class_names),
        "x".join(map(str, cohort.shape)),
        sizes,
    )
    _log.info(no_tumour_sentence(labelled))
    if config.optimiser.stages == 2:
        from kgp.training.two_stages import train_two_stages

        with in_use(cohort.folder):
            return train_two_stages(config, labelled, split, folder, resume, source, overwrite, additions)
    with in_use(cohort.folder):
        return train(config, labelled, split, folder, resume, source=source, overwrite=overwrite, additions=additions)


def train_run(
    config: RunConfig,
    folder: Path,
    source: dict[str, Any],
    resume: bool = False,
    overwrite: bool = False,
    additions: Additions = NO_ADDITIONS,
) -> Run | None:
    """Trains, calibrates the readings and judges the run on its test part: all that `kgp train`
    does.

    Args and errors as for `train_from_source`.

    Returns:
        The run, whose folder holds calibration.json, metrics.json, predictions.csv and report.html;
        None in a worker that is not the first.
    """
    from kgp.report.run_report import calibrate_run, evaluate_run

    run = train_from_source(config, folder, source, resume, overwrite, additions)
    if run is None:
        return None
    with in_use(Path(run.data)):
        calibrate_run(folder)
        evaluate_run(folder)
    return read_run(folder)


def resumable_source(folder: Path) -> dict[str, Any]:
    """Where the data of an unfinished run come from.

    Raises:
        KgpError: the folder holds no run, or one that is finished.
    """
    if not (folder / "config.json").is_file():
        raise KgpError(f"{folder} holds no run to resume: it has no config.json.")
    if is_finished(folder):
        raise KgpError(f"{folder} is finished; use another --out to train again, or kgp evaluate {folder}.")
    return dict(read_json(folder / "source.json"))


def fitted(config: RunConfig, source: dict[str, Any]) -> tuple[RunConfig, LabelledCohort]:
    """The prepared slices of a source with their classes, and the configuration with what these
    decide; see `kgp.training.fit_to_data`.

    Raises:
        KgpError: see `kgp.data.cache.cached_cohort` and `labelled_cohort`.
    """
    if source["data"] and (Path(source["data"]) / "cohort.json").is_file():  # prepared at its size already
        left = tuple(name for name in config.left_to_data if name != "size")
        config = dataclasses.replace(config, left_to_data=left)
    labelled = labelled_cohort(config, source_cohort(config, source))
    of_data = fit_to_data(config, labelled.no_tumour_class is not None)
    if of_data.data.size != config.data.size:
        labelled = labelled_cohort(of_data, source_cohort(of_data, source))
    return of_data, labelled


def labelled_cohort(config: RunConfig, cohort: Cohort) -> LabelledCohort:
    """The classes that the configuration asks for; see `kgp.data.labels.choose_labels`.

    Raises:
        KgpError: the masks contradict what is "no tumour".
    """
    labelled = choose_labels(cohort, config.data.labels, no_tumour=config.data.no_tumour)
    check_no_tumour(labelled, config.data.no_tumour)
    return labelled


def split_of(config: RunConfig, labelled: LabelledCohort) -> Split:
    """The split that the configuration asks for; see `kgp.data.split.split_cohort`."""
    data = config.data
    return split_cohort(labelled, by=data.split, folds=data.folds, fold=data.fold, seed=config.optimiser.seed)


def source_cohort(config: RunConfig, source: dict[str, Any]) -> Cohort:
    """The prepared slices of a source at the size that the configuration asks for."""
    if source["data"] is None:
        _log.info("No --data given: training on the built-in phantom (drawn heads, not patients).")
    data, csv = (Path(source[name]) if source[name] else None for name in ("data", "csv"))
    return cached_cohort(
        data,
        size=config.data.size,
        cache=Path(source["cache"]) if source["cache"] else None,
        contrasts=config.data.contrasts,
        kind=source["kind"],
        csv=csv,
    )
