"""One version of an exported SavedModel, in memory and ready to answer."""

import logging
import threading
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from export.warmup import warmup_requests
from kgp.errors import KgpError
from kgp.runtime.artifact import MANIFEST, read_artifact

_log = logging.getLogger(__name__)
_INITIALISER = "__saved_model_init_op"


class ModelVersion:
    """A version folder that `kgp export` wrote, checked against its manifest, loaded and warmed up.

    Attributes:
        number: the version.
        description: what the network is.
        signatures: the signatures by name, as the SavedModel describes them.
        batch_sizes: sizes of batches that were warmed up, ascending.

    Args:
        folder: the version folder; its name is the version's number.

    Raises:
        KgpError: the folder is not a complete export, or its network does not answer.
    """

    def __init__(self, folder: Path) -> None:
        self.number = int(folder.name)
        self.description, manifest = read_artifact(folder / MANIFEST, folder)
        sizes = manifest.get("batch_sizes")
        if not isinstance(sizes, list) or not sizes or not all(isinstance(size, int) and size > 0 for size in sizes):
            raise KgpError(f"{folder / MANIFEST} names no batch sizes, so it is not the manifest of a SavedModel.")
        self.batch_sizes: tuple[int, ...] = tuple(sorted(sizes))
        try:
            self.signatures = _signatures(folder)
            self._loaded = tf.saved_model.load(str(folder))
            self._warm_up(folder)
        except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
            raise KgpError(f"{folder} cannot be loaded as a SavedModel: {error}.") from None
        self._users = 0
        self._changed = threading.Condition()

    def call(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The named outputs of a signature."""
        outputs = self._loaded.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    def hold(self) -> None:
        """Keeps the version in memory for a request, until `release`."""
        with self._changed:
            self._users += 1

    def release(self) -> None:
        """Ends one `hold`."""
        with self._changed:
            self._users -= 1
            self._changed.notify_all()

    def wait_until_unused(self, seconds: float) -> bool:
        """Waits up to `seconds` until no request holds the version; returns whether none does."""
        with self._changed:
            return self._changed.wait_for(lambda: self._users == 0, seconds)

    def _warm_up(self, folder: Path) -> None:
        start, count = time.monotonic(), 0
        for signature, inputs in warmup_requests(folder):
            self.call(signature, inputs)
            count += 1
        _log.info("version %d: %d warm-up requests in %.1f s", self.number, count, time.monotonic() - start)


def _signatures(folder: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    """The signatures of a SavedModel that can be called."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    signatures = saved.meta_graphs[0].signature_def
    return {name: signatures[name] for name in sorted(signatures) if name != _INITIALISER}
