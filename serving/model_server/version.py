"""One version of an exported SavedModel, in memory and ready to answer."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from export.warmup import warmup_requests
from kgp.errors import KgpError
from kgp.runtime.artifact import check_signatures, read_version
from serving.model_server.tensors import Tensors, check_names, unpack

_log = logging.getLogger(__name__)
_INITIALISER = "__saved_model_init_op"
_LARGEST_WARMUP = 1 << 30  # bytes of a tensor


class ModelVersion:
    """A version folder that `kgp export` wrote, checked against its manifest and loaded.

    Attributes:
        number: the version.
        description: what the network is.
        signatures: the signatures by name, as the SavedModel describes them.
        batch_sizes: sizes of batches that are warmed up, ascending.

    Args:
        folder: the version folder; its name is the version's number.

    Raises:
        KgpError: the folder is not a complete export.
    """

    def __init__(self, folder: Path) -> None:
        self.number = int(folder.name)
        self.description, manifest = read_version(folder)
        self.batch_sizes: tuple[int, ...] = tuple(sorted(set(manifest["batch_sizes"])))
        self._folder = folder
        try:
            self.signatures = _signatures(folder)
            check_signatures(folder, self.signatures)
            self._loaded = tf.saved_model.load(str(folder))
        except (ValueError, RuntimeError, tf.errors.OpError) as error:
            raise KgpError(f"{folder} cannot be loaded as a SavedModel: {error}.") from None
        self._users = 0
        self._changed = threading.Condition()

    def call(self, signature: str, inputs: Tensors) -> Tensors:
        """The named outputs of a signature."""
        outputs = self._loaded.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
        return {name: value.numpy() for name, value in outputs.items()}

    def warm_up(self, run: Callable[[str, Tensors], Tensors]) -> None:
        """Sends what the export's warm-up requests hold through the network, in each size of batch.

        Args:
            run: the named outputs of a signature for named inputs.

        Raises:
            KgpError: there are no warm-up requests, or an answer is not finite.
            Refused: a request is not what its signature takes.
        """
        start, examples = time.monotonic(), {}
        for signature, tensors in warmup_requests(self._folder):
            if signature not in examples and signature in self.signatures:
                definition = self.signatures[signature]
                check_names(definition, tensors, ())
                examples[signature] = unpack(definition, tensors, _LARGEST_WARMUP)
        if not examples:
            raise KgpError(f"{self._folder} has no warm-up requests.")
        for signature, inputs in examples.items():
            for size in self.batch_sizes:
                batch = {name: np.repeat(value[:1], size, axis=0) for name, value in inputs.items()}
                for name, value in run(signature, batch).items():
                    if value.dtype.kind == "f" and not np.isfinite(value).all():
                        raise KgpError(f"{self._folder} answers its warm-up with values of {name} that are not finite.")
        _log.info("version %d: warmed up in %.1f s", self.number, time.monotonic() - start)

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


def _signatures(folder: Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    """The signatures of a SavedModel that can be called."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    signatures = saved.meta_graphs[0].signature_def
    return {name: signatures[name] for name in sorted(signatures) if name != _INITIALISER}
