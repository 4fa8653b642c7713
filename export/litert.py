"""A run as a LiteRT file for machines without TensorFlow."""

import logging
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from export.archive import new_archive, write_archive
from export.comparison import BOUNDS, bound_excesses, compare, default_predictions
from export.manifest import write_manifest
from export.quantise import activation_ranges, layers_to_quantise, quantised
from export.samples import run_samples
from export.signatures import network_signatures
from export.verify import verify
from kgp.errors import KgpError, UsageError
from kgp.run_folder import Run, build_run_network
from kgp.runtime.artifact import litert_manifest
from kgp.runtime.description import Description
from kgp.runtime.keras_run import KerasRun
from kgp.runtime.litert import LiteRT, LiteRTContent

_log = logging.getLogger(__name__)
PRECISIONS = ("float32", "float16", "dynamic", "int8")
SIGNATURES = ("serving_default", "explain")


def export_litert(
    run_folder: Path, path: Path, *, precision: str = "float32", overwrite: bool = False
) -> dict[str, Any]:
    """Writes a .tflite file and its manifest, and shows that it answers as the run does.

    Signatures `serving_default` and `explain` as in `export.signatures.network_signatures`, for one
    slice of the run's size, float32 in and out in every precision; built-in operations only. In
    fewer bits than 32, layers that would move the answers too far stay in 32 bits and are listed in
    the manifest.

    Args:
        run_folder: a finished run.
        path: the file, which ends in .tflite; its manifest lies beside it.
        precision: one of PRECISIONS.
        overwrite: replace an existing file.

    Returns:
        The comparison, see `export.verify.verify`.

    Raises:
        UsageError: the ending or the precision is unknown.
        KgpError: the file exists, the run is not usable, an operation is not built in, or the file
            does not hold the bounds; then nothing is left behind.
    """
    if path.suffix != ".tflite" or precision not in PRECISIONS:
        raise UsageError(f"A .tflite file in {', '.join(PRECISIONS)} is written, not {path.name} in {precision}.")
    _check_free(path, overwrite)
    reference = KerasRun(run_folder)
    run, description = reference.run, reference.description
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as name:
        temporary = Path(name) / path.name
        network = build_run_network(run)
        content = converted(run, network, description)
        export: dict[str, Any] = {"kind": "litert", "precision": precision}
        if precision != "float32":
            layers = [layer.name for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
            layers.remove("head")
            content, choice = _in_fewer_bits(reference, content, precision, layers)
            export |= choice
        temporary.write_bytes(content)
        write_manifest(litert_manifest(temporary), run, description, export, {path.name: temporary})
        _log.info("Comparing with %s.", run_folder)
        comparison = verify(reference, LiteRT(temporary), run_samples(run, "validation"))
        export["comparison"] = comparison
        write_manifest(litert_manifest(temporary), run, description, export, {path.name: temporary})
        _check_free(path, overwrite)
        os.replace(temporary, path)
        os.replace(litert_manifest(temporary), litert_manifest(path))
    return comparison


def _check_free(path: Path, overwrite: bool) -> None:
    """Before the work, and again after it, as another export may have been faster."""
    if not overwrite and (path.exists() or litert_manifest(path).exists()):
        raise KgpError(f"{path} exists already; name another --out or pass --overwrite.")


def converted(run: Run, network: keras.Model, description: Description) -> bytes:
    """The network as the content of a float32 .tflite file.

    Raises:
        KgpError: an operation is not built into LiteRT.
    """
    archive = new_archive(network)
    images = tf.TensorSpec((1, *run.shape), tf.float32, name="images")
    functions = network_signatures(run, network, description)
    for name in SIGNATURES:
        archive.add_endpoint(name, functions[name], input_signature=[images])
    with tempfile.TemporaryDirectory() as folder:
        write_archive(archive, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(SIGNATURES))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        try:
            return converter.convert()
        except Exception as error:  # the converter's own error class is private
            if type(error).__name__ != "ConverterError":
                raise
            raise KgpError(
                f"The network cannot become a LiteRT file of built-in operations: {_needed(str(error))}."
            ) from None


def _in_fewer_bits(run: KerasRun, model: bytes, precision: str, layers: Sequence[str]) -> tuple[bytes, dict[str, Any]]:
    """The file in fewer bits, and its manifest's layers in 32 bits and calibration slices.

    Ranges and the order in which layers go back to 32 bits come from training slices. How many do
    is decided on validation slices too: a network is surer of what it was trained on, and there
    fewer bits cost it less.
    """
    samples = run_samples(run.run, "train")
    slices = [image[None] for image in samples.images]
    ranges = activation_ranges(model, layers, slices) if precision == "int8" else None
    bounds = BOUNDS["litert", precision]
    checks = [
        (part, default_predictions(run, part.images), limits)
        for part, limits in ((samples, bounds.stricter()), (run_samples(run.run, "validation"), bounds))
    ]

    def convert(chosen: Sequence[str]) -> bytes:
        return quantised(model, precision, chosen, ranges)

    def predict(content: bytes, count: int) -> np.ndarray:
        return LiteRTContent(content, run.description).predict(samples.images[:count])[1]

    def is_within_bounds(content: bytes) -> bool:
        candidate = LiteRTContent(content, run.description)
        for part, reference, limits in checks:
            comparison = compare(reference, default_predictions(candidate, part.images), part)
            excesses = bound_excesses(comparison, limits)
            for excess in excesses:
                _log.info("On %s, %s.", part.source, excess)
            if excesses:
                return False
        return True

    chosen = layers_to_quantise(layers, convert, predict, is_within_bounds)
    if not chosen:
        _log.warning("No convolution can go to fewer bits, so all of the file has 32.")
    kept = [layer for layer in layers if layer not in chosen] + ["head"]
    return convert(chosen), {"float_layers": kept, "calibrated_on": samples.source}


def _needed(message: str) -> str:
    """The operations and layers in the converter's message; its first line where it names none."""
    lines = [line for line in message.splitlines() if "is neither a custom op nor a flex op" in line]
    named = []
    for line in lines:
        operation, layer = re.search(r"'(tf\.\w+)' op", line), re.search(r'"([^"@]+)@', line)
        named.append(
            f"{operation.group(1) if operation else 'an operation'} in {layer.group(1) if layer else 'a layer'}"
        )
    return ", ".join(dict.fromkeys(named)) or message.splitlines()[0]
