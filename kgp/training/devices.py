"""Precision and local devices of a training."""

import contextlib

import keras

from kgp.errors import UsageError
from kgp.training.config import OptimiserConfig


def set_precision(mixed: bool) -> None:
    """Mixed precision: float16 where a GPU computes, bfloat16 on a CPU. Without it, float32."""
    policy = "float32"
    if mixed:
        policy = "mixed_float16" if _gpus() else "mixed_bfloat16"
    keras.config.set_dtype_policy(policy)


def device_scope(optimiser: OptimiserConfig) -> contextlib.AbstractContextManager:
    """The scope of a MirroredStrategy over `mirrored` local devices, or nothing.

    Raises:
        UsageError: there are too few devices, the batch cannot be shared out, or accumulation is asked for as well.
    """
    count = optimiser.mirrored
    if count < 2:
        return contextlib.nullcontext()
    if optimiser.accumulation > 1:
        raise UsageError(
            "--mirrored cannot be joined with --accumulation: Keras's accumulation fails under "
            "MirroredStrategy; raise --batch-size instead."
        )
    if optimiser.batch_size % count:
        raise UsageError(f"--batch-size {optimiser.batch_size} cannot be shared by {count} devices.")
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        _split_cpu(count)
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < count:
        raise UsageError(f"--mirrored asks for {count} devices where TensorFlow sees {len(devices)}.")
    return tf.distribute.MirroredStrategy([device.name for device in devices[:count]]).scope()


def _gpus() -> bool:
    if keras.backend.backend() != "tensorflow":
        return True
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _split_cpu(count: int) -> None:
    """Lets the one CPU stand for several devices; it speeds nothing up, but shows that a job will run."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError:
        # TensorFlow has started already; it may have been split before, and device_scope counts what there is.
        return
