"""kgp.data.pipeline: order, bytes and files of what training and judging read."""

import contextlib
import dataclasses
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from kgp.config import AugmentConfig
from kgp.data.augment import augment_slice
from kgp.data.cohort import Cohort, SliceRow, read_image
from kgp.data.normalise import scale_intensities
from kgp.data.pipeline import BatchShare, evaluation_dataset, slice_seed, steps_per_epoch, training_dataset
from kgp.errors import KgpError, UsageError

COUNT = 11
CHANGES = AugmentConfig(rotation=90.0, flip_horizontal=0.5, gain=0.2, noise=0.1)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Eleven slices [4, 5, 2]; all pixels of slice n are n + 1, but for one corner, which is 0."""
    return write_cohort(tmp_path_factory.mktemp("cohort"), np.uint16)


def write_cohort(folder, dtype):
    rows = []
    for number in range(COUNT):
        image = np.full((4, 5, 2), number + 1, dtype)
        image[0, 0] = 0
        np.save(folder / f"{number}.npy", image)
        rows.append(SliceRow(f"s{number}", "p", "p", 0, "x", image=f"{number}.npy"))
    return Cohort(folder, "slices", ("T1", "T2"), (4, 5, 2), np.dtype(dtype).name, tuple(rows))


def training(cohort, batch_size=1, normalisation="none", augment=AugmentConfig(), seed=7, **options):  # noqa: B008
    targets = [number % 3 for number in range(len(cohort.rows))]
    return training_dataset(
        cohort,
        cohort.rows,
        targets,
        classes=3,
        batch_size=batch_size,
        normalisation=normalisation,
        augment=augment,
        seed=seed,
        **options,
    )


def order(dataset):
    """Numbers of the slices, in the order in which they come."""
    return [int(image.max()) - 1 for images, _ in dataset.as_numpy_iterator() for image in images]


def content(dataset):
    return b"".join(images.tobytes() + labels.tobytes() for images, labels in dataset.as_numpy_iterator())


def test_every_slice_comes_once_an_epoch_and_epochs_differ(cohort):
    numbers = np.reshape(order(training(cohort, epochs=4)), (4, COUNT))
    assert (np.sort(numbers, axis=1) == np.arange(COUNT)).all()
    assert len({tuple(epoch) for epoch in numbers.tolist()}) == 4


def test_the_seed_decides_the_order(cohort):
    assert order(training(cohort)) == order(training(cohort))
    assert order(training(cohort)) != order(training(cohort, seed=8))


def test_labels_are_one_hot_and_go_with_their_slices(cohort):
    for images, labels in training(cohort, batch_size=3).as_numpy_iterator():
        assert images.shape == (3, 4, 5, 2) and images.dtype == labels.dtype == np.float32
        for image, label in zip(images, labels, strict=True):
            np.testing.assert_array_equal(label, np.eye(3)[(int(image.max()) - 1) % 3])


@pytest.mark.parametrize(("batch_size", "steps", "size"), [(1, 11, 1), (3, 3, 3), (11, 1, 11), (64, 1, 11)])
def test_batches(cohort, batch_size, steps, size):
    assert steps_per_epoch(COUNT, batch_size) == steps
    batches = [images.shape[0] for images, _ in training(cohort, batch_size, epochs=2).as_numpy_iterator()]
    assert batches == [size] * (2 * steps)
    assert training(cohort, batch_size).element_spec[0].shape == (size, 4, 5, 2)


def test_an_incomplete_batch_is_left_out_epoch_by_epoch(cohort):
    numbers = np.reshape(order(training(cohort, batch_size=4, epochs=3)), (3, 8))
    assert all(len(set(epoch)) == 8 for epoch in numbers.tolist())


def test_the_result_does_not_depend_on_parallelism(cohort):
    first, second = (
        content(training(cohort, 2, "zscore", CHANGES, epochs=2, parallel_calls=calls)) for calls in (1, 4)
    )
    assert first == second


def test_a_later_first_epoch_gives_what_would_have_come(cohort):
    whole = training(cohort, 2, "zscore", CHANGES, epochs=4).skip(2 * steps_per_epoch(COUNT, 2))
    assert content(whole) == content(training(cohort, 2, "zscore", CHANGES, first_epoch=2, epochs=4))
    assert content(training(cohort, first_epoch=4, epochs=4)) == b""


def test_a_slice_is_read_normalised_and_augmented_by_its_seed(cohort):
    numbers = order(training(cohort, seed=3, first_epoch=1, epochs=2))
    dataset = training(cohort, normalisation="zscore", augment=CHANGES, seed=3, first_epoch=1, epochs=2)
    for number, (images, _) in zip(numbers, dataset.as_numpy_iterator(), strict=True):
        image = scale_intensities(read_image(cohort, cohort.rows[number]), "zscore")
        expected = augment_slice(image, CHANGES, slice_seed(3, 1, number))
        np.testing.assert_allclose(images[0], expected, atol=1e-4)


def test_seeds_of_epochs_and_slices_do_not_meet():
    seeds = {
        tuple(slice_seed(seed, epoch, index).numpy())
        for seed in range(3)
        for epoch in range(4)
        for index in range(-1, 5)
    }
    assert len(seeds) == 3 * 4 * 6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_slices_in_order_of_every_type(tmp_path, dtype):
    cohort = write_cohort(tmp_path, dtype)
    batches = list(evaluation_dataset(cohort, cohort.rows, batch_size=4).as_numpy_iterator())
    assert [len(batch["index"]) for batch in batches] == [4, 4, 3]
    assert np.concatenate([batch["index"] for batch in batches]).tolist() == list(range(COUNT))
    images = np.concatenate([batch["image"] for batch in batches])
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, np.stack([read_image(cohort, row) for row in cohort.rows]))


def test_some_slices_normalised(cohort):
    rows = cohort.rows[3:5]
    (batch,) = evaluation_dataset(cohort, rows, batch_size=8, normalisation="slice_maximum").as_numpy_iterator()
    np.testing.assert_allclose(batch["image"].max(axis=(1, 2, 3)), 1.0)
    assert batch["index"].tolist() == [0, 1]


def read_all(cohort):
    return evaluation_dataset(cohort, cohort.rows, batch_size=2)


@pytest.mark.parametrize("read", [training, read_all])
def test_bad_files_are_named_before_anything_is_read(tmp_path, read):
    cohort = write_cohort(tmp_path, np.uint8)
    content = (tmp_path / "5.npy").read_bytes()
    (tmp_path / "5.npy").write_bytes(content[:-1])
    with pytest.raises(KgpError, match=r"5.npy has 167 bytes where a slice of this cohort has 168 \(cut short\?\)"):
        read(cohort)
    (tmp_path / "5.npy").unlink()
    with pytest.raises(KgpError, match=r"5.npy is missing; prepare the data again"):
        read(cohort)
    with pytest.raises(KgpError, match="There is no slice to read from"):
        read(dataclasses.replace(cohort, rows=()))


def test_shares_of_a_batch_make_the_whole(cohort):
    whole = np.reshape(order(training(cohort, batch_size=8, epochs=2)), (2, 8))
    shares = [order(training(cohort, batch_size=8, epochs=2, share=BatchShare(worker, 2, 2))) for worker in (0, 1)]
    for worker, share in enumerate(shares):
        np.testing.assert_array_equal(np.reshape(share, (2, 4)), whole[:, 4 * worker : 4 * worker + 4])
    pieces = training(cohort, batch_size=8, share=BatchShare(0, 2, 2)).as_numpy_iterator()
    assert [images.shape[0] for images, _ in pieces] == [2, 2]


def test_a_batch_that_cannot_be_shared_is_refused(cohort):
    with pytest.raises(UsageError, match="A batch of 8 slices cannot be shared by 3 devices"):
        training(cohort, batch_size=8, share=BatchShare(0, 3))


def test_a_data_service_gives_the_same_batches(cohort):
    with running_service() as address:
        served = training(cohort, batch_size=3, augment=CHANGES, epochs=2, service=address)
        assert content(served) == content(training(cohort, batch_size=3, augment=CHANGES, epochs=2))
        own = {"batch_size": 3, "own_augmentation": halve_some}
        assert content(training(cohort, service=address, **own)) == content(training(cohort, **own))


def halve_some(image, seed):
    if tf.random.stateless_uniform((), seed) < 0.5:
        return image
    return image / 2.0


def test_an_augmentation_of_ones_own_comes_last_and_depends_on_seed_epoch_and_slice_alone(cohort):
    def own(**options):
        return training(cohort, augment=CHANGES, own_augmentation=halve_some, **options)

    plain = [image[0] for image, _ in training(cohort, augment=CHANGES, epochs=2).as_numpy_iterator()]
    changed = [image[0] for image, _ in own(epochs=2).as_numpy_iterator()]
    shares = [float(one[1, 1, 0] / other[1, 1, 0]) for one, other in zip(changed, plain, strict=True)]
    assert set(shares) == {0.5, 1.0}
    assert shares[:COUNT] != shares[COUNT:]
    for options in ({"parallel_calls": 1}, {"parallel_calls": 4}):
        assert content(own(epochs=2)) == content(own(epochs=2, **options))
    assert content(own(epochs=2)).endswith(content(own(first_epoch=1, epochs=2)))
    assert content(own(seed=8)) != content(own())


@contextlib.contextmanager
def running_service():
    """A data service with one worker, as the user starts it."""
    command = [sys.executable, "-m", "kgp.data_service", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if line.startswith("Ready"))
        yield line.split()[4]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_an_absent_data_service_is_told(cohort):
    with pytest.raises(
        KgpError, match=r"data service cannot be reached at 127\.0\.0\.1:1: .* start it with kgp data-service"
    ):
        training(cohort, service="127.0.0.1:1")
    for address in ("somewhere", "host:²", "host:99999"):
        with pytest.raises(UsageError, match=f"is HOST:PORT, not '{address}'"):
            training(cohort, service=address)
