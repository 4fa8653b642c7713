"""Random changes of slices: the deterministic half with answers known by hand, the random half for
its ranges.
"""

import math

import numpy as np
import pytest
import tensorflow as tf

from kgp.config import AugmentConfig
from kgp.data import augment
from kgp.data.augment import affine_matrix, apply_geometry, apply_geometry_to_mask, augment_pair, augment_slice

STILL = (1.0, 1.0)
SEED = tf.constant([3, 5])
EACH_CHANGE = (
    "rotation",
    "flip_horizontal",
    "flip_vertical",
    "scale",
    "shift",
    "elastic",
    "gain",
    "offset",
    "gamma",
    "noise",
    "blur",
    "bias_field",
    "ghosting",
)
each_intensity = pytest.mark.parametrize("change", EACH_CHANGE[6:])


def picture(height=16, width=16, contrasts=2, seed=0):
    """Integers inside a frame of 0, so that nothing is lost in a turn by 90 degrees."""
    image = np.zeros((height, width, contrasts), np.float32)
    image[2:-2, 2:-2] = np.random.default_rng(seed).integers(1, 100, (height - 4, width - 4, contrasts))
    return image


def matrix(degrees=0.0, flips=STILL, size=1.0, shift=(0.0, 0.0), height=16, width=16):
    return affine_matrix(tf.constant(math.radians(degrees)), flips, tf.constant(size), shift, height, width)


def no_field(height=16, width=16):
    """A displacement of nothing, which sends an image through the other way of sampling."""
    return tf.zeros((height, width, 2))


each_way = pytest.mark.parametrize("field", [None, no_field()], ids=["affine", "sampled"])


@each_way
@pytest.mark.parametrize("turns", [1, 2, 3, -1])
def test_turns_of_90_degrees_are_those_of_numpy(field, turns):
    image = picture()
    np.testing.assert_allclose(apply_geometry(image, matrix(90.0 * turns), field), np.rot90(image, turns), atol=2e-3)


@each_way
def test_flips(field):
    image = picture()
    np.testing.assert_allclose(apply_geometry(image, matrix(flips=(-1.0, 1.0)), field), image[:, ::-1], atol=1e-4)
    np.testing.assert_allclose(apply_geometry(image, matrix(flips=(1.0, -1.0)), field), image[::-1], atol=1e-4)


@each_way
def test_the_flip_comes_before_the_turn(field):
    image = picture()
    moved = apply_geometry(image, matrix(90.0, flips=(-1.0, 1.0)), field)
    np.testing.assert_allclose(moved, np.rot90(image[:, ::-1]), atol=2e-3)


@each_way
def test_a_shift_by_whole_pixels_is_exact(field):
    image = picture()
    moved = apply_geometry(image, matrix(shift=(3.0, -1.0)), field)
    expected = np.zeros_like(image)
    expected[:-1, 3:] = image[1:, :-3]
    np.testing.assert_array_equal(moved, expected)


@each_way
def test_half_a_pixel_is_the_mean_of_two(field):
    image = picture()
    moved = apply_geometry(image, matrix(shift=(0.5, 0.0)), field)
    np.testing.assert_allclose(moved[:, 1:], (image[:, 1:] + image[:, :-1]) / 2.0, atol=1e-4)


@each_way
def test_twice_the_size_about_the_centre(field):
    image = np.zeros((16, 16, 1), np.float32)
    image[6:10, 6:10] = 8.0
    moved = apply_geometry(image, matrix(size=2.0), field)[..., 0].numpy()
    assert (moved[5:11, 5:11] == 8.0).all()
    assert moved.sum() == pytest.approx(4.0 * image.sum(), rel=1e-4)


def test_a_picture_that_is_not_square_keeps_its_shape_and_centre():
    image = picture(12, 20)
    np.testing.assert_allclose(apply_geometry(image, matrix(180.0, height=12, width=20)), image[::-1, ::-1], atol=2e-3)


@each_way
def test_what_comes_from_outside_is_each_contrasts_background(field):
    image = picture() + np.array([-3.0, 40.0], np.float32)
    image[8, 8] = (-4.0, 10.0)  # tissue below air does not become the background
    moved = apply_geometry(image, matrix(shift=(8.0, 0.0)), field).numpy()
    np.testing.assert_array_equal(moved[:, :8], np.broadcast_to([-3.0, 40.0], (16, 8, 2)))
    np.testing.assert_array_equal(moved[:, 8:], image[:, :8])


def test_a_field_moves_by_its_pixels():
    image = picture()
    field = np.zeros((16, 16, 2), np.float32)
    field[..., 0], field[..., 1] = 2.0, -1.0  # pixels are taken from 2 to the right and 1 above
    moved = apply_geometry(image, matrix(), field)
    np.testing.assert_array_equal(moved[1:, :-2], image[:-1, 2:])


@pytest.mark.parametrize(
    "config",
    [
        AugmentConfig(rotation=180.0, flip_horizontal=0.5, scale=0.1, shift=0.1),
        AugmentConfig(rotation=180.0, flip_vertical=0.5, elastic=0.1),
    ],
)
def test_the_mask_follows_the_image(config):
    mask = np.zeros((48, 48), np.uint8)
    mask[10:26, 14:34] = 1
    for number in range(5):
        image, moved = augment_pair(mask[..., None].astype(np.float32), mask, config, tf.constant([0, number]))
        assert moved.dtype == tf.uint8 and set(np.unique(moved)) == {0, 1}
        # Nearest and linear sampling agree but where the linear one is in the middle between in and
        # out.
        clear = np.abs(image.numpy()[..., 0] - 0.5) > 0.26
        np.testing.assert_array_equal((image.numpy()[..., 0] > 0.5)[clear], (moved.numpy() > 0)[clear])
        assert clear.mean() > 0.9


def test_a_mask_from_outside_is_empty():
    moved = apply_geometry_to_mask(tf.ones((16, 16), tf.bool), matrix(shift=(8.0, 0.0)))
    assert moved.dtype == tf.bool
    np.testing.assert_array_equal(moved[:, :8], False)
    np.testing.assert_array_equal(moved[:, 8:], True)


def test_intensity_changes_leave_the_mask_alone():
    mask = (picture()[..., 0] > 50).astype(np.uint8)
    moved = augment_pair(picture(), mask, AugmentConfig(gain=0.5, noise=0.5, blur=1.0), SEED)[1]
    np.testing.assert_array_equal(moved, mask)


def test_nothing_switched_on_changes_nothing():
    image = picture()
    np.testing.assert_array_equal(augment_slice(image, AugmentConfig(), SEED), image)


@pytest.mark.parametrize("change", EACH_CHANGE)
def test_each_change_is_a_function_of_its_seed(change):
    strength = {"flip_horizontal": 0.5, "flip_vertical": 0.5, "blur": 2.0}.get(change, 0.2)
    image, config = picture(), AugmentConfig(**{change: strength})
    results = [augment_slice(image, config, tf.constant([0, number])).numpy() for number in range(8)]
    again = [augment_slice(image, config, tf.constant([0, number])).numpy() for number in range(8)]
    assert all(result.shape == image.shape and np.isfinite(result).all() for result in results)
    np.testing.assert_array_equal(results, again)
    assert len({result.tobytes() for result in results}) == (2 if change.startswith("flip") else 8)


def test_is_the_same_inside_tf_data():
    config = AugmentConfig(**dict.fromkeys(EACH_CHANGE, 0.2))
    images = np.stack([picture(seed=seed) for seed in range(3)])
    dataset = tf.data.Dataset.from_tensor_slices(images).enumerate()
    seeded = dataset.map(lambda index, image: (image, tf.stack([tf.constant(7, tf.int64), index])))
    inside = list(seeded.map(lambda image, seed: augment_slice(image, config, seed)))
    for number, (image, result) in enumerate(zip(images, inside, strict=True)):
        np.testing.assert_allclose(result, augment_slice(image, config, tf.constant([7, number])), atol=2e-4)


@each_intensity
def test_a_constant_slice_stays_finite(change):
    for value in (0.0, -3.0, 7.0):
        image = np.full((16, 16, 2), value, np.float32)
        assert np.isfinite(augment_slice(image, AugmentConfig(**{change: 0.5}), SEED)).all()


@pytest.mark.parametrize("change", ["bias_field", "ghosting", "blur", "gamma"])
def test_air_at_minus_3_stays_air(change):
    image = np.full((32, 32, 1), -3.0, np.float32)
    image[14:18, 14:18] = 1.0
    result = augment_slice(image, AugmentConfig(**{change: 0.3}), SEED).numpy()
    np.testing.assert_allclose(result[:4, :4], -3.0, atol=1e-5)


def test_draws_keep_to_their_ranges():
    config = AugmentConfig(rotation=30.0, scale=0.2, shift=0.25, flip_horizontal=0.25)
    matrices = np.stack([augment.draw_affine(config, 16, 16, tf.constant([1, n], tf.int64)) for n in range(200)])
    flipped = np.linalg.det(matrices[:, :, :2]) < 0
    assert 0.15 < flipped.mean() < 0.35
    matrices[flipped, 0] *= -1.0
    angles = np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]))
    sizes = 1.0 / np.hypot(matrices[:, 0, 0], matrices[:, 1, 0])
    assert 25.0 < np.abs(angles).max() <= 30.001 and abs(angles.mean()) < 4.0
    assert 1.15 < sizes.max() <= 1.2001 and 0.7999 <= sizes.min() < 0.85
    middle = np.array([7.5, 7.5])
    plain = matrices[~flipped]
    moved = middle - np.linalg.solve(plain[:, :, :2], (middle - plain[:, :, 2])[..., None])[..., 0]
    assert 3.0 < np.abs(moved).max() <= 4.001


def test_the_elastic_field_is_smooth_and_bounded():
    field = augment.draw_elastic(0.1, 32, 40, SEED).numpy()
    assert field.shape == (32, 40, 2)
    assert 0.2 < np.abs(field).max() <= 4.0
    assert np.abs(np.diff(field, axis=0)).max() < 1.0


def test_the_bias_field_of_equal_knots_is_flat():
    np.testing.assert_allclose(augment._smooth_field(tf.fill((5, 5, 1), 0.3), 9, 13), 0.3, atol=1e-6)


def test_gain_and_offset_by_hand():
    image = picture()
    np.testing.assert_array_equal(augment.apply_gain(image, [2.0, 0.5]), image * [2.0, 0.5])
    expected = image + image.std(axis=(0, 1)) * [1.0, -2.0]
    np.testing.assert_allclose(augment.apply_offset(image, tf.constant([1.0, -2.0])), expected, rtol=1e-5)


def test_gamma_by_hand():
    image = np.array([[[1.0], [3.0], [5.0]]], np.float32)
    changed = augment.apply_gamma(image, tf.constant([math.log(2.0)]))
    np.testing.assert_allclose(changed[0, :, 0], [1.0, 2.0, 5.0], rtol=1e-6)


def test_noise_is_in_standard_deviations():
    image = picture()
    changed = augment.apply_noise(image, np.ones_like(image))
    np.testing.assert_allclose(changed, image + image.std(axis=(0, 1)), rtol=1e-5)


def test_no_two_draws_share_a_stream(monkeypatch):
    seeds = []
    for name in ("stateless_uniform", "stateless_normal"):
        draw = getattr(tf.random, name)
        recorded = lambda shape, seed, *args, draw=draw, **options: (  # noqa: E731
            seeds.append(tuple(seed.numpy())) or draw(shape, seed, *args, **options)
        )
        monkeypatch.setattr(tf.random, name, recorded)
    config = AugmentConfig(rotation=30.0, elastic=0.1, noise=0.1)
    for index in (0, 1, 8, 72):
        augment_slice(np.zeros((4, 4, 1), np.float32), config, tf.constant([1, index], tf.int64))
    assert len(seeds) == 4 * 4 == len(set(seeds))


def test_blur_by_hand():
    image = np.zeros((5, 5, 1), np.float32)
    image[2, 2] = 16.0
    blurred = augment.apply_blur(image, tf.constant([0.25, 0.5, 0.25]))[..., 0]
    np.testing.assert_allclose(blurred[1:4, 1:4], [[1, 2, 1], [2, 4, 2], [1, 2, 1]], atol=1e-6)
    np.testing.assert_allclose(augment.apply_blur(np.ones((5, 5, 1), np.float32), tf.constant([0.25, 0.5, 0.25])), 1.0)


def test_the_blur_kernel_fits_the_picture():
    kernel = augment.draw_blur(3.0, tf.TensorShape((6, 8, 1)), SEED)
    assert kernel.shape == (13,) and float(tf.reduce_sum(kernel)) == pytest.approx(1.0)


def test_ghosts_by_hand():
    image = np.zeros((8, 8, 1), np.float32)
    image[4, 3] = 8.0
    ghosts = augment.apply_ghosting(image, tf.constant([0.25, 4.0, 0.0]))[..., 0].numpy()
    expected = np.zeros((8, 8))
    expected[4, 3], expected[2, 3], expected[6, 3] = 6.0, 1.0, 1.0
    np.testing.assert_allclose(ghosts, expected)
    drawn = np.stack([augment.draw_ghosting(0.4, (8, 8, 1), tf.constant([0, n], tf.int64)) for n in range(60)])
    assert (drawn[:, 0] <= 0.4).all() and set(drawn[:, 1]) == {2, 3, 4} and set(drawn[:, 2]) == {0, 1}
