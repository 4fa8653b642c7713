"""A random change of training slices of one's own, after the configured ones."""

import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from kgp.errors import UsageError

Augmentation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

_STREAM = 4099  # a random stream that the configured changes do not draw from
_SEEDS = 8


def apply_augmentation(augmentation: Augmentation, image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Changes one slice, in the graph.

    Args:
        augmentation: a function of the slice, float32 [H, W, C], normalised and changed as the
            configuration says, and of a seed, int64 [2], for `tf.random.stateless_uniform` and its
            like; it returns the changed slice. It is a function of the two alone, so that equal
            seeds give equal trainings and a resumed one goes on with the same slices.
        image: float32 [H, W, C].
        seed: int64 [2], of the slice in its epoch.

    Returns:
        float32 [H, W, C].
    """
    changed = tf.function(augmentation)(image, tf.random.experimental.stateless_fold_in(seed, _STREAM))
    return tf.ensure_shape(changed, image.shape)


def check_augmentation(augmentation: Augmentation, image: tf.Tensor, name: str) -> None:
    """Tries the function on one slice.

    Args:
        augmentation: see `apply_augmentation`.
        image: a normalised slice, float32 [H, W, C].
        name: of the function, for messages.

    Raises:
        UsageError: it does not take a slice and a seed, gives no such slice, or does not give the
            same one for the same seed.
    """
    try:
        inspect.signature(augmentation).bind(image, None)
    except TypeError:
        raise UsageError(
            f"augmentation is called with a slice and a seed, but {name} takes {inspect.signature(augmentation)}."
        ) from None
    once, again = tf.function(augmentation), tf.function(lambda slice_, seed: augmentation(slice_, seed))
    for number in range(_SEEDS):
        seed = tf.constant([0, number], tf.int64)
        results = [_checked(apply(image, seed), image, name) for apply in (once, once, again)]
        if any(bool(tf.reduce_any(result != results[0])) for result in results[1:]):
            raise UsageError(
                f"The augmentation {name} gives different slices for the same seed; it must draw from its seed alone, "
                "with tf.random.stateless_uniform and its like."
            )


def _checked(result: Any, image: tf.Tensor, name: str) -> tf.Tensor:
    expected = f"The augmentation {name} must return a slice like its input, float32 {tuple(image.shape)}"
    if not tf.is_tensor(result):
        raise UsageError(f"{expected}, not {type(result).__name__}.")
    if result.dtype != tf.float32 or result.shape != image.shape:
        raise UsageError(f"{expected}, not {result.dtype.name} {tuple(result.shape)}.")
    if not bool(tf.reduce_all(tf.math.is_finite(result))):
        raise UsageError(f"{expected} with finite values, not NaN or infinity.")
    return result
