"""Random changes of training slices, in the graph.

Every change is two pieces: `draw_...` takes parameters from an explicit stateless seed, and `apply_...` applies given
parameters and is deterministic. All geometry goes into one warp, so that a slice is interpolated once.
"""

import math

import tensorflow as tf

from kgp.training.config import AugmentConfig


def augment_slice(image: tf.Tensor, config: AugmentConfig, seed: tf.Tensor) -> tf.Tensor:
    """Applies every change that `config` switches on.

    Args:
        image: normalised intensities float32 [H, W, C].
        config: strengths; 0 switches a change off.
        seed: int64 [2]; the same seed gives the same slice.

    Returns:
        float32 [H, W, C].
    """
    return augment_pair(image, None, config, seed)[0]


def augment_pair(image: tf.Tensor, mask: tf.Tensor | None, config: AugmentConfig,
                 seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
    """As `augment_slice`, with the mask [H, W] (any type) following the geometry; None stays None."""
    if _moves(config):
        matrix = draw_affine(config, image.shape[0], image.shape[1], _fold(seed, 0))
        field = draw_elastic(config, image.shape[0], image.shape[1], _fold(seed, 1)) if config.elastic else None
        image = apply_geometry(image, matrix, field, "BILINEAR")
        if mask is not None:
            moved = apply_geometry(tf.cast(mask, tf.float32)[..., None], matrix, field, "NEAREST")
            mask = tf.cast(moved[..., 0], mask.dtype)
    for number, (strength, draw, apply) in enumerate(_INTENSITY):
        value = getattr(config, strength)
        if value:
            image = apply(image, draw(value, image.shape, _fold(seed, 2 + number)))
    return image, mask


def draw_affine(config: AugmentConfig, height: int, width: int, seed: tf.Tensor) -> tf.Tensor:
    """Matrix [2, 3] from output to input pixel coordinates (x, y): rotation (positive is counter-clockwise), flips, scale
    and shift about the picture's centre."""
    angle = _uniform((), config.rotation * math.pi / 180.0, _fold(seed, 0))
    size = 1.0 + _uniform((), config.scale, _fold(seed, 1))
    shift = _uniform((2,), config.shift, _fold(seed, 2)) * tf.constant([width, height], tf.float32)
    chance = tf.random.stateless_uniform((2,), _fold(seed, 3))
    flips = tf.where(chance < tf.constant([config.flip_horizontal, config.flip_vertical]), -1.0, 1.0)
    return affine_matrix(angle, flips, size, shift, height, width)


def affine_matrix(angle: tf.Tensor, flips: tf.Tensor, size: tf.Tensor, shift: tf.Tensor, height: int,
                  width: int) -> tf.Tensor:
    """See `draw_affine`.

    Args:
        angle: radians.
        flips: [2] of +1 or -1 for x and y, applied to the input before it is turned.
        size: magnification.
        shift: [2] pixels in x and y that the picture moves.
    """
    cosine, sine = tf.cos(angle), tf.sin(angle)
    linear = flips[:, None] * tf.reshape(tf.stack([cosine, -sine, sine, cosine]), (2, 2)) / size
    centre = tf.constant([(width - 1) / 2.0, (height - 1) / 2.0], tf.float32)
    return tf.concat([linear, (centre - tf.linalg.matvec(linear, centre + shift))[:, None]], axis=1)


def apply_geometry(image: tf.Tensor, matrix: tf.Tensor, field: tf.Tensor | None, interpolation: str) -> tf.Tensor:
    """Warps [H, W, C]; what comes from outside the picture is each contrast's minimum.

    Args:
        matrix: [2, 3] from output to input coordinates.
        field: displacement [H, W, 2] of input coordinates in pixels (x, y), or None.
        interpolation: "BILINEAR" or "NEAREST".
    """
    lowest = tf.reduce_min(image, axis=(0, 1))
    height, width = image.shape[:2]
    if field is not None:
        image = _displaced(image, field, interpolation)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=(image - lowest)[None], transforms=tf.concat([tf.reshape(matrix, (1, 6)), tf.zeros((1, 2))], axis=1),
        output_shape=tf.constant([height, width]), fill_value=0.0, interpolation=interpolation)[0]
    return tf.ensure_shape(moved, image.shape) + lowest


def draw_elastic(config: AugmentConfig, height: int, width: int, seed: tf.Tensor) -> tf.Tensor:
    """A smooth displacement field [H, W, 2] in pixels, of at most `elastic` times the larger side."""
    coarse = _uniform((1, 4, 4, 2), config.elastic * max(height, width), seed)
    return tf.ensure_shape(tf.image.resize(coarse, (height, width), method="bicubic")[0], (height, width, 2))


def draw_gain(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """Factor of each contrast, 1 +- strength."""
    return 1.0 + _uniform((shape[-1],), strength, seed)


def apply_gain(image: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
    """Multiplies each contrast; air is scaled with it where it is not 0."""
    return image * gain


def draw_offset(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """Offset of each contrast in standard deviations, +- strength."""
    return _uniform((shape[-1],), strength, seed)


def apply_offset(image: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Adds to each contrast that many of its standard deviations."""
    return image + offset * tf.math.reduce_std(image, axis=(0, 1))


def apply_gamma(image: tf.Tensor, log_gamma: tf.Tensor) -> tf.Tensor:
    """Raises each contrast, mapped to 0..1 between its extremes, to the power exp(log_gamma)."""
    low, high = tf.reduce_min(image, axis=(0, 1)), tf.reduce_max(image, axis=(0, 1))
    span = tf.maximum(high - low, 1e-6)
    return tf.pow((image - low) / span, tf.exp(log_gamma)) * span + low


def draw_blur(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """Standard deviation of a Gaussian in pixels, 0 .. strength."""
    return tf.random.stateless_uniform((), seed, maxval=strength)


def apply_blur(image: tf.Tensor, deviation: tf.Tensor) -> tf.Tensor:
    """Gaussian blur of all contrasts, borders mirrored."""
    radius = 4
    offsets = tf.range(-radius, radius + 1, dtype=tf.float32)
    kernel = tf.exp(-0.5 * tf.square(offsets / tf.maximum(deviation, 1e-3)))
    kernel /= tf.reduce_sum(kernel)
    blurred = tf.transpose(image, (2, 0, 1))[..., None]
    blurred = tf.pad(blurred, [(0, 0), (radius, radius), (radius, radius), (0, 0)], mode="SYMMETRIC")
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        blurred = tf.nn.conv2d(blurred, tf.reshape(kernel, shape), 1, "VALID")
    return tf.ensure_shape(tf.transpose(blurred[..., 0], (1, 2, 0)), image.shape)


def draw_noise(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """Normal noise [H, W, C] of a level drawn from 0 .. strength."""
    level = tf.random.stateless_uniform((), _fold(seed, 0), maxval=strength)
    return level * tf.random.stateless_normal(shape, _fold(seed, 1))


def apply_noise(image: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Adds noise in units of each contrast's standard deviation."""
    return image + noise * tf.math.reduce_std(image, axis=(0, 1))


def draw_bias_field(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """A smooth factor [H, W, 1] within 1 +- strength, from a coarse grid of 3 x 3 values."""
    coarse = _uniform((1, 3, 3, 1), strength, seed)
    return 1.0 + tf.ensure_shape(tf.image.resize(coarse, shape[:2])[0], (*shape[:2], 1))


def apply_bias_field(image: tf.Tensor, field: tf.Tensor) -> tf.Tensor:
    """Multiplies what lies above each contrast's minimum."""
    low = tf.reduce_min(image, axis=(0, 1))
    return (image - low) * field + low


def draw_ghosting(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """Share of the signal in ghosts (0 .. strength), number of ghosts (2 .. 4), and axis of phase encoding (0, 1)."""
    share = tf.random.stateless_uniform((), _fold(seed, 0), maxval=strength)
    count = tf.random.stateless_uniform((), _fold(seed, 1), 2, 5, tf.int32)
    axis = tf.random.stateless_uniform((), _fold(seed, 2), 0, 2, tf.int32)
    return tf.stack([share, tf.cast(count, tf.float32), tf.cast(axis, tf.float32)])


def apply_ghosting(image: tf.Tensor, ghosts: tf.Tensor) -> tf.Tensor:
    """Moves a share of the signal to copies shifted by fractions of the picture along the phase axis."""
    low = tf.reduce_min(image, axis=(0, 1))
    axis = tf.cast(ghosts[2], tf.int32)
    step = tf.cast(tf.cast(tf.shape(image)[axis], tf.float32) / ghosts[1], tf.int32)
    signal = image - low
    copy = (tf.roll(signal, step, axis) + tf.roll(signal, -step, axis)) / 2.0
    return tf.ensure_shape((1.0 - ghosts[0]) * signal + ghosts[0] * copy + low, image.shape)


_INTENSITY = (
    ("bias_field", draw_bias_field, apply_bias_field),
    ("ghosting", draw_ghosting, apply_ghosting),
    ("blur", draw_blur, apply_blur),
    ("gamma", draw_offset, apply_gamma),
    ("gain", draw_gain, apply_gain),
    ("offset", draw_offset, apply_offset),
    ("noise", draw_noise, apply_noise),
)


def _moves(config: AugmentConfig) -> bool:
    return any((config.rotation, config.flip_horizontal, config.flip_vertical, config.scale, config.shift,
                config.elastic))


def _displaced(image: tf.Tensor, field: tf.Tensor, interpolation: str) -> tf.Tensor:
    """The picture sampled at each pixel plus its displacement, borders repeated."""
    height, width = image.shape[:2]
    rows, columns = tf.meshgrid(tf.range(height, dtype=tf.float32), tf.range(width, dtype=tf.float32), indexing="ij")
    x = tf.clip_by_value(columns + field[..., 0], 0.0, width - 1.0)
    y = tf.clip_by_value(rows + field[..., 1], 0.0, height - 1.0)
    if interpolation == "NEAREST":
        return tf.gather_nd(image, tf.cast(tf.round(tf.stack([y, x], -1)), tf.int32))
    left, top = tf.floor(x), tf.floor(y)
    across, down = (x - left)[..., None], (y - top)[..., None]

    def corner(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        position = tf.stack([tf.minimum(row, height - 1.0), tf.minimum(column, width - 1.0)], -1)
        return tf.gather_nd(image, tf.cast(position, tf.int32))

    upper = (1 - across) * corner(top, left) + across * corner(top, left + 1)
    lower = (1 - across) * corner(top + 1, left) + across * corner(top + 1, left + 1)
    return (1 - down) * upper + down * lower


def _fold(seed: tf.Tensor, number: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, number)


def _uniform(shape: tuple, strength: float, seed: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed, -strength, strength)
