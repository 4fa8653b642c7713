"""An exported LiteRT file as a runtime, without TensorFlow or Keras."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.runtime.artifact import litert_manifest, read_artifact
from kgp.runtime.description import Description
from kgp.runtime.runtime import Explanation, Runtime


class LiteRT(Runtime):
    """A LiteRT file. Slices go through one by one.

    Args:
        path: a .tflite file that `kgp export` wrote, with its manifest beside it.
        threads: threads of the interpreter; 0 for what OMP_NUM_THREADS says, else all cores.

    Raises:
        KgpError: the file or its manifest is missing or damaged, or ai-edge-litert is not
            installed.
    """

    batch = 1
    manifest: dict[str, Any]

    def __init__(self, path: Path, threads: int = 0) -> None:
        if not path.is_file():
            raise KgpError(f"{path} is missing.")
        description, manifest = read_artifact(litert_manifest(path), path.parent)
        if manifest["files"].get(path.name) is None:
            raise KgpError(f"{litert_manifest(path)} is the manifest of another file than {path.name}.")
        super().__init__(str(path), description, manifest=manifest)
        self._runners = _signature_runners(path.read_bytes(), str(path), threads)

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = self._runners["serving_default"](images=images)
        return outputs["logits"], outputs["heatmap"]

    def _explain(self, images: np.ndarray) -> Explanation:
        outputs = self._runners["explain"](images=images)
        return Explanation(outputs["logits"], outputs["heatmap"], outputs["contributions"], outputs["constant"])


class LiteRTContent(LiteRT):
    """The content of a LiteRT file that is not on the disk yet, for choosing among candidates.

    Args:
        content: the bytes of a .tflite file.
        description: what the network is.
    """

    def __init__(self, content: bytes, description: Description) -> None:
        Runtime.__init__(self, "a LiteRT file in memory", description)
        self._runners = _signature_runners(content, self.name, threads=0)


def _signature_runners(content: bytes, name: str, threads: int) -> dict[str, Any]:
    """The runner of each signature of a LiteRT file."""
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=content, num_threads=threads or _usual_threads())
        return {key: interpreter.get_signature_runner(key) for key in interpreter.get_signature_list()}
    except (ValueError, RuntimeError) as error:
        raise KgpError(f"{name} cannot be loaded as a LiteRT model: {error}.") from None


def _usual_threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
