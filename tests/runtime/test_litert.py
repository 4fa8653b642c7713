import subprocess
import sys

SCRIPT = """
import sys
for name in ("tensorflow", "keras"):
    sys.modules[name] = None  # importing it raises
import numpy as np
from kgp.heatmap.threshold import cut_mask
from kgp.runtime import load_runtime
runtime = load_runtime(sys.argv[1])
image = np.random.default_rng(0).uniform(0, 255, (16, 16, 2)).astype(np.float32)
logits, heatmaps = runtime.predict(image[None])
reading = runtime.readings[runtime.default_reading]
cut_mask(heatmaps[0], int(logits[0].argmax()), reading, image=image, no_tumour_class=runtime.no_tumour_class)
evidence = runtime.evidence(image, 1)
print(abs(evidence.logit - logits[0, 1]) < 1e-4)
"""


def test_litert_needs_neither_tensorflow_nor_keras(litert_files):
    command = [sys.executable, "-c", SCRIPT, str(litert_files("float32")[0])]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "True"
