"""kgp.tensorflow_import: TensorFlow's import is announced, its notes are dropped, its errors are not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import kgp

# What TensorFlow 2.21 writes while it is imported on a machine without a GPU.
NOTES = r"""WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795886556.744599   28006 port.cc:153] oneDNN custom operations are on. You may see slightly different results.
I0000 00:00:1795886556.745197   28006 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU will not be used.
I0000 00:00:1795886556.927189   28006 cpu_feature_guard.cc:227] This TensorFlow binary is optimized.
To enable the following instructions: AVX2 AVX512F, in other operations, rebuild TensorFlow.
E0000 00:00:1731084.055069   32158 cuda_dnn.cc:8579] Unable to register cuDNN factory: Attempting to register factory
E0000 00:00:1731084.055069   32158 cuda_blas.cc:1407] Unable to register cuBLAS factory: Attempting to register factory
W0000 00:00:1731084.055069   32158 computation_placer.cc:177] computation placer already registered. Please check linkage.
E0000 00:00:1795886804.055069   32158 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: UNKNOWN ERROR (303)
"""
ERRORS = r"""E0000 00:00:1795886804.055069   32158 gpu_device.cc:12] the driver is too old
F0000 00:00:1795886804.055069   32158 cpu_feature_guard.cc:60] The library was compiled to use AVX instructions
a line of another library
"""
SCRIPT = """
import logging, sys
logging.basicConfig(level=logging.INFO, format="%(message)s")
from kgp.tensorflow_import import watch_import
watch_import({announce})
watch_import({announce})
print("before", file=sys.stderr)
import tensorflow, tensorflow.part
print("after", tensorflow.answer, file=sys.stderr)
"""


@pytest.fixture
def importing(tmp_path):
    """Runs SCRIPT with a `tensorflow` that writes to standard error as its libraries do: (status, standard error)."""

    def run(written, end="", announce=True, **environment):
        package = tmp_path / "tensorflow"
        package.mkdir()
        (package / "__init__.py").write_text(f"import os\nos.write(2, {written.encode()!r})\nanswer = 42\n{end}\n")
        (package / "part.py").write_text("")
        path = os.pathsep.join([str(tmp_path), str(Path(kgp.__file__).resolve().parent.parent)])
        kept = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT.format(announce=announce)],
            env={**kept, "PYTHONPATH": path, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stderr

    return run


def test_notes_are_dropped_and_the_import_is_announced(importing):
    assert importing(NOTES) == (0, "before\nLoading TensorFlow.\nafter 42\n")


def test_errors_come_through_in_their_order(importing):
    assert importing(NOTES + ERRORS + NOTES, announce=False) == (0, f"before\n{ERRORS}after 42\n")


def test_the_last_words_of_a_process_that_dies_come_through(importing):
    status, said = importing(NOTES + ERRORS, end="os.abort()")
    assert status < 0 and ERRORS in said and "oneDNN" not in said


def test_an_exception_comes_through(importing):
    status, said = importing(NOTES, end="raise ImportError('libcudart is broken')")
    assert status == 1 and said.endswith("ImportError: libcudart is broken\n") and "oneDNN" not in said


def test_a_process_that_outlives_the_import_does_not_hold_it_up(importing):
    end = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(2.5)'], stdout=-3)"
    assert importing(NOTES, end=end) == (0, "before\nLoading TensorFlow.\nafter 42\n")


@pytest.mark.parametrize(("level", "all_of_it"), [("0", True), ("2", True), ("3", False)])
def test_who_asks_for_the_notes_sees_them(importing, level, all_of_it):
    _, said = importing(NOTES, TF_CPP_MIN_LOG_LEVEL=level)
    assert (NOTES in said) == all_of_it and ("oneDNN" in said) == all_of_it


def test_a_missing_tensorflow_stays_missing():
    script = SCRIPT.format(announce=True).replace("import tensorflow,", "sys.path[:] = []\nimport tensorflow,")
    path = str(Path(kgp.__file__).resolve().parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr.endswith("No module named 'tensorflow'\n") and "Loading" not in done.stderr
