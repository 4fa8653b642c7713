"""The tf.data pipeline: order, read, normalise, augment, batch, prefetch.

Nothing but paths is held in memory. The order of an epoch and every random change are functions of
(seed, epoch, index) alone, so they do not depend on parallelism or on where a training was resumed.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from kgp.data.augment import augment_slice
from kgp.data.cohort import Cohort, SliceRow
from kgp.data.normalise import normalise
from kgp.errors import KgpError
from kgp.training.config import AugmentConfig

_NPY_PREFIX = 10  # magic string, version and length of the header, as the .npy format 1.0 has them
_ORDER_SEED = 0x5EED


def steps_per_epoch(slices: int, batch_size: int) -> int:
    """Batches an epoch; the last, incomplete one is left out, but there is always one."""
    return max(slices // batch_size, 1)


def training_dataset(cohort: Cohort, rows: Sequence[SliceRow], targets: Sequence[int], *, classes: int,
                     batch_size: int, normalisation: str, augment: AugmentConfig, seed: int, first_epoch: int = 0,
                     epochs: int = 1, parallel_calls: int = tf.data.AUTOTUNE) -> tf.data.Dataset:
    """Batches of epochs first_epoch .. epochs - 1, one after the other, each a new permutation of all slices.

    Args:
        cohort: the prepared slices.
        rows, targets: the training slices and their class indices.
        classes: K.
        normalisation: see `kgp.data.normalise.normalise`.
        augment: random changes.
        seed: of order and augmentation.
        parallel_calls: slices read at the same time; changes nothing in the result.

    Returns:
        Dataset of (images float32 [B, H, W, C], one-hot labels float32 [B, K]), `steps_per_epoch` batches an epoch.

    Raises:
        KgpError: a slice's file is missing or cut short.
    """
    check_files(cohort, rows)
    count = len(rows)
    batch = min(batch_size, count)
    paths = tf.constant([str(cohort.folder / row.image) for row in rows])
    labels = tf.constant(np.asarray(targets, np.int32))

    def epoch_dataset(epoch: tf.Tensor) -> tf.data.Dataset:
        order_seed = tf.stack([tf.cast(seed, tf.int64), epoch])

        def example(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            index = tf.random.experimental.index_shuffle(position, order_seed, tf.constant(count - 1, tf.int64))
            image = normalise(read_slice(paths[index], cohort), normalisation)
            image = augment_slice(image, augment, tf.stack([tf.cast(seed, tf.int64) * 1_000_003 + epoch, index]))
            return image, tf.one_hot(labels[index], classes)

        return tf.data.Dataset.range(count).map(example, parallel_calls, deterministic=True).batch(
            batch, drop_remainder=True)

    return tf.data.Dataset.range(first_epoch, epochs).flat_map(epoch_dataset).prefetch(2)


def evaluation_dataset(cohort: Cohort, rows: Sequence[SliceRow], *, batch_size: int,
                       normalisation: str | None = None) -> tf.data.Dataset:
    """The slices in order, in batches of {"image": [B, H, W, C], "index": [B]}; raw where `normalisation` is None.

    Raises:
        KgpError: a slice's file is missing or cut short.
    """
    check_files(cohort, rows)
    paths = tf.data.Dataset.from_tensor_slices([str(cohort.folder / row.image) for row in rows])

    def example(index: tf.Tensor, path: tf.Tensor) -> dict[str, tf.Tensor]:
        image = read_slice(path, cohort)
        return {"image": normalise(image, normalisation) if normalisation else image, "index": index}

    return paths.enumerate().map(example, tf.data.AUTOTUNE, deterministic=True).batch(batch_size).prefetch(2)


def read_slice(path: tf.Tensor, cohort: Cohort) -> tf.Tensor:
    """One .npy slice of the cohort as float32 [H, W, C], read in the graph."""
    content = tf.io.read_file(path)
    header = tf.io.decode_raw(tf.strings.substr(content, _NPY_PREFIX - 2, 2), tf.uint16)[0]
    pixels = tf.strings.substr(content, _NPY_PREFIX + tf.cast(header, tf.int32), -1)
    return tf.cast(tf.reshape(tf.io.decode_raw(pixels, cohort.dtype), cohort.shape), tf.float32)


def check_files(cohort: Cohort, rows: Sequence[SliceRow]) -> None:
    """Refuses slices whose files are missing or too short to hold the cohort's shape; no pixel is read.

    Raises:
        KgpError: such a file, or no slice at all.
    """
    if not rows:
        raise KgpError(f"There is no slice to read from {cohort.folder}.")
    smallest = int(np.prod(cohort.shape)) * np.dtype(cohort.dtype).itemsize + _NPY_PREFIX
    for row in rows:
        path = Path(cohort.folder / row.image)
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise KgpError(f"{path} is missing; prepare the data again.") from None
        if size < smallest:
            raise KgpError(f"{path} is cut short ({size} bytes where at least {smallest} are needed); "
                           "prepare the data again.")
