"""An exported LiteRT file as a runtime, without TensorFlow or Keras."""

import os
from pathlib import Path

import numpy as np

from kgp.errors import KgpError
from kgp.heatmap.evidence import Evidence, evidence_of_map
from kgp.runtime.artifact import litert_manifest, read_artifact
from kgp.runtime.described import DescribedRuntime


class LiteRT(DescribedRuntime):
    """See `kgp.runtime.runtime.Runtime`. Slices go through one by one.

    Args:
        path: a .tflite file that `kgp export` wrote, with its manifest beside it.
        threads: threads of the interpreter; 0 for what OMP_NUM_THREADS says, else all cores.
        with_evidence: make the evidence of a slice together with its answer, so that asking for it next costs no second pass;
            for callers that want it of many slices, as each answer takes some percent longer.

    Raises:
        KgpError: the file or its manifest is missing or damaged, or ai-edge-litert is not installed.
    """

    batch = 1

    def __init__(self, path: Path, threads: int = 0, *, with_evidence: bool = False) -> None:
        if not path.is_file():
            raise KgpError(f"{path} is missing.")
        description, self.manifest = read_artifact(litert_manifest(path), path.parent)
        if self.manifest["files"].get(path.name) is None:
            raise KgpError(f"{litert_manifest(path)} is the manifest of another file than {path.name}.")
        super().__init__(str(path), description, files=self.manifest["files"])
        self._with_evidence = with_evidence
        self._last: tuple[np.ndarray, dict[str, np.ndarray]] | None = None
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter = Interpreter(str(path), num_threads=threads or _usual_threads())
            self._runners = {
                name: self._interpreter.get_signature_runner(name) for name in self._interpreter.get_signature_list()
            }
        except (ValueError, RuntimeError) as error:
            raise KgpError(f"{path} cannot be loaded as a LiteRT model: {error}.") from None

    def evidence(self, image: np.ndarray, class_index: int) -> Evidence:
        """The logit of one class of one raw slice [H, W, C], split exactly into positions."""
        self._check(image[None])
        outputs = self._explain(image[None].astype(np.float32))
        return evidence_of_map(outputs["contributions"][0, ..., class_index], outputs["constant"][0, class_index])

    def _predict(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = self._explain(images) if self._with_evidence else self._runners["serving_default"](images=images)
        return outputs["logits"], outputs["heatmap"]

    def _explain(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Answer and evidence of one slice [1, H, W, C]; those of the last slice are kept."""
        if self._last is None or not np.array_equal(self._last[0], images):
            self._last = images.copy(), self._runners["explain"](images=images)
        return self._last[1]


def _usual_threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
