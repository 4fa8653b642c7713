"""Layers that the networks share. keras.ops only, so that they run on every backend and convert to
LiteRT.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from kgp.pooling_defaults import DEFAULT_POOLING_VALUES, POOLINGS

NORMALISATION_LAYERS = ("default", "none", "batch", "instance")


def add_normalisation(x, layer: str, name: str, affine: bool = True):
    """Applies a normalisation layer given by its name: "none", "batch", or "instance" (each channel
    of each picture by itself).

    Args:
        affine: whether "instance" learns a scale and an offset for each channel; "batch" always
            does.
    """
    if layer == "batch":
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)
    if layer == "instance":
        return InstanceNormalisation(affine, name=name)(x)
    return x


@keras.saving.register_keras_serializable(package="kgp")
class InstanceNormalisation(keras.layers.Layer):
    """Mean 0 and variance 1 for each channel of each picture, for any number of spatial axes.

    As `keras.layers.GroupNormalization(groups=-1)`, but the mean is taken along one axis after the
    other: LiteRT adds up one number after the other, which over all pixels of a large picture loses
    two more digits than along its rows.

    Args:
        affine: learn a scale and an offset for each channel.
        epsilon: added to the variance.
    """

    def __init__(self, affine: bool = True, epsilon: float = 1e-5, **kwargs) -> None:
        super().__init__(**kwargs)
        self.affine = affine
        self.epsilon = epsilon

    def build(self, input_shape: tuple) -> None:
        """Makes scale and offset."""
        if self.affine:
            self.gamma = self.add_weight((input_shape[-1],), "ones", name="gamma", autocast=False)
            self.beta = self.add_weight((input_shape[-1],), "zeros", name="beta", autocast=False)

    def call(self, inputs):
        """The normalised pictures [B, *spatial, C]; statistics are computed in 32 bits."""
        centred = ops.cast(inputs, "float32")
        centred = centred - _spatial_mean(centred)
        scale = ops.rsqrt(_spatial_mean(ops.square(centred)) + self.epsilon)
        outputs = centred * (scale * self.gamma) + self.beta if self.affine else centred * scale
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}


def _spatial_mean(x):
    for axis in range(len(x.shape) - 2, 0, -1):
        x = ops.mean(x, axis, keepdims=True)
    return x


def sinc_matrix(old: int, new: int) -> np.ndarray:
    """Matrix [new, old] that resamples a periodic signal by its Fourier coefficients, as
    `scipy.signal.resample` does.

    Column j is the resampled unit impulse at j. Sample 0 stays sample 0; the signal wraps round at
    its ends.
    """
    spectrum = np.fft.rfft(np.eye(old), axis=0)
    shorter = min(old, new)
    kept = np.zeros((new // 2 + 1, old), complex)
    kept[: shorter // 2 + 1] = spectrum[: shorter // 2 + 1]
    if shorter % 2 == 0 and new != old:
        kept[shorter // 2] *= 0.5 if new > old else 2.0
    return (np.fft.irfft(kept, new, axis=0) * (new / old)).astype(np.float32)


def bilinear_matrix(old: int, new: int) -> np.ndarray:
    """Matrix [new, old] of linear interpolation with half-pixel centres and no antialiasing."""
    centre = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    left = np.floor(centre).astype(int)
    share = centre - left
    matrix = np.zeros((new, old), np.float32)
    matrix[np.arange(new), left] += 1 - share
    matrix[np.arange(new), np.minimum(left + 1, old - 1)] += share
    return matrix


_MATRICES = {"sinc": sinc_matrix, "bilinear": bilinear_matrix}


@keras.saving.register_keras_serializable(package="kgp")
class Resize(keras.layers.Layer):
    """Resamples each spatial axis of [B, *spatial, C] by a product with a constant matrix.

    Linear and separable, so exact, differentiable and free of FFTs; works for any number of spatial
    axes. An axis that has the size already is left alone.

    Args:
        size: spatial size of the output.
        method: "sinc" (Fourier resampling) or "bilinear" (half-pixel centres).
    """

    def __init__(self, size: tuple[int, ...], method: str = "sinc", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if method not in _MATRICES:
            raise ValueError(f"method must be one of {', '.join(_MATRICES)}, not {method!r}.")
        self.size = tuple(size)
        self.method = method

    def call(self, inputs):
        """Args: [B, *spatial, C]. Returns: [B, *size, C]."""
        outputs = inputs
        for axis, new in enumerate(self.size, start=1):
            shape = outputs.shape
            if shape[axis] == new:
                continue
            matrix = ops.convert_to_tensor(_MATRICES[self.method](shape[axis], new), dtype=outputs.dtype)
            rest = int(np.prod(shape[axis + 1 :]))
            flat = ops.reshape(outputs, (-1, shape[axis], rest))
            outputs = ops.reshape(ops.matmul(matrix, flat), (-1, *shape[1:axis], new, *shape[axis + 1 :]))
        return outputs

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """[B, *size, C]."""
        return (input_shape[0], *self.size, input_shape[-1])

    def get_config(self) -> dict:
        return {**super().get_config(), "size": self.size, "method": self.method}


@keras.saving.register_keras_serializable(package="kgp")
class ReflectPad(keras.layers.Layer):
    """Mirrors `pad` pixels at every side of each spatial axis, without repeating the edge pixel."""

    def __init__(self, pad: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pad = pad

    def call(self, inputs):
        """Args: [B, *spatial, C]."""
        around = [(self.pad, self.pad)] * (len(inputs.shape) - 2)
        return ops.pad(inputs, [(0, 0), *around, (0, 0)], mode="reflect")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """Every spatial axis grows by 2 * pad."""
        return (input_shape[0], *(size + 2 * self.pad for size in input_shape[1:-1]), input_shape[-1])

    def get_config(self) -> dict:
        return {**super().get_config(), "pad": self.pad}


@keras.saving.register_keras_serializable(package="kgp")
class ScalarPReLU(keras.layers.Layer):
    """PReLU with one slope for all channels, as torch's `PReLU()` has it; starts at 0.25."""

    def build(self, input_shape: tuple) -> None:
        """Makes the slope."""
        self.slope = self.add_weight(shape=(1,), initializer=keras.initializers.Constant(0.25), name="slope")

    def call(self, inputs):
        """Args: any shape."""
        return ops.relu(inputs) - self.slope * ops.relu(-inputs)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """The same shape."""
        return input_shape


@keras.saving.register_keras_serializable(package="kgp")
class PixelUnshuffle(keras.layers.Layer):
    """[B, H, W, C] -> [B, H/2, W/2, 4C]; channel index (2 * row parity + column parity) * C + c.

    torch's `pixel_unshuffle` orders channels as c * 4 + parity; the weight import permutes the next
    kernel instead.
    """

    def call(self, inputs):
        """Args: [B, H, W, C], H and W even."""
        _, height, width, channels = inputs.shape
        rows = ops.reshape(inputs, (-1, 2, width // 2, 2 * channels))
        rows = ops.transpose(rows, (0, 2, 1, 3))
        return ops.reshape(rows, (-1, height // 2, width // 2, 4 * channels))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """[B, H/2, W/2, 4C]."""
        batch, height, width, channels = input_shape
        return (batch, height // 2, width // 2, 4 * channels)


@keras.saving.register_keras_serializable(package="kgp")
class PixelShuffle(keras.layers.Layer):
    """[B, H, W, 4C] -> [B, 2H, 2W, C]: the inverse of `PixelUnshuffle`, in its channel order."""

    def call(self, inputs):
        """Args: [B, H, W, 4C]."""
        _, height, width, channels = inputs.shape
        rows = ops.reshape(inputs, (-1, width, 2, channels // 2))
        rows = ops.transpose(rows, (0, 2, 1, 3))
        return ops.reshape(rows, (-1, 2 * height, 2 * width, channels // 4))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """[B, 2H, 2W, C]."""
        batch, height, width, channels = input_shape
        return (batch, 2 * height, 2 * width, channels // 4)


@keras.saving.register_keras_serializable(package="kgp")
class GlobalPooling(keras.layers.Layer):
    """Pools each channel of [B, *spatial, C] over all N positions to [B, 1, ..., 1, C].

    Args:
        pooling: "max"; "average"; "lse", (1/r) log mean exp(r x), between average and max;
            "topfraction", the mean of the max(1, round(q N)) largest values.
        value: r of lse, q of topfraction; 0 for the default (4 and 0.02).
    """

    def __init__(self, pooling: str = "max", value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, not {pooling!r}.")
        self.pooling = pooling
        self.value = value or DEFAULT_POOLING_VALUES[pooling]
        if pooling == "topfraction" and self.value > 1.0:
            raise ValueError(f"pooling_value of topfraction is a share in (0, 1], not {value}.")

    def call(self, inputs):
        """Args: [B, *spatial, C]."""
        axes = tuple(range(1, len(inputs.shape) - 1))
        if self.pooling == "max":
            return ops.max(inputs, axis=axes, keepdims=True)
        if self.pooling == "average":
            return ops.mean(inputs, axis=axes, keepdims=True)
        positions = int(np.prod(inputs.shape[1:-1]))
        channels = inputs.shape[-1]
        if self.pooling == "lse":
            total = ops.logsumexp(self.value * inputs, axis=axes, keepdims=True)
            return (total - float(np.log(positions))) / self.value
        columns = ops.transpose(ops.reshape(inputs, (-1, positions, channels)), (0, 2, 1))
        largest, _ = ops.top_k(columns, max(1, round(self.value * positions)))
        return ops.reshape(ops.mean(largest, axis=-1), (-1, *[1] * len(axes), channels))

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """[B, 1, ..., 1, C]."""
        return (input_shape[0], *[1] * (len(input_shape) - 2), input_shape[-1])

    def get_config(self) -> dict:
        return {**super().get_config(), "pooling": self.pooling, "value": self.value}
