"""Writing a SavedModel to a disk that may be full."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from kgp.errors import KgpError


def new_archive(model: keras.Model) -> keras.export.ExportArchive:
    """An archive without endpoints for a model.

    Raises:
        KgpError: Keras runs on another backend than TensorFlow, which alone can trace the
            signatures.
    """
    if keras.backend.backend() != "tensorflow":
        raise KgpError(
            f"Keras runs on {keras.backend.backend()} (KERAS_BACKEND), and only on TensorFlow can it write an export."
        )
    archive = keras.export.ExportArchive()
    archive.track(model)
    return archive


def write_archive(archive: keras.export.ExportArchive, folder: Path) -> None:
    """Writes the endpoints of an archive as a SavedModel into an existing folder.

    Raises:
        KgpError: the files cannot be written, for instance because the disk is full.
    """
    with written_by_tensorflow(folder):
        archive.write_out(str(folder), verbose=False)


@contextlib.contextmanager
def written_by_tensorflow(folder: Path) -> Iterator[None]:
    """Turns TensorFlow's error when it cannot write, which is no OSError, into a KgpError."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = error.message.rpartition("; ")[2].partition(" [Op:")[0]
        raise KgpError(f"The network cannot be written below {folder}: {reason}.") from None
