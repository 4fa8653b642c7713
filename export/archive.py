"""Writing a SavedModel to a disk that may be full."""

from pathlib import Path

import keras
import tensorflow as tf

from kgp.errors import KgpError


def write_archive(archive: keras.export.ExportArchive, folder: Path) -> None:
    """Writes the endpoints of an archive as a SavedModel into an existing folder.

    Raises:
        KgpError: the files cannot be written, for instance because the disk is full.
    """
    try:
        archive.write_out(str(folder), verbose=False)
    except tf.errors.OpError as error:  # TensorFlow writes by itself and does not raise OSError
        reason = error.message.rpartition("; ")[2].partition(" [Op:")[0]
        raise KgpError(f"The network cannot be written below {folder}: {reason}.") from None
