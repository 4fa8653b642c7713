"""The tf.data pipeline: order, seeds, batches, and files that are not as they should be."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf

from kgp.data.augment import augment_slice
from kgp.data.cohort import Cohort, SliceRow, read_image
from kgp.data.normalise import normalise
from kgp.data.pipeline import evaluation_dataset, read_slice, slice_seed, steps_per_epoch, training_dataset
from kgp.errors import KgpError
from kgp.training.config import AugmentConfig

STRONG = AugmentConfig(rotation=180.0, flip_horizontal=0.5, scale=0.1, shift=0.05, gain=0.1, offset=0.1, noise=0.1)
COUNT = 10


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Ten slices 8x8x2 in which every pixel of the first contrast is the slice's number."""
    return write_numbered(tmp_path_factory.mktemp("numbered"), COUNT)


def write_numbered(folder, count, dtype=np.uint8):
    (folder / "slices").mkdir()
    rows = []
    for number in range(count):
        image = np.full((8, 8, 2), number, dtype)
        image[..., 1] = np.random.default_rng(number).integers(0, 100, (8, 8))
        np.save(folder / "slices" / f"s{number}.npy", image)
        rows.append(
            SliceRow(f"s{number}", f"p{number}", f"p{number}", number % 3, "label", image=f"slices/s{number}.npy")
        )
    return Cohort(folder, "slices", ("T1", "FLAIR"), (8, 8, 2), np.dtype(dtype).name, tuple(rows))


def training(cohort, batch_size=4, rows=None, **changes):
    rows = cohort.rows if rows is None else rows
    options = {"normalisation": "none", "augment": AugmentConfig(), "seed": 1, "epochs": 1} | changes
    return training_dataset(cohort, rows, [row.label for row in rows], classes=3, batch_size=batch_size, **options)


def numbers(dataset):
    """The slices' numbers, batch after batch."""
    return [batch[:, 0, 0, 0].astype(int).tolist() for batch, _ in dataset.as_numpy_iterator()]


def everything(dataset):
    return [(images.tobytes(), labels.tobytes()) for images, labels in dataset.as_numpy_iterator()]


@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_each_epoch_holds_every_slice_once_in_another_order(numbered, seed):
    batches = numbers(training(numbered, batch_size=5, epochs=4, seed=seed))
    epochs = [batches[place] + batches[place + 1] for place in range(0, 8, 2)]
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4


def test_orders_do_not_come_back():
    """An order repeats by chance once in 3.6 million; `index_shuffle` of TensorFlow 2.21 knows only 256 of them."""
    seeds = [slice_seed(0, epoch, -1) for epoch in range(600)]
    orders = {tuple(tf.random.experimental.stateless_shuffle(tf.range(COUNT), seed).numpy()) for seed in seeds}
    assert len(orders) == 600


def test_another_seed_is_another_order(numbered):
    assert numbers(training(numbered, seed=1)) != numbers(training(numbered, seed=2))


def test_the_result_does_not_depend_on_parallelism(numbered):
    results = [everything(training(numbered, epochs=2, augment=STRONG, parallel_calls=calls)) for calls in (1, 4)]
    assert results[0] == results[1] == everything(training(numbered, epochs=2, augment=STRONG))


def test_a_later_start_gets_what_an_earlier_one_would_have_got(numbered):
    whole = everything(training(numbered, epochs=4, augment=STRONG))
    resumed = everything(training(numbered, first_epoch=2, epochs=4, augment=STRONG))
    assert resumed == whole[2 * steps_per_epoch(COUNT, 4) :]


def test_changes_are_a_function_of_seed_epoch_and_slice(numbered):
    batches = list(
        training(
            numbered, batch_size=COUNT, first_epoch=3, epochs=4, augment=STRONG, normalisation="slice_maximum"
        ).as_numpy_iterator()
    )
    order = numbers(training(numbered, batch_size=COUNT, first_epoch=3, epochs=4))[0]
    for image, number in zip(batches[0][0], order, strict=True):
        plain = normalise(read_image(numbered, numbered.rows[number]), "slice_maximum")
        np.testing.assert_allclose(image, augment_slice(plain, STRONG, slice_seed(1, 3, number)), atol=1e-4)


def test_the_same_slice_changes_from_epoch_to_epoch(numbered):
    row = numbered.rows[:1]
    epochs = [images for images, _ in everything(training(numbered, 1, row, epochs=5, augment=STRONG))]
    assert len(set(epochs)) == 5


@pytest.mark.parametrize(("batch_size", "sizes"), [(4, [4, 4]), (10, [10]), (11, [10]), (1000, [10]), (1, [1] * 10)])
def test_batches(numbered, batch_size, sizes):
    batches = list(training(numbered, batch_size).as_numpy_iterator())
    assert [len(images) for images, _ in batches] == sizes
    assert steps_per_epoch(COUNT, batch_size) == len(sizes)


def test_batches_never_mix_two_epochs(numbered):
    for batch in numbers(training(numbered, batch_size=7, epochs=5)):
        assert len(set(batch)) == 7


def test_labels_are_one_hot_and_belong_to_their_slices(numbered):
    for images, labels in training(numbered).as_numpy_iterator():
        assert labels.dtype == np.float32 and labels.shape == (4, 3)
        np.testing.assert_array_equal(labels, np.eye(3)[images[:, 0, 0, 0].astype(int) % 3])


def test_shapes_are_known_when_the_network_is_built(numbered):
    images, labels = training(numbered, augment=STRONG, normalisation="head_zscore").element_spec
    assert (images.shape, images.dtype) == ((4, 8, 8, 2), tf.float32)
    assert (labels.shape, labels.dtype) == ((4, 3), tf.float32)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_reading_in_the_graph_equals_numpy(tmp_path, dtype):
    cohort = write_numbered(tmp_path, 2, dtype)
    for row in cohort.rows:
        np.testing.assert_array_equal(read_slice(str(tmp_path / row.image), cohort), read_image(cohort, row))


def test_evaluation_keeps_the_order_and_leaves_nothing_out(numbered):
    batches = list(evaluation_dataset(numbered, numbered.rows[::-1], batch_size=4).as_numpy_iterator())
    assert [len(batch["index"]) for batch in batches] == [4, 4, 2]
    index = np.concatenate([batch["index"] for batch in batches])
    images = np.concatenate([batch["image"] for batch in batches])
    np.testing.assert_array_equal(index, np.arange(COUNT))
    np.testing.assert_array_equal(images, [read_image(numbered, row) for row in numbered.rows[::-1]])


def test_evaluation_normalises_when_asked(numbered):
    batch = next(
        evaluation_dataset(numbered, numbered.rows[:2], batch_size=2, normalisation="zscore").as_numpy_iterator()
    )
    raw = np.stack([read_image(numbered, row) for row in numbered.rows[:2]])
    np.testing.assert_allclose(batch["image"], normalise(raw, "zscore"), atol=1e-6)


both_datasets = pytest.mark.parametrize(
    "build",
    [
        training,
        lambda cohort: evaluation_dataset(cohort, cohort.rows, batch_size=2),
    ],
    ids=["training", "evaluation"],
)


@both_datasets
@pytest.mark.parametrize("length", [0, 5, 100, 200, 255])
def test_a_truncated_file_is_named(tmp_path, build, length):
    cohort = write_numbered(tmp_path, 3)
    path = tmp_path / "slices" / "s1.npy"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(KgpError, match=rf"s1\.npy has {length} bytes where a slice of this cohort has 256"):
        build(cohort)


@both_datasets
def test_a_slice_of_another_size_is_named(tmp_path, build):
    cohort = write_numbered(tmp_path, 3)
    np.save(tmp_path / "slices" / "s2.npy", np.zeros((8, 9, 2), np.uint8))
    with pytest.raises(KgpError, match=r"s2\.npy has 272 bytes where a slice of this cohort has 256"):
        build(cohort)


@both_datasets
def test_a_missing_file_is_named(tmp_path, build):
    cohort = write_numbered(tmp_path, 3)
    (tmp_path / "slices" / "s2.npy").unlink()
    with pytest.raises(KgpError, match=r"s2\.npy is missing; prepare the data again"):
        build(cohort)


@both_datasets
def test_no_slice_at_all_is_refused(numbered, build):
    with pytest.raises(KgpError, match="There is no slice to read from"):
        build(dataclasses.replace(numbered, rows=()))


def test_no_pixel_is_held_by_the_dataset(tmp_path):
    """Slices are read when their turn comes: what is overwritten in between comes out new."""
    cohort = write_numbered(tmp_path, 2)
    dataset = evaluation_dataset(cohort, cohort.rows, batch_size=2)
    shutil.copy(tmp_path / "slices" / "s1.npy", tmp_path / "slices" / "s0.npy")
    assert next(dataset.as_numpy_iterator())["image"][:, 0, 0, 0].tolist() == [1, 1]
