"""What a console needs runs without the packages of training."""

import shutil
import subprocess
import sys

import pytest

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
