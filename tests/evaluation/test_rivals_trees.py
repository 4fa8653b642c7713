"""kgp.evaluation.rivals_trees: small standardised slices and the trees on them."""

import dataclasses

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from kgp.data.cohort import Cohort, SliceRow
from kgp.errors import KgpError
from kgp.evaluation import rivals_trees
from kgp.evaluation.rivals_trees import classes_by_trees, slices_to_learn_from, small_slices


@pytest.fixture
def cohort(tmp_path):
    """Ten slices 24x24x2 of noise, float32: the second half has a bright quadrant. Slice 8 holds NaN and infinity, and
    of slice 9 a contrast is of one value."""
    rng, rows = np.random.default_rng(0), []
    for number in range(10):
        image = rng.normal(100, 3, (24, 24, 2)).astype(np.float32)
        image[: 12 * (number > 4), :12] += 50
        if number == 8:
            image[20, 20] = np.nan, np.inf
        if number == 9:
            image[..., 1] = 0.1
        np.save(tmp_path / f"{number}.npy", image)
        rows.append(SliceRow(str(number), str(number), str(number), int(number > 4), "", image=f"{number}.npy"))
    return Cohort(tmp_path, "slices", ("T1", "T2"), (24, 24, 2), "float32", tuple(rows))


def test_a_small_slice_has_means_of_its_pixels_standardised_contrast_by_contrast(cohort):
    small = small_slices(cohort, cohort.rows)
    assert small.shape == (10, 288) and small.dtype == np.float32 and np.isfinite(small).all()
    image = np.load(cohort.folder / "0.npy").astype(np.float64).reshape(12, 2, 12, 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(small[0], ((image - image.mean((0, 1))) / image.std((0, 1))).ravel(), atol=1e-4)
    maps = small.reshape(10, 12, 12, 2)
    assert not maps[9, ..., 1].any() and maps[9, ..., 0].std() == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(small_slices(cohort, cohort.rows, [1, 0]).reshape(10, 12, 12, 2), maps[..., ::-1])
    assert small_slices(cohort, []).size == 0
    with pytest.raises(KgpError, match="gone.npy is missing"):
        small_slices(cohort, [dataclasses.replace(cohort.rows[0], image="gone.npy")])


def test_trees_tell_a_bright_quadrant_and_are_those_of_scikit_learn(cohort, monkeypatch):
    monkeypatch.setattr(rivals_trees, "TREES", 300)
    small, targets = small_slices(cohort, cohort.rows), [row.label for row in cohort.rows]
    learned = [0, 1, 2, 5, 6]
    called = classes_by_trees(small[learned], [targets[number] for number in learned], small)
    assert called.tolist() == targets
    trees = ExtraTreesClassifier(300, class_weight="balanced", random_state=0, n_jobs=2)
    noise = np.random.default_rng(1).normal(size=(40, 30)).astype(np.float32)
    classes = [0, 0, 2, 2] * 5  # class 1 is not there to learn from
    expected = trees.fit(noise[:20], classes).predict(noise[20:])
    called = classes_by_trees(noise[:20], classes, noise[20:])
    assert called.tolist() == expected.tolist() and set(called) == {0, 2}
    assert classes_by_trees(noise[:3], [2, 2, 2], noise).tolist() == [2] * 40


def test_of_many_slices_some_are_drawn(monkeypatch):
    monkeypatch.setattr(rivals_trees, "MOST_SLICES", 20)
    assert slices_to_learn_from(20).tolist() == list(range(20))
    drawn = slices_to_learn_from(1000)
    assert len(set(drawn)) == 20 and (np.diff(drawn) > 0).all() and drawn.max() > 500
    np.testing.assert_array_equal(drawn, slices_to_learn_from(1000))
