"""Statistics of batch normalisation for slices as they are.

The moving statistics of a training are those of augmented slices, which interpolation has smoothed:
the first convolutions vary less on them than on slices as they are. A network that predicts with
them can be far off (docs/results.md).
"""

from collections.abc import Callable

import keras
import numpy as np

from kgp.config import RunConfig
from kgp.data.labels import LabelledCohort
from kgp.data.parts import Part
from kgp.data.pipeline import evaluation_dataset
from kgp.run_folder import build_network

_SLICES = 512  # most that are looked at


def plain_statistics(
    network: keras.Model, config: RunConfig, labelled: LabelledCohort, part: Part
) -> Callable[[], None]:
    """A function that sets the moving means and variances of a network anew.

    It takes them from batches of at most 512 training slices, normalised and not augmented, passed
    through the network as in training but without dropout. Trained weights stay as they are.

    Args:
        network: in training; without batch normalisation the function does nothing.
        config: the complete configuration.
        labelled, part: the slices of the training part.
    """
    layers = _batch_normalisations(network)
    if not layers:
        return lambda: None
    probe = build_network(config.override(dropout=0.0), labelled.cohort.shape, len(labelled.class_names))
    probes = _batch_normalisations(probe)
    for layer in probes:
        layer.momentum = 0.0  # what it keeps is that of the last batch alone
    order = np.random.default_rng(config.optimiser.seed).permutation(len(part.rows))[:_SLICES]
    images = evaluation_dataset(
        labelled.cohort,
        [part.rows[index] for index in order],
        batch_size=config.optimiser.batch_size,
        normalisation=config.data.normalisation,
    ).map(lambda batch: batch["image"])

    def refresh() -> None:
        for target, source in zip(probe.weights, network.weights, strict=True):
            target.assign(source)
        seen = []
        for batch in images.as_numpy_iterator():
            probe(batch, training=True)
            seen.append([_statistics(layer) for layer in probes])
        for number, layer in enumerate(layers):
            means = np.stack([statistics[number][0] for statistics in seen])
            variances = np.stack([statistics[number][1] for statistics in seen])
            layer.moving_mean.assign(means.mean(axis=0))
            layer.moving_variance.assign(variances.mean(axis=0) + means.var(axis=0))  # within batches and between

    return refresh


def _batch_normalisations(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]


def _statistics(layer: keras.layers.BatchNormalization) -> tuple[np.ndarray, np.ndarray]:
    mean, variance = map(keras.ops.convert_to_numpy, (layer.moving_mean, layer.moving_variance))
    return mean.astype(np.float64), variance.astype(np.float64)
