"""Precision and devices of a training."""

import contextlib
from typing import TYPE_CHECKING, Any

import keras

from kgp.config import OptimiserConfig
from kgp.errors import UsageError
from kgp.training.cluster import worker_and_count

if TYPE_CHECKING:
    import tensorflow as tf


def set_precision(mixed: bool) -> None:
    """Mixed precision: float16 where a GPU computes, bfloat16 on a CPU. Without it, float32."""
    policy = "float32"
    if mixed:
        policy = "mixed_float16" if _has_gpu() else "mixed_bfloat16"
    keras.config.set_dtype_policy(policy)


def leave_gpus_alone() -> None:
    """Keeps this process on the CPU, as the first use of a GPU would take its memory from the
    processes that train.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # TensorFlow has started already; then there is nothing left to save
            tf.config.set_visible_devices([], "GPU")
    elif keras.backend.backend() == "jax":
        import jax

        jax.config.update("jax_platforms", "cpu")


def build_strategy(optimiser: OptimiserConfig) -> "tf.distribute.Strategy | None":
    """The strategy of tf.distribute to train with, or None for a single device.

    Raises:
        UsageError: Keras runs on another back end, there are too few devices, or TF_CONFIG is not
            usable.
    """
    if optimiser.strategy == "single":
        return None
    if keras.backend.backend() != "tensorflow":
        raise UsageError(f"--strategy {optimiser.strategy} needs KERAS_BACKEND=tensorflow.")
    import tensorflow as tf

    if optimiser.strategy == "multiworker":
        worker_and_count(optimiser)
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.MirroredStrategy(_local_devices(optimiser.devices))


def _local_devices(count: int) -> list[str]:
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU") and count > 1:
        _split_cpu(count)
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < count:
        raise UsageError(f"--devices asks for {count} devices where TensorFlow sees {len(devices)}.")
    return [device.name for device in devices[: count or len(devices)]]


def _has_gpu() -> bool:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if keras.backend.backend() == "jax":
        import jax

        devices: list[Any] = jax.devices()
        return devices[0].platform == "gpu"
    return False


def _split_cpu(count: int) -> None:
    """Lets the one CPU stand for several devices.

    It speeds nothing up, but shows that a job will run.
    """
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError:
        # TensorFlow has started already; it may have been split before, and _local_devices counts
        # the devices.
        return
