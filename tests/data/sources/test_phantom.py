import hashlib

import numpy as np
import pytest

from kgp.data.sources.phantom import LABEL_NAMES, PhantomSource
from kgp.errors import KgpError, UsageError
from kgp.evaluation.baseline import intensity_baseline
from kgp.heatmap.head_mask import head_mask
from kgp.heatmap.overlap import dice

T1, T2, T1CE, FLAIR = range(4)


def read_all(source):
    return {case: list(source.read(case)) for case in source.cases()}


@pytest.fixture(scope="module")
def patients():
    """The first twelve patients of the default cohort: two healthy, five of each grade."""
    return read_all(PhantomSource(patients=12))


def tumour_slices(patients, label):
    return [item for slices in patients.values() for item in slices if item.label == label]


def digest(slices):
    return hashlib.sha256(b"".join(item.image.tobytes() + item.mask.tobytes() for item in slices)).hexdigest()


def median_inside(item, contrast, region):
    return np.median(item.image[..., contrast][region])


def test_slices_say_what_they_are(patients):
    for case, slices in patients.items():
        assert [item.id for item in slices] == [f"{case}_{index:02d}" for index in range(10)]
        assert [item.index for item in slices] == list(range(10))
        for item in slices:
            assert item.patient == item.group == item.volume == case
            assert item.label_name == LABEL_NAMES[item.label]
            assert item.image.shape == (64, 64, 4) and item.image.dtype == np.uint16
            assert item.mask.shape == (64, 64) and item.mask.dtype == bool
            assert item.spacing == (210 / 64, 210 / 64)
    assert PhantomSource.contrasts == ("T1", "T2", "T1ce", "FLAIR")


def test_default_cohort_has_720_slices():
    source = PhantomSource()
    assert len(source.cases()) == 72 and source.slices == 10
    assert source.cases() == sorted(source.cases())
    assert source.check() == []


def test_labels_are_mixed_as_promised(patients):
    labels = np.array([item.label for slices in patients.values() for item in slices])
    shares = np.bincount(labels, minlength=3) / len(labels)
    assert 0.33 <= shares[0] <= 0.47
    assert 0.22 <= shares[1] <= 0.38 and 0.22 <= shares[2] <= 0.38


def test_every_tumour_patient_has_one_run_of_tumour_slices_of_one_grade_and_healthy_slices(patients):
    for slices in patients.values():
        labels = np.array([item.label for item in slices])
        shown = np.flatnonzero(labels)
        assert len(shown) < len(slices)
        assert len(set(labels[shown])) <= 1
        assert len(shown) == 0 or np.array_equal(shown, np.arange(shown[0], shown[-1] + 1))


def test_tumour_slices_show_at_least_forty_pixels_and_healthy_ones_none(patients):
    for slices in patients.values():
        for item in slices:
            if item.label:
                assert item.mask.sum() >= 40
                assert not (item.mask & ~head_mask(item.image)).any()
                assert item.mask.sum() / head_mask(item.image).sum() < 0.25
            else:
                assert not item.mask.any()


def test_the_same_patient_comes_out_whatever_the_cohort_and_the_order():
    small, large = PhantomSource(patients=2, size=32, slices=3), PhantomSource(patients=5, size=32, slices=3)
    last_first = [digest(large.read(case)) for case in reversed(large.cases())]
    assert [digest(small.read(case)) for case in small.cases()] == last_first[::-1][:2]


def test_seed_and_patient_change_the_pictures():
    source = PhantomSource(patients=2, size=32, slices=2)
    other = PhantomSource(patients=2, size=32, slices=2, seed=1)
    digests = {digest(items.read(case)) for items in (source, other) for case in source.cases()}
    assert len(digests) == 4


def test_anatomy_is_the_same_at_every_size():
    small = list(PhantomSource(patients=1, size=64, slices=4).read("phantom0000"))
    large = list(PhantomSource(patients=1, size=128, slices=4).read("phantom0000"))
    for coarse, fine in zip(small, large, strict=True):
        halved = fine.mask.reshape(64, 2, 64, 2).mean(axis=(1, 3)) >= 0.5
        assert coarse.label == fine.label
        assert not coarse.label or dice(coarse.mask, halved) > 0.9
        assert dice(head_mask(coarse.image), head_mask(fine.image)[::2, ::2]) > 0.93


def test_tumours_are_bright_in_flair_and_t2_and_dark_in_t1(patients):
    for item in tumour_slices(patients, 1) + tumour_slices(patients, 2):
        brain = _inner_head(item) & ~item.mask
        for contrast in (FLAIR, T2):
            assert median_inside(item, contrast, item.mask) > median_inside(item, contrast, brain)
        assert median_inside(item, T1, item.mask) < median_inside(item, T1, brain)


def test_only_high_grade_enhances(patients):
    gains = {}
    for label in (1, 2):
        gains[label] = np.median([_enhancement(item) for item in tumour_slices(patients, label)])
    assert gains[1] < 0.9 < 1.05 < gains[2]


def test_fluid_is_dark_in_flair_and_bright_in_t2(patients):
    healthy = tumour_slices(patients, 0)
    middle = [item for item in healthy if item.index == 3]
    for item in middle:
        fluid = _inner_head(item) & (item.image[..., T2] > np.percentile(item.image[..., T2][_inner_head(item)], 96))
        assert median_inside(item, FLAIR, fluid) < 0.8 * median_inside(item, FLAIR, _inner_head(item))
        assert median_inside(item, T1, fluid) < 0.8 * median_inside(item, T1, _inner_head(item))


def test_contrasts_differ_in_gain_between_patients(patients):
    levels = np.array([np.percentile(slices[0].image, 99, axis=(0, 1)) for slices in patients.values()])
    assert (levels.max(axis=0) > 1.5 * levels.min(axis=0)).all()


def test_a_threshold_finds_tumours_poorly(patients):
    found = [
        dice(intensity_baseline(item.image, FLAIR), item.mask)
        for item in tumour_slices(patients, 1) + tumour_slices(patients, 2)
    ]
    assert np.median(found) < 0.35


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patients": 0}, "patients must be at least 1, not 0"),
        ({"slices": 1}, "slices must be at least 2, not 1"),
        ({"size": 16}, "size must be at least 32, not 16"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(UsageError, match=message):
        PhantomSource(**arguments)


@pytest.mark.parametrize("case", ["phantom0002", "phantom-001", "someone", ""])
def test_an_unknown_patient_is_refused(case):
    with pytest.raises(KgpError, match="has no patient"):
        list(PhantomSource(patients=2).read(case))


@pytest.mark.parametrize("number", range(12))
def test_two_slices_are_enough(number):
    labels = [item.label for item in PhantomSource(patients=12, slices=2, size=32).read(f"phantom{number:04d}")]
    assert min(labels) == 0 and (max(labels) > 0) == (number not in (2, 8))


def _enhancement(item):
    """How bright the brightest tenth of the tumour is in T1ce against the same share of the inner
    head.
    """
    contrast = item.image[..., T1CE]
    return np.percentile(contrast[item.mask], 90) / np.percentile(contrast[_inner_head(item)], 90)


def _inner_head(item):
    """The head without scalp and skull, roughly."""
    head = head_mask(item.image)
    rows, columns = np.nonzero(head)
    centre = rows.mean(), columns.mean()
    grid = np.indices(head.shape)
    reach = np.hypot((grid[0] - centre[0]) / np.ptp(rows), (grid[1] - centre[1]) / np.ptp(columns))
    return head & (reach < 0.36)
