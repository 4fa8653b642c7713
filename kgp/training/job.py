"""A training from its source: prepared data, labels, split, and the run folder."""

import logging
import shutil
from pathlib import Path
from typing import Any

from kgp.data.cohort import Cohort
from kgp.data.labels import choose_labels
from kgp.data.prepare import cached_cohort
from kgp.data.split import read_split, split_cohort
from kgp.files import write_json
from kgp.run_folder import Run
from kgp.training.cluster import worker_place
from kgp.training.config import RunConfig
from kgp.training.loop import train

_log = logging.getLogger(__name__)


def train_from_source(config: RunConfig, folder: Path, source: dict[str, Any], resume: bool = False) -> Run | None:
    """Prepares the data unless that was done before, splits them, and trains.

    Args:
        config: the complete configuration.
        folder: the run folder; what is there is removed unless `resume` is set.
        source: as `kgp.training.options.source_of` gives it; data None is the built-in phantom.
        resume: go on with the unfinished training in `folder`.

    Returns:
        The finished run; None in a worker that is not the first (see `kgp.training.loop.train`).

    Raises:
        KgpError: see `kgp.data.prepare.cached_cohort` and `kgp.training.loop.train`.
    """
    cohort = source_cohort(config, source)
    labelled = choose_labels(cohort, config.data.labels)
    for message in labelled.dropped:
        _log.warning(message)
    if resume:
        split = read_split(folder / "split.csv")
    else:
        split = split_cohort(
            labelled, by=config.data.split, folds=config.data.folds, fold=config.data.fold, seed=config.optimiser.seed
        )
        if worker_place(config.optimiser)[0] == 0:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
            write_json(folder / "source.json", source)
    sizes = ", ".join(f"{name} {len(ids)}" for name, ids in split.parts.items())
    _log.info(
        "Preset %s, GP-%s, classes %s; slices of %s: %s.",
        config.preset,
        config.network.arch,
        ", ".join(labelled.class_names),
        "x".join(map(str, cohort.shape)),
        sizes,
    )
    return train(config, labelled, split, folder, resume)


def source_cohort(config: RunConfig, source: dict[str, Any]) -> Cohort:
    """The prepared slices of a source at the size that the configuration asks for."""
    if source["data"] is None:
        _log.info("No --data given: training on the built-in phantom (drawn heads, not patients).")
    data, csv = (Path(source[name]) if source[name] else None for name in ("data", "csv"))
    return cached_cohort(
        data,
        size=config.data.size,
        cache=Path(source["cache"]),
        contrasts=config.data.contrasts,
        kind=source["kind"],
        csv=csv,
    )
