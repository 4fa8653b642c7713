"""A training in two stages, from labels of slices alone.

1. The network learns the classes of small slices, as in any training. Its run stands in the folder
   stage-1 of the run folder.
2. Its heatmaps, averaged over all views of each training slice and refined by the image, label the
   pixels of the slices with a tumour (`kgp.training.pseudo_masks`); in slices without one every
   pixel is healthy, which is a true label. The same network goes on at the full size with the loss
   of its logits and that of its pixels (`kgp.training.pixel_loss`).

It stays one network with one pass, whose logits follow exactly from its heatmap. In stage 2 the
logits get a scale and an offset of their own (`kgp.networks.logit_scale`), so that 0 is the border
of a tumour in the heatmap. No true mask is read.
"""

import dataclasses
import logging
import shutil
from pathlib import Path
from typing import Any

import keras

from kgp.config import STAGE1_SIZE, RunConfig
from kgp.data.labels import LabelledCohort
from kgp.data.parts import parts_of
from kgp.data.pixel_labels import PixelLabels
from kgp.data.shrunk import shrunk_cohort
from kgp.data.split import Split
from kgp.errors import KgpError, UsageError
from kgp.run_folder import Run, read_run
from kgp.runtime.keras_run import KerasRun
from kgp.training.additions import NO_ADDITIONS, Additions
from kgp.training.loop import SecondStage, begin, is_finished, train
from kgp.training.pseudo_masks import TABLE, read_pixel_labels, write_pseudo_masks

_log = logging.getLogger(__name__)
STAGE1 = "stage-1"
PSEUDO_MASKS = "pseudo-masks"  # in a run folder until the training is finished
_SLOWER = 0.5  # learning rate of the second stage, as a share of the first's


def train_two_stages(
    config: RunConfig,
    labelled: LabelledCohort,
    split: Split,
    folder: Path,
    resume: bool,
    source: dict[str, Any],
    overwrite: bool,
    additions: Additions,
) -> Run:
    """Trains both stages; arguments and errors as for `kgp.training.loop.train`.

    What is finished of an interrupted training is kept: the first stage, the pseudo-masks, and the
    epochs of the second stage.
    """
    check_two_stages(config, labelled, additions)
    if not resume:
        if folder.exists() and not overwrite:
            raise KgpError(f"{folder} exists already; name another folder.")
        begin(folder, config, split, source, overwrite, additions)
    first = folder / STAGE1
    if not (first.is_dir() and is_finished(first)):
        _train_first(config, labelled, split, first, source, additions)
    pixels = _pixel_labels(config, labelled, split, folder)
    _log.info("Stage 2 of 2, at %s.", "x".join(map(str, labelled.cohort.shape[:2])))
    keras.utils.clear_session()
    second = SecondStage(second_stage(config), pixels, read_run(first))
    train(config, labelled, split, folder, resume=True, source=source, additions=additions, second=second)
    shutil.rmtree(folder / PSEUDO_MASKS)
    return read_run(folder)


def check_two_stages(config: RunConfig, labelled: LabelledCohort, additions: Additions) -> None:
    """Refuses what two stages cannot do.

    Raises:
        UsageError: no class means "no tumour", several hosts are to train, or there is a loss, an
            optimiser or an augmentation of one's own.
    """
    if labelled.no_tumour_class is None:
        raise UsageError(
            '--stages 2 needs a class that means "no tumour", whose slices are healthy everywhere; '
            f"the classes are {', '.join(labelled.class_names)}. Take --stages 1."
        )
    if config.optimiser.strategy == "multiworker":
        raise UsageError("--stages 2 trains on one host; with --strategy multiworker take --stages 1.")
    own = sorted({*additions.names()} - {"callbacks"})
    if own:
        raise UsageError(f"A training in two stages takes no {' and no '.join(own)} of one's own; take --stages 1.")


def stages_of(
    config: RunConfig, labelled: LabelledCohort, source: dict[str, Any]
) -> list[tuple[RunConfig, LabelledCohort]]:
    """What each stage is fitted with, and on which slices; of a training in one stage that alone.

    Raises:
        UsageError: see `check_two_stages`.
    """
    if config.optimiser.stages == 1:
        return [(config, labelled)]
    check_two_stages(config, labelled, NO_ADDITIONS)
    first = first_stage(config, max(labelled.cohort.shape[:2]))
    return [(first, first_cohort(labelled, first.data.size, source)), (second_stage(config), labelled)]


def first_stage(config: RunConfig, side: int) -> RunConfig:
    """The configuration of the first stage.

    Args:
        config: the configuration of both.
        side: of the slices in the second stage, in pixels.
    """
    size = config.optimiser.stage1_size or min(STAGE1_SIZE, side)
    return config.override(stages=1, size=size)


def second_stage(config: RunConfig) -> RunConfig:
    """The values that the second stage is fitted with."""
    optimiser = config.optimiser
    return config.override(
        epochs=optimiser.stage2_epochs, learning_rate=_SLOWER * optimiser.learning_rate, equivariance=0.0
    )


def first_cohort(labelled: LabelledCohort, size: int, source: dict[str, Any]) -> LabelledCohort:
    """The slices of the first stage.

    Args:
        labelled: those of the second.
        size: side in pixels.
        source: where the data come from; its cache is used.
    """
    cohort = shrunk_cohort(labelled.cohort, size, Path(source["cache"]) if source["cache"] else None)
    row_of = {row.id: row for row in cohort.rows}
    return dataclasses.replace(labelled, cohort=cohort, rows=tuple(row_of[row.id] for row in labelled.rows))


def _train_first(
    config: RunConfig,
    labelled: LabelledCohort,
    split: Split,
    folder: Path,
    source: dict[str, Any],
    additions: Additions,
) -> None:
    begun = (folder / "config.json").is_file()
    config = first_stage(config, max(labelled.cohort.shape[:2]))
    small = first_cohort(labelled, config.data.size, source)
    _log.info("Stage 1 of 2, at %s.", "x".join(map(str, small.cohort.shape[:2])))
    train(config, small, split, folder, begun, source=source, overwrite=not begun, additions=additions)


def _pixel_labels(config: RunConfig, labelled: LabelledCohort, split: Split, folder: Path) -> PixelLabels:
    part = parts_of(labelled, split)["train"]
    no_tumour_class = labelled.no_tumour_class or 0
    if not (folder / PSEUDO_MASKS / TABLE).is_file():
        _log.info("Labelling the pixels of the training slices by the heatmaps of stage 1.")
        write_pseudo_masks(KerasRun(folder / STAGE1), labelled.cohort, part, no_tumour_class, folder / PSEUDO_MASKS)
    return read_pixel_labels(folder / PSEUDO_MASKS, part.rows, no_tumour_class)
