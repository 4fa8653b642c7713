"""A run as a versioned SavedModel for TensorFlow Serving."""

import contextlib
import errno
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from export.archive import new_archive, write_archive, written_by_tensorflow
from export.comparison import comparison_lines
from export.manifest import write_manifest, write_model_card
from export.samples import run_samples
from export.signatures import HEATMAP_TYPES, describe_signature, network_signatures
from export.verify import verify
from export.warmup import BATCH_SIZES, write_warmup
from kgp.errors import UsageError
from kgp.run_folder import build_run_network
from kgp.runtime.artifact import CARD, MANIFEST
from kgp.runtime.keras_run import KerasRun
from kgp.runtime.saved_model import SavedModel

_log = logging.getLogger(__name__)


def export_savedmodel(run_folder: Path, models: Path, *, heatmap: str = "float32") -> tuple[Path, dict[str, Any]]:
    """Writes the next version of a SavedModel, and shows that it answers as the run does.

    Signatures: those of `export.signatures.network_signatures` (the batch is free, height and width
    are the run's) and `describe`. The version appears at once and complete, after it was compared
    with the run within `export.verify.BOUNDS`.

    Args:
        run_folder: a finished run.
        models: folder that a model server watches; its name is the model's name.
        heatmap: type of the heatmap in the answers, "float32" or "float16".

    Returns:
        The version folder, and the comparison (see `export.verify.verify`).

    Raises:
        UsageError: `models` is not a folder of versions, or the type is unknown.
        KgpError: the run is not usable, or the export does not hold the bounds; then nothing is
            left behind.
    """
    if heatmap not in HEATMAP_TYPES:
        raise UsageError(f"The heatmap is sent as {' or '.join(HEATMAP_TYPES)}, not {heatmap!r}.")
    if models.exists() and not models.is_dir():
        raise UsageError(f"{models} is a file; name a folder for the versions of the model.")
    reference = KerasRun(run_folder)
    run, description = reference.run, reference.description
    model = build_run_network(run)
    with _scratch(models) as scratch:
        folder = scratch / "version"
        folder.mkdir()
        archive = new_archive(model)
        images = tf.TensorSpec((None, *run.shape), tf.float32, name="images")
        for name, function in network_signatures(run, model, description, heatmap).items():
            archive.add_endpoint(name, function, input_signature=[images])
        request = tf.TensorSpec((None,), tf.int32, name="request")
        archive.add_endpoint("describe", describe_signature(description), input_signature=[request])
        write_archive(archive, folder)
        with written_by_tensorflow(folder):
            write_warmup(folder, run.shape, models.resolve().name)
        export = {"kind": "savedmodel", "precision": heatmap, "batch_sizes": list(BATCH_SIZES)}
        files = {
            str(path.relative_to(folder)): path
            for path in folder.rglob("*")
            if path.is_file() and path.suffix != ".json"
        }
        write_manifest(folder / MANIFEST, run, description, export, files)
        _log.info("Comparing with %s.", run_folder)
        comparison = verify(reference, SavedModel(folder), run_samples(run, "validation"))
        write_model_card(folder / CARD, run, description, comparison_lines(comparison))
        write_manifest(folder / MANIFEST, run, description, {**export, "comparison": comparison}, files)
        return publish(folder, models), comparison


@contextlib.contextmanager
def _scratch(models: Path) -> Iterator[Path]:
    """A hidden folder in `models`, removed at the end; so is `models` if it is new and empty."""
    is_new = not models.exists()
    models.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=models, prefix=".export.") as name:
            yield Path(name)
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it holds a version
                models.rmdir()


def publish(folder: Path, models: Path) -> Path:
    """Renames a finished folder to the next free version; another export may take one meanwhile."""
    while True:
        taken = [int(path.name) for path in models.iterdir() if path.name.isdecimal()]
        version = models / str(max(taken, default=0) + 1)
        try:
            os.rename(folder, version)
            return version
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
