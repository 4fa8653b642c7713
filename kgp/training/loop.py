"""Training a network on a prepared cohort, from configuration to a finished run folder."""

import contextlib
import dataclasses
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kgp.config import OptimiserConfig, RunConfig
from kgp.data.labels import LabelledCohort
from kgp.data.parts import Part, parts_of
from kgp.data.pipeline import WHOLE_BATCH, BatchShare, evaluation_dataset, steps_per_epoch, training_dataset
from kgp.data.pixel_labels import PixelLabels
from kgp.data.split import Split, write_split
from kgp.errors import KgpError
from kgp.evaluation.class_scores import confusion_matrix, overall_scores
from kgp.files import write_json
from kgp.run_folder import WEIGHTS, Run, build_network, build_run_network, read_run, write_run
from kgp.training import additions as own_parts
from kgp.training import checkpoint
from kgp.training.additions import NO_ADDITIONS, Additions
from kgp.training.batch_statistics import plain_statistics
from kgp.training.callbacks import EpochEnd
from kgp.training.cluster import worker_and_count
from kgp.training.devices import build_strategy, set_precision
from kgp.training.distributed import distributed_model, lost_workers_as_error, mean_over_devices
from kgp.training.equivariance import PIXELS, training_losses, training_model
from kgp.training.losses import WeightedCrossEntropy, class_weights
from kgp.training.optimisers import build_optimiser
from kgp.training.pixel_loss import PixelLoss

if TYPE_CHECKING:
    import tensorflow as tf

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class SecondStage:
    """What the second of two stages begins with.

    Attributes:
        config: how it is fitted.
        pixels: labels of the pixels of the training slices.
        first: the run of the first stage.
    """

    config: RunConfig
    pixels: PixelLabels
    first: Run

    def facts(self) -> dict[str, Any]:
        """What the manifest of the run says of the first stage."""
        return {
            "stage1_size": self.first.shape[0],
            "stage1_epochs": self.first.manifest["epochs_trained"],
            "stage1_seconds": self.first.manifest["training_seconds"],
        }


def train(
    config: RunConfig,
    labelled: LabelledCohort,
    split: Split,
    folder: Path,
    resume: bool = False,
    *,
    source: dict[str, Any] | None = None,
    overwrite: bool = False,
    additions: Additions = NO_ADDITIONS,
    second: SecondStage | None = None,
) -> Run | None:
    """Fits the network and writes the run folder.

    The same configuration, data and machine give the same weights, also when the training was
    killed and resumed in between. An interruption (Ctrl-C) writes the weights of the last whole
    epoch as a usable run and is raised again; before the end of the first epoch it leaves a folder
    that `resume` starts again.

    With the strategy multiworker every worker calls this; the first writes the run folder, which
    all must see, and the others return None.

    Args:
        config: the complete configuration; `data.size` has been applied to the cohort already.
        labelled: slices and classes.
        split: the parts.
        folder: the run folder.
        resume: go on from the checkpoint in `folder`, or from the beginning where there is none
            yet.
        source: where the data come from, kept as source.json for a later resumption.
        overwrite: remove what is in `folder`, after all checks of the new training have passed.
        additions: parts of one's own.
        second: what the second of two stages begins with; see `kgp.training.two_stages`.

    Raises:
        UsageError: a part of one's own cannot be used, or is not what a resumed training began
            with.
        KgpError: the size does not fit the network, a class has no training slice, the checkpoint
            does not fit, `folder` exists though neither `resume` nor `overwrite` is set, memory
            runs out, a slice vanishes, or another worker is lost.
    """
    fitted = second.config if second else config
    optimiser = fitted.optimiser
    parts = parts_of(labelled, split)
    steps = steps_per_epoch(len(parts["train"].rows), optimiser.batch_size)
    keras.utils.set_random_seed(optimiser.seed)
    additions = own_parts.made_additions(additions, optimiser.strategy, steps * optimiser.epochs)
    if resume:
        own_parts.check_same(folder, additions)
    strategy = build_strategy(optimiser)  # before TensorFlow computes anything
    _check_augmentation(config, labelled, parts["train"], additions)
    set_precision(optimiser.mixed_precision)
    with strategy.scope() if strategy else contextlib.nullcontext():
        network = build_network(config, labelled.cohort.shape, len(labelled.class_names))
    weights = loss_weights(config, parts["train"].targets, len(labelled.class_names))
    if second:
        for layer in build_run_network(second.first, *labelled.cohort.shape[:2]).layers:
            network.get_layer(layer.name).set_weights(layer.get_weights())
    pixel_loss = PixelLoss(second.pixels.no_tumour_class) if second else None
    model = compiled_model(network, fitted, weights, steps, strategy, additions, pixel_loss)
    worker, workers = worker_and_count(optimiser)
    if worker == 0 and not resume:
        begin(folder, config, split, source, overwrite, additions)
    begun = resume and (folder / checkpoint.NAME).is_file()
    state = checkpoint.load_checkpoint(folder, model) if begun else checkpoint.TrainingState()
    interrupted = False
    try:
        if state.epoch < optimiser.epochs and not _patience_over(state, optimiser):
            with lost_workers_as_error(folder) if strategy else contextlib.nullcontext(), _failures_as_errors():
                pixels = second.pixels if second else None
                _fit(
                    model, network, fitted, labelled, parts, folder, state, steps, strategy, weights, additions, pixels
                )
    except KeyboardInterrupt:
        if worker > 0 or not (folder / checkpoint.NAME).is_file():
            raise
        interrupted = True
        state = checkpoint.load_checkpoint(folder, model)
    finally:
        set_precision(mixed=False)
    if workers > 1:
        _log.info(
            "Worker %d of %d: the weights' SHA-256 is %s.", worker + 1, workers, checkpoint.digest(model.variables)
        )
    extra = additions.names() | (second.facts() if second else {})
    return _finish(network, config, labelled, folder, state, interrupted, extra) if worker == 0 else None


def _check_augmentation(config: RunConfig, labelled: LabelledCohort, part: Part, additions: Additions) -> None:
    if additions.augmentation is None:
        return
    from kgp.data.own_augmentation import check_augmentation

    one = evaluation_dataset(labelled.cohort, part.rows[:1], batch_size=1, normalisation=config.data.normalisation)
    image = next(iter(one))["image"][0]
    check_augmentation(additions.augmentation, image, own_parts.name_of(additions.augmentation))


def begin(
    folder: Path,
    config: RunConfig,
    split: Split,
    source: dict[str, Any] | None,
    overwrite: bool,
    additions: Additions,
) -> None:
    """Makes the run folder with what a resumed training needs; config.json, which makes it a run,
    comes last.
    """
    if folder.exists():
        if not overwrite:
            raise KgpError(f"{folder} exists already; name another folder.")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    if source is not None:
        write_json(folder / "source.json", source)
    own_parts.record(folder, additions)
    write_split(split, folder / "split.csv")
    write_json(folder / "config.json", config.to_dict())


@contextlib.contextmanager
def _failures_as_errors() -> Iterator[None]:
    """Turns the errors of TensorFlow for lack of memory and for slices that vanished into one
    sentence.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        raise KgpError(
            f"The training ran out of a resource ({error.message.splitlines()[0]}); where that is memory, a smaller "
            "--batch-size, --size or --width needs less."
        ) from None
    except tf.errors.NotFoundError as error:
        raise KgpError(
            f"A slice could not be read any more ({error.message.splitlines()[0]}); the hosts of a data service must see "
            "the prepared slices under the same path."
        ) from None


def _fit(
    model: keras.Model,
    network: keras.Model,
    config: RunConfig,
    labelled: LabelledCohort,
    parts: dict[str, Part],
    folder: Path,
    state: checkpoint.TrainingState,
    steps: int,
    strategy: "tf.distribute.Strategy | None",
    weights: list[float],
    additions: Additions,
    pixels: PixelLabels | None,
) -> None:
    optimiser = config.optimiser
    worker, workers = worker_and_count(optimiser)
    share = BatchShare(worker, workers, strategy.num_replicas_in_sync // workers if strategy else 1)

    def read(context: Any = None) -> Any:
        outputs = list(model.output)
        return training_batches(config, labelled, parts["train"], outputs, state.epoch, share, additions, pixels)

    dataset = strategy.distribute_datasets_from_function(read) if strategy else read()
    validation = evaluation_dataset(
        labelled.cohort,
        parts["validation"].rows,
        batch_size=optimiser.batch_size,
        normalisation=config.data.normalisation,
    ).map(lambda batch: batch["image"])
    classifier = keras.Model(network.input, network.output["logits"])
    targets = np.asarray(parts["validation"].targets)
    plain = optimiser.batch_statistics == "plain"
    refresh = plain_statistics(network, config, labelled, parts["train"]) if plain else None

    def validate() -> dict[str, float]:
        if refresh:
            refresh()
        figures = validation_figures(classifier.predict(validation, verbose=0), targets, np.asarray(weights))
        return mean_over_devices(figures, strategy) if strategy else figures

    callbacks = [EpochEnd(folder if worker == 0 else None, network, validate, state, optimiser, steps)]
    if worker == 0:
        callbacks.append(keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False))
    callbacks += additions.callbacks
    model.fit(
        dataset,
        epochs=optimiser.epochs,
        initial_epoch=state.epoch,
        steps_per_epoch=steps,
        shuffle=False,  # the pipeline has shuffled already
        verbose=0,
        callbacks=callbacks,
    )


def training_batches(
    config: RunConfig,
    labelled: LabelledCohort,
    part: Part,
    outputs: list[str],
    first_epoch: int = 0,
    share: BatchShare = WHOLE_BATCH,
    additions: Additions = NO_ADDITIONS,
    pixels: PixelLabels | None = None,
) -> Any:
    """Batches of augmented slices, with the labels for each output that has a loss, from an epoch
    on.

    `share` is what this process reads of each; see `kgp.data.pipeline.training_dataset`.
    """
    optimiser = config.optimiser

    def by_output(images: Any, labels: Any, pixel_labels: Any = None) -> tuple[Any, dict[str, Any]]:
        of_pixels = {} if pixel_labels is None else {PIXELS: pixel_labels}
        return images, dict.fromkeys(outputs, labels) | of_pixels

    return training_dataset(
        labelled.cohort,
        part.rows,
        part.targets,
        classes=len(labelled.class_names),
        batch_size=optimiser.batch_size,
        normalisation=config.data.normalisation,
        augment=config.augment,
        seed=optimiser.seed,
        first_epoch=first_epoch,
        epochs=optimiser.epochs,
        share=share,
        service=optimiser.data_service,
        own_augmentation=additions.augmentation,
        pixels=pixels,
    ).map(by_output)


def validation_figures(logits: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Weighted cross-entropy, accuracy and macro-F1 of logits [N, K] against class indices [N].

    The scores are those of metrics.json; see `kgp.evaluation.class_scores`.
    """
    logits = logits.astype(np.float64)
    log_probabilities = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    weight = weights[targets]
    confusion = confusion_matrix(targets, logits.argmax(axis=1), logits.shape[1])
    scores = overall_scores(confusion[None], None)
    return {
        "val_loss": float(-np.sum(weight * log_probabilities[np.arange(len(targets)), targets]) / weight.sum()),
        "val_accuracy": float(scores["accuracy"][0]),
        "val_macro_f1": float(scores["macro_f1"][0]),
    }


def loss_weights(config: RunConfig, targets: tuple[int, ...], classes: int) -> list[float]:
    """The weight of each class in the loss, from the class indices of the training part."""
    return class_weights(targets, classes) if config.optimiser.class_weights else [1.0] * classes


def compiled_model(
    network: keras.Model,
    config: RunConfig,
    weights: list[float],
    steps: int,
    strategy: "tf.distribute.Strategy | None" = None,
    additions: Additions = NO_ADDITIONS,
    pixel_loss: PixelLoss | None = None,
) -> keras.Model:
    """The network with its losses and optimiser, ready to fit.

    Args:
        weights: of the classes, K.
        steps: batches an epoch, for the course of the learning rate.
        strategy: in whose scope the network was built.
        additions: loss and optimiser in the place of the weighted cross-entropy and of the
            configuration's.
        pixel_loss: of the heatmap, where its pixels have labels.
    """
    optimiser = config.optimiser
    if strategy:
        return distributed_model(network, optimiser, weights, steps * optimiser.epochs, strategy, pixel_loss)
    model = training_model(network, optimiser.equivariance, with_pixels=pixel_loss is not None)
    built = additions.optimiser or build_optimiser(optimiser, steps * optimiser.epochs)
    built.build(model.trainable_variables)  # or the first step is traced with it, in a third more time
    model.compile(
        optimizer=built,
        loss=training_losses(model, additions.loss or WeightedCrossEntropy(weights), pixel_loss),
        jit_compile=False,  # measured on two cores: XLA is a quarter slower than oneDNN here, and compiles longer
    )
    return model


def _finish(
    network: keras.Model,
    config: RunConfig,
    labelled: LabelledCohort,
    folder: Path,
    state: checkpoint.TrainingState,
    interrupted: bool,
    extra: dict[str, Any],
) -> Run:
    """Chooses the weights to keep and writes weights and manifest.

    A finished training needs its checkpoint no more.
    """
    kept = state.epoch
    if config.optimiser.keep == "best" and (folder / checkpoint.BEST_NAME).is_file():
        checkpoint.load_arrays(folder / checkpoint.BEST_NAME, network.variables)
        kept = state.best_epoch
    extra = {
        **extra,
        "epochs_trained": state.epoch,
        "epoch_kept": kept,
        "validation_macro_f1": state.history[kept - 1]["val_macro_f1"],
        "training_seconds": round(state.seconds, 1),
    }
    run = write_run(
        folder,
        config,
        network,
        class_names=labelled.class_names,
        no_tumour_class=labelled.no_tumour_class,
        contrasts=labelled.cohort.contrasts,
        shape=labelled.cohort.shape,
        data=str(labelled.cohort.folder.resolve()),
        data_name=labelled.cohort.name,
        data_content=labelled.cohort.content,
        extra=extra,
    )
    if interrupted:
        _log.info(
            "Stopped after epoch %d of %d; the run folder holds its weights, and kgp train --resume %s goes on.",
            state.epoch,
            config.optimiser.epochs,
            folder,
        )
        raise KeyboardInterrupt
    (folder / checkpoint.NAME).unlink(missing_ok=True)
    (folder / checkpoint.BEST_NAME).unlink(missing_ok=True)
    (folder / own_parts.RECORD).unlink(missing_ok=True)
    return run


def is_finished(folder: Path) -> bool:
    """Whether a run folder holds a training that has ended."""
    if not (folder / WEIGHTS).is_file() or (folder / checkpoint.NAME).is_file():
        return False
    read_run(folder)
    return True


def _patience_over(state: checkpoint.TrainingState, optimiser: OptimiserConfig) -> bool:
    return bool(optimiser.patience) and state.epoch - state.best_epoch >= optimiser.patience
