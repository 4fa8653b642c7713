"""kgp.data.sources.mask_values: masks whose values a tool before changed mean what they meant."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from kgp.data.sources.mask_values import tumour_mask
from kgp.errors import KgpError

PATH = Path("seg.nii.gz")
NOISE = np.random.default_rng(0)


def ellipse(side=64):
    """An oblique ellipse in the middle, bool [side, side]."""
    drawn = np.zeros((side, side), np.uint8)
    axes = (side // 4, side // 7)
    return cv2.ellipse(drawn, (side // 2, side // 2), axes, 30.0, 0.0, 360.0, 1, -1).astype(bool)


def ball(side=24):
    """A ball off the middle, bool [side, side, side]."""
    x, y, z = np.ogrid[:side, :side, :side]
    return (x - side / 2.1) ** 2 + (y - side / 2) ** 2 + (z - side / 1.9) ** 2 < (side / 4) ** 2


def labels(side=64):
    """Oedema 2 around an enhancing rim 4 around necrosis 1."""
    drawn = np.zeros((side, side), np.uint8)
    for radius, label in ((side // 3, 2), (side // 5, 4), (side // 8, 1)):
        cv2.circle(drawn, (side // 2, side // 2), radius, label, -1)
    return drawn


def check(values, expected, *parts, no_tumour=()):
    """The mask is `expected`, and one note has all of `parts`; without parts there is none."""
    before = values.copy()
    mask, notes = tumour_mask(values, PATH, no_tumour=no_tumour)
    np.testing.assert_array_equal(values, before)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, expected)
    assert len(notes) == (1 if parts else 0), notes
    for part in parts:
        assert part in notes[0]


WHOLE = [
    labels(),
    labels().astype(np.float32),
    labels().astype(np.int64),
    labels() * np.uint16(5),
    (labels() > 0),
    (labels() > 0).astype(np.float64),
    np.zeros((16, 16), np.uint8),
    np.zeros((16, 16, 16), np.float32),
    labels() * np.float32(1.0000001),  # what float32 leaves of a scale slope
    ndimage.label(NOISE.random((8, 8)) > 0.8)[0],
]


@pytest.mark.parametrize("values", WHOLE, ids=range(len(WHOLE)))
def test_whole_labels_above_0_are_tumour_and_nothing_is_told(values):
    check(values, np.asarray(values) > 0)


@pytest.mark.parametrize("upper", [1, 2, 20, 21, 128, 255, 1000, 4095, 65535, 1e9])
@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_two_whole_levels_are_tumour_and_none(upper, dtype):
    check((ellipse() * upper).astype(dtype), ellipse())


@pytest.mark.parametrize("upper", [0.1, 0.25, 0.5, 0.9, 12.5, 127.5, 254.5])
def test_two_levels_that_are_not_whole_are_cut_at_half(upper):
    check(ellipse() * np.float32(upper), ellipse(), "of two levels, 0 and", "it was cut at half of")


@pytest.mark.parametrize("background", [0.0039, -0.0039, 0.05])
@pytest.mark.parametrize("factor", [1.0, 0.9999, 1.00003])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_a_scale_slope_left_is_rounded_and_counted(background, factor, dtype):
    drawn = labels()
    values = np.where(drawn == 0, background, drawn * factor).astype(dtype)
    count = f"{(drawn == 0).sum():,} pixels were rounded to 0"
    check(values, drawn > 0, "has a mask (seg.nii.gz) with values that are not whole", count)


def test_the_same_with_a_part_of_the_background_at_0():
    values = np.where(labels() == 0, 0.0039, labels())
    values[:10] = 0
    count = (values == 0.0039).sum()
    check(values, labels() > 0, f"not whole (e.g. 0.0039); {count:,} pixels were rounded to 0.")


@pytest.mark.parametrize("label", [3.9999, 4.0001, 3.95, 4.05])
def test_a_label_that_is_nearly_the_cavity_is_the_cavity(label):
    values = np.where(labels() == 4, label, labels()).astype(np.float32)
    told = f"(e.g. {np.float32(label):.6g}); {(labels() == 4).sum():,} pixels were rounded to labels."
    check(values, (labels() > 0) & (labels() != 4), told, no_tumour=(4,))
    cavity = np.where(ellipse(), np.float32(label), np.float32(0))
    check(cavity, np.zeros((64, 64)), "of two levels", no_tumour=(4,))


@pytest.mark.parametrize("spread", [0.001, 0.01, 0.02])
def test_noise_about_whole_labels_is_rounded(spread):
    check(labels() + NOISE.normal(0, spread, (64, 64)).clip(-0.09, 0.09), labels() > 0, "not whole", "rounded to 0 and")


@pytest.mark.parametrize("upper", [1, 255, 128, 1000, 0.5, 4, 65535])
@pytest.mark.parametrize("factor", [0.7, 1.5, 1.7, 3])
def test_two_levels_that_were_resampled_are_cut_at_half(upper, factor):
    size = round(64 * factor)
    resampled = cv2.resize(ellipse().astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    check(resampled * np.float32(upper), resampled >= 0.5, f"cut at half of {upper}", "pixels above 0 are no tumour")


@pytest.mark.parametrize("upper", [1, 255])
@pytest.mark.parametrize("factor", [0.6, 1.5, (1, 1, 2), (1, 1, 0.7)])
def test_volumes_of_two_levels_that_were_resampled(upper, factor):
    resampled = ndimage.zoom(ball().astype(np.float32), factor, order=1)
    mask, notes = tumour_mask(resampled * upper, PATH, "voxels")
    np.testing.assert_array_equal(mask, resampled * upper >= upper / 2)
    assert f"cut at half of {upper}" in notes[0] and "voxels above 0 are no tumour" in notes[0]


@pytest.mark.parametrize("factor", [1.5, 2])
def test_whole_volumes_of_two_levels_that_were_resampled(factor):
    resampled = ndimage.zoom(np.uint8(255) * ball(), factor, order=1)
    mask, notes = tumour_mask(resampled, PATH, "voxels")
    np.testing.assert_array_equal(mask, resampled > 127)
    assert "cut at half of 255" in notes[0]


@pytest.mark.parametrize("factor", [1.5, 2, 3])
def test_labels_that_were_resampled_are_rounded(factor):
    size = round(64 * factor)
    resampled = cv2.resize(labels().astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)
    check(resampled, resampled >= 0.5, "with values that are not whole", "were rounded to labels")


def test_the_cavity_alone_after_resampling_is_no_tumour():
    resampled = cv2.resize(np.float32(4) * ellipse(), (109, 109), interpolation=cv2.INTER_LINEAR)
    check(resampled, np.zeros((109, 109)), "of two levels, 0 and 4", no_tumour=(4,))


def test_whole_numbers_that_were_interpolated_are_told():
    resampled = ndimage.zoom(4 * ball().astype(np.int16), 1.5, order=1)
    mask, notes = tumour_mask(resampled, PATH, "voxels")
    np.testing.assert_array_equal(mask, resampled > 0)
    assert "with labels between 0 and 4 on borders only, as resampling leaves them" in notes[0]


@pytest.mark.parametrize("upper", [255, 128])
@pytest.mark.parametrize("quality", [50, 60, 75, 90, 95])
def test_jpeg(upper, quality):
    drawn = (ellipse() * upper).astype(np.uint8)
    encoded = cv2.imencode(".jpg", drawn, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    values = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    assert (values > 0).sum() > 1.1 * ellipse().sum()
    check(values, ellipse(), "levels above 0 where one is expected; it was cut at half of", "are no tumour.")


@pytest.mark.parametrize("upper", [1.0, 255.0, 128.0, 1000.0, 0.5])
def test_ringing_of_any_other_origin(upper):
    near = ndimage.binary_dilation(ellipse(), iterations=3)
    check(upper * (ellipse() + NOISE.normal(0, 0.05, (64, 64)) * near), ellipse(), "levels above 0", "cut at half of")


def test_blurred_masks_and_probabilities_are_cut_at_half():
    blurred = ndimage.gaussian_filter(np.float32(255) * ellipse(), 2)
    check(blurred, blurred >= 127.5, "cut at half of 255")
    check(blurred.astype(np.uint8), blurred.astype(np.uint8) > 127, "cut at half of 255")
    check(blurred / 255, blurred >= 127.5, "cut at half of 1")
    unsure = ndimage.gaussian_filter(ellipse().astype(np.float32), 12)
    assert 0.2 < unsure.max() < 0.5
    check(unsure, np.zeros((64, 64)), "cut at half of 1", "pixels above 0 are no tumour")


def test_few_grey_levels_with_regions_are_labels():
    grey = labels() * np.uint8(60)
    check(grey, grey > 0, "with the levels 60, 120, 240 above 0; all are taken for tumour.")


def test_many_labels_are_told():
    regions = np.kron(np.arange(36).reshape(6, 6), np.ones((8, 8), np.int64))
    regions[:24] = 0
    check(regions, regions > 0, "with the 18 levels above 0; all are taken for tumour.")
    check(regions - 18 * (regions > 0), regions > 18, "of 17 labels; all are taken for tumour.")


def test_a_few_stray_values_below_the_upper_level_are_no_tumour():
    values = np.uint8(255) * ellipse()
    values[0, :7] = 1
    check(values, ellipse(), "with 2 levels above 0 where one is expected", "and 7 pixels above 0 are no tumour.")


INVERTED = [
    np.uint8(255) * ~ellipse(),
    1 + ellipse(),
    np.full((19, 19), 255),
    np.full((19, 19), 1),
    np.ones((19, 19), bool),
]


@pytest.mark.parametrize("values", INVERTED, ids=range(5))
def test_a_mask_that_is_set_nearly_everywhere_is_told(values):
    share = (np.asarray(values) > 0).mean()
    check(values, np.asarray(values) > 0, f"above 0 in {share:.0%} of its pixels; it may be inverted.")


def test_a_patch_from_inside_a_tumour_is_not_told():
    check(np.full((8, 8), 255, np.uint8), np.ones((8, 8), bool))


def test_a_background_that_is_not_quite_0_everywhere():
    check(np.full((9, 9), 0.0039), np.zeros((9, 9)), "(e.g. 0.0039); 81 pixels were rounded to 0.")
    check(-0.01 * ellipse(), np.zeros((64, 64)), "(e.g. -0.01)", "were rounded to 0")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.where(ellipse(), 1, np.nan), "with values that are not finite"),
        (np.where(ellipse(), np.inf, 0), "with values that are not finite"),
        (-1 * ellipse(), "with the value -1 where 0 and labels above are expected"),
        ((np.uint8(255) * ellipse()).view(np.int8), "with the value -1 where"),
        (np.where(ellipse(), 2, -1), "with the value -1 where"),
        (np.where(ellipse(), 255, -100), "with the value -100 where"),
        (np.where(labels() == 4, 255, labels()), "with values up to 255 that are not of two levels"),
        (np.full((9, 9), 0.5), "of 0.5 all over, which may mean tumour or none"),
        (ellipse() / 255, "with no value above 0.003922, which may be noise or a mask that was divided"),
        (np.uint8(0.3 * 255) * ellipse() * NOISE.random((64, 64)), "that are not of two levels"),
        (ndimage.gaussian_filter(NOISE.normal(100, 300, (64, 64)), 3).clip(0, 255).astype(np.uint8), "not of two levels"),
    ],
    ids=range(11),
)  # fmt: skip
def test_what_cannot_be_told_is_refused(values, message):
    with pytest.raises(KgpError, match=f"^seg.nii.gz is a mask .*{message}"):
        tumour_mask(values, PATH)


@pytest.mark.parametrize("order", [(2, 4, 1), (2, 1, 4), (1, 2, 4)])
@pytest.mark.parametrize("factor", [0.5, 0.7, 1.5])
def test_thin_labels_of_a_small_volume_that_were_resampled_are_not_lost(order, factor):
    distance = np.sqrt(((np.indices((24, 24, 24)) - 11.4) ** 2).sum(axis=0))
    drawn = np.zeros((24, 24, 24))
    for radius, label in zip((6, 4, 2), order, strict=True):
        drawn[distance < radius] = label
    resampled = ndimage.zoom(drawn, factor, order=1)
    check(resampled, resampled >= 0.5, "with values that are not whole", "were rounded to labels")
