"""The tf.data pipeline: order, read, normalise, augment, batch, prefetch.

Nothing but paths and class indices is held in memory. The order of an epoch and every random change
are functions of (seed, epoch, slice) alone, so they depend neither on parallelism nor on where a
training was resumed.
"""

import dataclasses
import io
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kgp.config import AugmentConfig
from kgp.data import tensorflow_ops
from kgp.data.augment import augment_pair
from kgp.data.cohort import Cohort, SliceRow
from kgp.data.normalise import scale_intensities
from kgp.data.own_augmentation import Augmentation, apply_augmentation
from kgp.data.pixel_labels import IGNORED, INSIDE, PixelLabels
from kgp.data.service import check_reachable
from kgp.errors import KgpError, UsageError

# No control flow here depends on a tensor, so nothing needs AutoGraph, whose reading of the source
# takes seconds.
_as_written = tf.autograph.experimental.do_not_convert
_EPOCHS_APART = 1_000_003  # random streams of two seeds do not meet within this many epochs


@dataclasses.dataclass(frozen=True)
class BatchShare:
    """The part of each batch that one of several processes trains on.

    Attributes:
        worker, workers: this process and how many there are.
        pieces: devices of this process; each gets a batch of its own.
    """

    worker: int = 0
    workers: int = 1
    pieces: int = 1

    def of(self, batch: int) -> tuple[int, int]:
        """How many slices of a batch are this process's, and the index of the first.

        Raises:
            UsageError: the batch cannot be shared out evenly.
        """
        devices = self.workers * self.pieces
        if batch % devices:
            raise UsageError(
                f"A batch of {batch} slices cannot be shared by {devices} devices; choose another --batch-size."
            )
        own = batch // self.workers
        return own, self.worker * own


WHOLE_BATCH = BatchShare()


def steps_per_epoch(slices: int, batch_size: int) -> int:
    """Batches an epoch; an incomplete last one is left out, but there is always one."""
    return max(slices // batch_size, 1)


def training_dataset(
    cohort: Cohort,
    rows: Sequence[SliceRow],
    targets: Sequence[int],
    *,
    classes: int,
    batch_size: int,
    normalisation: str,
    augment: AugmentConfig,
    seed: int,
    first_epoch: int = 0,
    epochs: int = 1,
    parallel_calls: int = tf.data.AUTOTUNE,
    share: BatchShare = WHOLE_BATCH,
    service: str = "",
    own_augmentation: Augmentation | None = None,
    pixels: PixelLabels | None = None,
) -> tf.data.Dataset:
    """Batches of epochs first_epoch .. epochs - 1, one after the other, each in a new random order
    of all slices.

    Where the batch size does not divide the number of slices, each epoch leaves out the last few of
    its order. Where there are fewer slices than a batch takes, a batch holds all of them.

    Args:
        cohort: the prepared slices.
        rows, targets: the training slices and their class indices.
        classes: K.
        batch_size: slices a batch.
        normalisation: see `kgp.data.normalise.scale_intensities`.
        augment: random changes.
        seed: of order and augmentation.
        first_epoch, epochs: a resumed training starts at a later epoch and gets what it would have
            got.
        parallel_calls: slices read at the same time; changes nothing in the result.
        share: the part of each batch that this process reads, and the pieces in which it comes.
        service: address of a tf.data service that reads and augments instead of this process; its
            hosts must see the cohort under the same path. Several workers of a service may deliver
            batches in another order.
        own_augmentation: a change after those of `augment`; see
            `kgp.data.own_augmentation.apply_augmentation`.
        pixels: labels of the pixels of each slice.

    Returns:
        Dataset of (images float32 [B, H, W, C], one-hot labels float32 [B, K]), `steps_per_epoch`
        batches an epoch; with `pixels` a third part, class index and weight of each pixel, float32
        [B, H, W, 2].

    Raises:
        KgpError: there is no slice, a slice's file is missing or of a wrong length, or the service
            cannot be reached.
        UsageError: a batch cannot be shared out evenly.
    """
    check_files(cohort, rows)
    count = len(rows)
    batch = min(batch_size, count)
    steps = steps_per_epoch(count, batch)
    own, first = share.of(batch)
    paths = tf.constant([str(cohort.folder / row.image) for row in rows])
    labels = tf.constant(np.asarray(targets, np.int32))

    @_as_written
    def slices_of(step: tf.Tensor) -> tf.data.Dataset:
        epoch, start = step // steps, step % steps * batch + first
        order = tf.random.experimental.stateless_shuffle(tf.range(count, dtype=tf.int64), slice_seed(seed, epoch, -1))
        return tf.data.Dataset.from_tensor_slices((tf.fill([own], epoch), order[start : start + own]))

    files = tf.constant(pixels.files if pixels else [])
    weights = tf.constant(pixels.weights if pixels else [], tf.float32)

    @_as_written
    def example(epoch: tf.Tensor, index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image = read_slice(paths[index], cohort)
        image = scale_intensities(image, normalisation, tensorflow_ops)
        codes = _read_codes(files[index], cohort) if pixels else None
        image, codes = augment_pair(image, codes, augment, slice_seed(seed, epoch, index))
        if own_augmentation is not None:
            image = apply_augmentation(own_augmentation, image, slice_seed(seed, epoch, index))
        label = tf.one_hot(labels[index], classes)
        if pixels is None:
            return image, label
        return image, label, _pixel_labels(codes, labels[index], weights[index], pixels.no_tumour_class)

    dataset = tf.data.Dataset.range(first_epoch * steps, epochs * steps).flat_map(slices_of)
    dataset = dataset.map(example, parallel_calls, deterministic=True)
    dataset = dataset.batch(own // share.pieces, drop_remainder=True)
    if service:
        check_reachable(service)
        policy = tf.data.experimental.service.ShardingPolicy.DYNAMIC  # each step goes to one worker
        dataset = dataset.apply(tf.data.experimental.service.distribute(policy, f"grpc://{service}"))
    return dataset.prefetch(2)


def _read_codes(file: tf.Tensor, cohort: Cohort) -> tf.Tensor:
    """The codes of a slice's pixels, uint8 [H, W]."""
    codes = tf.io.decode_png(tf.io.read_file(file), channels=1)[..., 0]
    return tf.ensure_shape(codes, cohort.shape[:2])


def _pixel_labels(codes: tf.Tensor, label: tf.Tensor, weight: tf.Tensor, no_tumour_class: int) -> tf.Tensor:
    """Class index and weight of each pixel, float32 [H, W, 2]."""
    classes = tf.where(codes == INSIDE, tf.cast(label, tf.float32), float(no_tumour_class))
    return tf.stack([classes, tf.where(codes == IGNORED, 0.0, weight)], axis=-1)


def evaluation_dataset(
    cohort: Cohort, rows: Sequence[SliceRow], *, batch_size: int, normalisation: str | None = None
) -> tf.data.Dataset:
    """The slices in order, none left out, in batches of {"image": float32 [B, H, W, C], "index":
    int64 [B]}.

    Args:
        cohort: the prepared slices.
        rows: the slices wanted; `index` counts them from 0.
        batch_size: slices a batch; the last one may hold fewer.
        normalisation: see `kgp.data.normalise.scale_intensities`; None gives raw intensities.

    Raises:
        KgpError: there is no slice, or a slice's file is missing or of a wrong length.
    """
    check_files(cohort, rows)

    @_as_written
    def example(index: tf.Tensor, path: tf.Tensor) -> dict[str, tf.Tensor]:
        return {
            "image": scale_intensities(read_slice(path, cohort), normalisation or "none", tensorflow_ops),
            "index": index,
        }

    dataset = tf.data.Dataset.from_tensor_slices([str(cohort.folder / row.image) for row in rows]).enumerate()
    return dataset.map(example, tf.data.AUTOTUNE, deterministic=True).batch(batch_size).prefetch(2)


def slice_seed(seed: int, epoch: int | tf.Tensor, index: int | tf.Tensor) -> tf.Tensor:
    """The stateless seed, int64 [2], of slice number `index` of the training rows in one epoch."""
    return tf.stack([seed * _EPOCHS_APART + tf.cast(epoch, tf.int64), tf.cast(index, tf.int64)])


def read_slice(path: tf.Tensor, cohort: Cohort) -> tf.Tensor:
    """One .npy slice of the cohort as float32 [H, W, C], read in the graph.

    The file holds its pixels in C order, as prepared slices do.
    """
    pixels = tf.strings.substr(tf.io.read_file(path), _header_length(cohort), -1)
    return tf.cast(tf.reshape(tf.io.decode_raw(pixels, cohort.dtype), cohort.shape), tf.float32)


def check_files(cohort: Cohort, rows: Sequence[SliceRow]) -> None:
    """Refuses slices whose files are missing or not of the length that the cohort's shape and type
    give.

    Only lengths are looked up, no file is opened, so that a large cohort is checked at once.

    Raises:
        KgpError: such a file, or no slice at all.
    """
    if not rows:
        raise KgpError(f"There is no slice to read from {cohort.folder}.")
    expected = _header_length(cohort) + int(np.prod(cohort.shape)) * np.dtype(cohort.dtype).itemsize
    for row in rows:
        path = cohort.folder / row.image
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise KgpError(f"{path} is missing; prepare the data again.") from None
        if size != expected:
            raise KgpError(
                f"{path} has {size} bytes where a slice of this cohort has {expected} (cut short?); "
                "prepare the data again."
            )


def _header_length(cohort: Cohort) -> int:
    """Bytes before the pixels in a .npy file.

    All slices of a cohort have the same, as they share shape and type.
    """
    header = io.BytesIO()
    description = np.lib.format.dtype_to_descr(np.dtype(cohort.dtype))
    np.lib.format.write_array_header_1_0(header, {"descr": description, "fortran_order": False, "shape": cohort.shape})
    return len(header.getvalue())
