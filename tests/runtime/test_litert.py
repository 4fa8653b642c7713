"""What a console needs runs without the packages of training."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kgp.runtime.litert import LiteRT, LiteRTContent

SCRIPT = """
import importlib, sys
for name in ("tensorflow", "keras", "sklearn", "matplotlib", "h5py", "grpc"):
    sys.modules[name] = None  # importing it raises
verb, *words = sys.argv[1:]
sys.exit(importlib.import_module(f"kgp.{verb}").main(words))
"""


@pytest.mark.parametrize("verb", ["segment", "explain"])
def test_litert_needs_neither_tensorflow_nor_keras(verb, litert_files, tiny_cohort, tmp_path):
    shutil.copy(tiny_cohort.folder / tiny_cohort.rows[1].image, tmp_path / "slice.npy")
    out = tmp_path / ("masks" if verb == "segment" else "explained.png")
    words = [verb, str(litert_files("float32")[0]), str(tmp_path / "slice.npy"), "--out", str(out)]
    result = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert out.exists()


def test_answers_with_evidence_are_the_same(litert_files):
    runtime = LiteRT(litert_files("float32")[0])
    images = np.random.default_rng(4).uniform(0, 255, (3, 16, 16, 2)).astype(np.float32)
    explanation = runtime.explain(images)
    logits, heatmaps = runtime.predict(images)
    np.testing.assert_array_equal(explanation.logits, logits)
    np.testing.assert_array_equal(explanation.heatmaps, heatmaps)


def test_the_content_of_a_file_answers_as_the_file(litert_files):
    runtime = LiteRT(litert_files("float32")[0])
    images = np.random.default_rng(4).uniform(0, 255, (1, 16, 16, 2)).astype(np.float32)
    content = LiteRTContent(Path(runtime.name).read_bytes(), runtime.description)
    np.testing.assert_array_equal(content.predict(images)[1], runtime.predict(images)[1])
