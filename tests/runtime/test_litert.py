"""What a console needs runs without the packages of training."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from kgp.runtime.litert import LiteRT

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


def test_evidence_made_with_the_answer_is_the_same(litert_files):
    path = litert_files("float32")[0]
    plain, together = LiteRT(path), LiteRT(path, with_evidence=True)
    images = np.random.default_rng(4).uniform(0, 255, (3, 16, 16, 2)).astype(np.float32)
    for found, wanted in zip(together.predict(images), plain.predict(images), strict=True):
        np.testing.assert_array_equal(found, wanted)
    for image in (images[2], images[0], images[2]):  # the last that was answered, and others
        found, wanted = together.evidence(image, 1), plain.evidence(image, 1)
        np.testing.assert_array_equal(found.contributions, wanted.contributions)
        assert found.logit == wanted.logit


def test_evidence_made_with_the_answer_costs_no_second_pass(litert_files, monkeypatch):
    runtime = LiteRT(litert_files("float32")[0], with_evidence=True)
    passes = []
    for name, runner in runtime._runners.items():
        monkeypatch.setitem(
            runtime._runners,
            name,
            lambda images, name=name, runner=runner: passes.append(name) or runner(images=images),
        )
    image = np.random.default_rng(4).uniform(0, 255, (16, 16, 2)).astype(np.float32)
    runtime.predict(image[None])
    runtime.evidence(image, 0)
    assert passes == ["explain"]
    image[3, 4] += 100.0  # the same array, but another slice
    runtime.evidence(image, 1)
    assert passes == ["explain", "explain"]
