"""Random changes of training slices, in the graph.

Every change is two pieces: `draw_...` takes parameters from an explicit stateless seed, and
`apply_...` applies given parameters and is deterministic. All geometry goes into one warp, so that
a slice is interpolated once. Images are normalised intensities, float32 [H, W, C]; x counts columns
to the right, y counts rows downwards.
"""

import math

import numpy as np
import tensorflow as tf

from kgp.config import AugmentConfig

_STREAMS = 64  # seeds that can be made from one
_ELASTIC_CELLS = 4  # the elastic field is a cubic spline of so many cells along each side
_BIAS_CELLS = 2


def augment_slice(image: tf.Tensor, config: AugmentConfig, seed: tf.Tensor) -> tf.Tensor:
    """Applies every change that `config` switches on.

    Args:
        image: normalised intensities float32 [H, W, C].
        config: strengths; 0 switches a change off.
        seed: integers [2]; the same seed gives the same slice.

    Returns:
        float32 [H, W, C].
    """
    return augment_pair(image, None, config, seed)[0]


def augment_pair(
    image: tf.Tensor, mask: tf.Tensor | None, config: AugmentConfig, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """As `augment_slice`, with a mask [H, W] of any type, or None, that follows the geometry."""
    image, seed = tf.convert_to_tensor(image, tf.float32), tf.cast(seed, tf.int64)
    if _moves(config):
        height, width = image.shape[:2]
        matrix = draw_affine(config, height, width, _fold(seed, 0))
        field = draw_elastic(config.elastic, height, width, _fold(seed, 1)) if config.elastic else None
        image = apply_geometry(image, matrix, field)
        if mask is not None:
            mask = apply_geometry_to_mask(mask, matrix, field)
    for number, (name, draw, apply) in enumerate(_INTENSITY, start=2):
        strength = getattr(config, name)
        if strength:
            image = apply(image, draw(strength, image.shape, _fold(seed, number)))
    return image, mask


def draw_affine(config: AugmentConfig, height: int, width: int, seed: tf.Tensor) -> tf.Tensor:
    """The matrix of `affine_matrix` for a random rotation, size, shift and random flips."""
    draws = tf.random.stateless_uniform((6,), seed, -1.0, 1.0)
    strengths = tf.constant(
        [math.radians(config.rotation), config.scale, config.shift * width, config.shift * height], tf.float32
    )
    angle, size, across, down = tf.unstack(draws[:4] * strengths)
    chances = tf.constant([config.flip_horizontal, config.flip_vertical], tf.float32)
    flips = tf.where((draws[4:] + 1.0) / 2.0 < chances, -1.0, 1.0)
    return affine_matrix(angle, flips, 1.0 + size, tf.stack([across, down]), height, width)


def affine_matrix(
    angle: tf.Tensor, flips: tf.Tensor, size: tf.Tensor, shift: tf.Tensor, height: int, width: int
) -> tf.Tensor:
    """The matrix [2, 3] from output to input pixel coordinates (x, y).

    Rotation and size are about the picture's centre.

    Args:
        angle: radians; positive turns the picture counter-clockwise.
        flips: [2] of +1 or -1 for x and y; the picture is flipped before it is turned.
        size: magnification.
        shift: [2], pixels by which the picture moves in x and y, after everything else.
        height, width: of the picture.
    """
    cosine, sine = tf.cos(angle), tf.sin(angle)
    flips, shift = tf.convert_to_tensor(flips, tf.float32), tf.convert_to_tensor(shift, tf.float32)
    linear = flips[:, None] * tf.reshape(tf.stack([cosine, -sine, sine, cosine]), (2, 2)) / size
    centre = tf.constant([(width - 1) / 2.0, (height - 1) / 2.0], tf.float32)
    return tf.concat([linear, (centre - tf.linalg.matvec(linear, centre + shift))[:, None]], axis=1)


def draw_elastic(strength: float, height: int, width: int, seed: tf.Tensor) -> tf.Tensor:
    """A smooth displacement field [H, W, 2] in pixels (x, y), of at most `strength` times the
    larger side.
    """
    return _smooth_field(
        _uniform((_ELASTIC_CELLS + 3, _ELASTIC_CELLS + 3, 2), strength * max(height, width), seed), height, width
    )


def apply_geometry(image: tf.Tensor, matrix: tf.Tensor, field: tf.Tensor | None = None) -> tf.Tensor:
    """Warps an image with linear interpolation; what comes from outside the picture is background.

    Background is the lowest of each contrast's four corners: air, also where normalised tissue lies
    below air.

    Args:
        image: [H, W, C].
        matrix: [2, 3] from output to input coordinates (x, y).
        field: displacement [H, W, 2] of the input coordinates, in pixels (x, y), or None.
    """
    height, width = image.shape[:2]
    corners = image[:: max(height - 1, 1), :: max(width - 1, 1)]
    background = tf.reduce_min(corners, axis=(0, 1))
    return _warp(image - background, matrix, field, "BILINEAR") + background


def apply_geometry_to_mask(mask: tf.Tensor, matrix: tf.Tensor, field: tf.Tensor | None = None) -> tf.Tensor:
    """As `apply_geometry` for a mask [H, W] of any type: nearest neighbour, and 0 outside the
    picture.
    """
    moved = _warp(tf.cast(mask, tf.float32)[..., None], matrix, field, "NEAREST")
    return tf.cast(moved[..., 0], mask.dtype)


def draw_gain(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """Factor of each contrast [C], 1 +- strength."""
    return 1.0 + _uniform((shape[-1],), strength, seed)


def apply_gain(image: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
    """Multiplies each contrast; after "head_zscore" air too moves, from -3 to -3 * gain."""
    return image * gain


def draw_offset(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """A number for each contrast [C], 0 +- strength."""
    return _uniform((shape[-1],), strength, seed)


def apply_offset(image: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Adds to each contrast so many standard deviations of it (over the whole picture, air
    included).
    """
    return image + offset * tf.math.reduce_std(image, axis=(0, 1))


def apply_gamma(image: tf.Tensor, log_gamma: tf.Tensor) -> tf.Tensor:
    """Raises each contrast, mapped to 0..1 between its extremes, to the power exp(log_gamma);
    log_gamma is [C].
    """
    low, high = tf.reduce_min(image, axis=(0, 1)), tf.reduce_max(image, axis=(0, 1))
    span = tf.where(high > low, high - low, 1.0)
    return tf.pow((image - low) / span, tf.exp(log_gamma)) * span + low


def draw_blur(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """The kernel [2r + 1] of a Gaussian with a standard deviation of 0 .. strength pixels."""
    deviation = tf.random.stateless_uniform((), seed, maxval=strength)
    radius = min(math.ceil(3.0 * strength), *shape[:2])
    offsets = tf.range(-radius, radius + 1, dtype=tf.float32)
    kernel = tf.exp(-0.5 * tf.square(offsets / tf.maximum(deviation, 1e-3)))
    return kernel / tf.reduce_sum(kernel)


def apply_blur(image: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Filters rows and columns of each contrast with a kernel [2r + 1]; borders are mirrored."""
    radius = kernel.shape[0] // 2
    contrasts = tf.transpose(image, (2, 0, 1))[..., None]
    contrasts = tf.pad(contrasts, [(0, 0), (radius, radius), (radius, radius), (0, 0)], mode="SYMMETRIC")
    for shape in ((-1, 1, 1, 1), (1, -1, 1, 1)):
        contrasts = tf.nn.conv2d(contrasts, tf.reshape(kernel, shape), 1, "VALID")
    return tf.transpose(contrasts[..., 0], (1, 2, 0))


def draw_noise(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """Normal noise [H, W, C] of a level drawn from 0 .. strength."""
    level = tf.random.stateless_uniform((), seed, maxval=strength)
    # The next stream of the same slice is free; folding a folded seed would give the stream of
    # another slice.
    return level * tf.random.stateless_normal(shape, seed + tf.constant([0, 1], seed.dtype))


def apply_noise(image: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
    """Adds noise in units of each contrast's standard deviation."""
    return image + noise * tf.math.reduce_std(image, axis=(0, 1))


def draw_bias_field(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """A smooth factor [H, W, 1] within 1 +- strength."""
    return 1.0 + _smooth_field(_uniform((_BIAS_CELLS + 3, _BIAS_CELLS + 3, 1), strength, seed), shape[0], shape[1])


def apply_bias_field(image: tf.Tensor, field: tf.Tensor) -> tf.Tensor:
    """Multiplies what lies above each contrast's minimum, so that dark air stays as it is."""
    low = tf.reduce_min(image, axis=(0, 1))
    return (image - low) * field + low


def draw_ghosting(strength: float, shape: tf.TensorShape, seed: tf.Tensor) -> tf.Tensor:
    """Share of the signal in ghosts (0 .. strength), number of ghosts (2 .. 4), and axis of phase
    encoding (0 or 1).
    """
    share, count, axis = tf.unstack(tf.random.stateless_uniform((3,), seed))
    return tf.stack([share * strength, tf.floor(2.0 + 3.0 * count), tf.floor(2.0 * axis)])


def apply_ghosting(image: tf.Tensor, ghosts: tf.Tensor) -> tf.Tensor:
    """Moves a share of the signal to copies that stand 1/count of the picture to either side, and
    wrap around.

    Args:
        image: [H, W, C]; what lies above each contrast's minimum is signal.
        ghosts: [3], share, count and axis as `draw_ghosting` gives them.
    """
    low = tf.reduce_min(image, axis=(0, 1))
    axis = tf.cast(ghosts[2], tf.int32)
    step = tf.cast(tf.cast(tf.shape(image)[axis], tf.float32) / ghosts[1], tf.int32)
    signal = image - low
    copies = (tf.roll(signal, step, axis) + tf.roll(signal, -step, axis)) / 2.0
    return (1.0 - ghosts[0]) * signal + ghosts[0] * copies + low


# In the order in which a scanner would cause them; the names are the options of AugmentConfig.
# Noise, which takes two streams, is the last.
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
    return any(
        (config.rotation, config.flip_horizontal, config.flip_vertical, config.scale, config.shift, config.elastic)
    )


def _warp(image: tf.Tensor, matrix: tf.Tensor, field: tf.Tensor | None, interpolation: str) -> tf.Tensor:
    """Samples [H, W, C] where the matrix and the field point; 0 outside."""
    if field is not None:
        return _sample(image, matrix, field, interpolation)
    transform = tf.concat([tf.reshape(matrix, (1, 6)), tf.zeros((1, 2))], axis=1)
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=transform,
        output_shape=tf.constant(list(image.shape[:2])),
        fill_value=0.0,
        interpolation=interpolation,
    )[0]
    return tf.ensure_shape(moved, image.shape)


def _sample(image: tf.Tensor, matrix: tf.Tensor, field: tf.Tensor, interpolation: str) -> tf.Tensor:
    height, width, channels = image.shape
    rows, columns = np.meshgrid(np.arange(height, dtype=np.float32), np.arange(width, dtype=np.float32), indexing="ij")
    x = matrix[0, 0] * columns + matrix[0, 1] * rows + matrix[0, 2] + field[..., 0]
    y = matrix[1, 0] * columns + matrix[1, 1] * rows + matrix[1, 2] + field[..., 1]
    # A frame of one zero, so that all that lies outside, and half of what lies on the edge, comes
    # from the frame.
    framed = tf.reshape(tf.pad(image, [(1, 1), (1, 1), (0, 0)]), (-1, channels))
    x, y = tf.clip_by_value(x + 1.0, 0.0, width + 1.0), tf.clip_by_value(y + 1.0, 0.0, height + 1.0)

    def pixel(row: tf.Tensor, column: tf.Tensor) -> tf.Tensor:
        return tf.gather(framed, tf.cast(row, tf.int32) * (width + 2) + tf.cast(column, tf.int32))

    if interpolation == "NEAREST":
        return pixel(tf.round(y), tf.round(x))
    left, top = tf.minimum(tf.floor(x), float(width)), tf.minimum(tf.floor(y), float(height))
    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = (1.0 - across) * pixel(top, left) + across * pixel(top, left + 1.0)
    lower = (1.0 - across) * pixel(top + 1.0, left) + across * pixel(top + 1.0, left + 1.0)
    return (1.0 - down) * upper + down * lower


def _smooth_field(knots: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The uniform cubic B-spline of knots [n, n, k] as a field [H, W, k].

    It never leaves the range of the knots.
    """
    field = tf.tensordot(_spline_basis(height, knots.shape[0] - 3), knots, 1)  # [H, n, k]
    return tf.einsum("wj,hjk->hwk", _spline_basis(width, knots.shape[1] - 3), field)


def _spline_basis(length: int, cells: int) -> np.ndarray:
    """Weights [length, cells + 3] of the knots at each pixel; rows sum to 1."""
    position = np.linspace(0.0, cells, length)
    cell = np.minimum(position.astype(int), cells - 1)
    u = position - cell
    weights = np.stack([(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3], axis=1) / 6.0
    basis = np.zeros((length, cells + 3), np.float32)
    np.put_along_axis(basis, cell[:, None] + np.arange(4), weights.astype(np.float32), axis=1)
    return basis


def _fold(seed: tf.Tensor, number: int) -> tf.Tensor:
    """A seed of its own for each number below `_STREAMS`.

    This is cheaper in the graph than a hash, and as distinct if done once.
    """
    return seed * tf.constant([1, _STREAMS], seed.dtype) + tf.constant([0, number], seed.dtype)


def _uniform(shape: tuple, strength: float, seed: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform(shape, seed, -strength, strength)
