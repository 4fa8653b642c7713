"""Several devices and hosts, each in processes of their own, as TensorFlow's devices are set once a
process.
"""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgp import train
from kgp.config import OptimiserConfig
from kgp.data.cohort import read_image
from kgp.networks import build_network
from kgp.prediction.slice import softmax
from kgp.run_folder import build_run_network, read_run
from kgp.runtime import load_runtime
from kgp.training.distributed import distributed_model
from kgp.training.job import train_from_source

OPTIONS = (
    "--preset", "demo", "--width", "2", "--depth", "1", "--dropout", "0", "--epochs", "2", "--batch-size", "4",
    "--optimiser", "adam_l2", "--accumulation", "2", "--clip-value", "0.01", "--equivariance", "0.1",
)  # fmt: skip
TIMEOUT = 240


def start(words, program=("-m", "kgp.train"), **environment):
    return subprocess.Popen(
        [sys.executable, *program, *map(str, words)],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def finished(process):
    out, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, errors
    return errors


def cluster(index, ports):
    config = {
        "cluster": {"worker": [f"127.0.0.1:{port}" for port in ports]},
        "task": {"type": "worker", "index": index},
    }
    return {"TF_CONFIG": json.dumps(config)}


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def single(tiny_cohort, tmp_path_factory):
    """A run on one device, trained in this process."""
    folder = tmp_path_factory.mktemp("single") / "run"
    arguments = train.build_parser().parse_args(["--data", str(tiny_cohort.folder), *OPTIONS])
    train_from_source(train.configuration(arguments), folder, train.source_of(arguments))
    return folder


def assert_close(one, other):
    """The same loss curve and the same weights but for rounding."""
    rows = [list(csv.DictReader((folder / "history.csv").read_text().splitlines())) for folder in (one, other)]
    for first, second in zip(*rows, strict=True):
        assert first.keys() == second.keys()
        for name in ("loss", "val_loss", "val_macro_f1"):
            assert float(first[name]) == pytest.approx(float(second[name]), abs=1e-5)
    weights = [build_run_network(read_run(folder)).get_weights() for folder in (one, other)]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_two_devices_are_one(single, tiny_cohort, tmp_path):
    words = [
        "--data",
        tiny_cohort.folder,
        *OPTIONS,
        "--out",
        tmp_path / "run",
        "--strategy",
        "mirrored",
        "--devices",
        2,
    ]
    finished(start(words))
    assert_close(single, tmp_path / "run")


def test_sixteen_bits_scale_the_loss():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    config = OptimiserConfig(accumulation=1, learning_rate=0.1)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        with strategy.scope():
            network = build_network("unet", (4, 4, 1), 2, width=1, depth=1, dropout=0.0)
        model = distributed_model(network, config, [1.0, 1.0], 1, strategy)
        before = network.get_weights()
        labels = {"logits": np.eye(2, dtype=np.float32)}
        batch = tf.data.Dataset.from_tensors((np.random.default_rng(0).random((2, 4, 4, 1), np.float32), labels))
        model.fit(strategy.distribute_datasets_from_function(lambda _: batch), steps_per_epoch=1, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    # Adam's first step is as long as the learning rate where the gradient is not far below 1e-8.
    moved = [np.abs(new - old).max() for new, old in zip(network.get_weights(), before, strict=True)]
    assert 0.05 < max(moved) < 0.11


_KILLED_IN_SECOND_EPOCH = """
import os, signal, sys
from kgp import train
from kgp.training.callbacks import EpochEnd

def on_epoch_begin(self, epoch, logs=None):
    if epoch == 1:
        os.kill(os.getpid(), signal.SIGKILL)

EpochEnd.on_epoch_begin = on_epoch_begin
sys.exit(train.main(sys.argv[1:]))
"""


def test_two_workers_are_one_also_when_one_was_lost(single, tiny_cohort, tmp_path):
    """The loss of a worker ends the training of the other in one sentence.

    Resumed, both end as one device would.
    """
    words = ["--data", tiny_cohort.folder, *OPTIONS, "--out", tmp_path / "run", "--strategy", "multiworker"]
    ports = free_ports(2)
    first = start(words, **cluster(0, ports))
    second = start(words, ["-c", _KILLED_IN_SECOND_EPOCH], **cluster(1, ports))
    _, errors = first.communicate(timeout=TIMEOUT)
    second.communicate(timeout=TIMEOUT)
    assert first.returncode == 1 and second.returncode == -signal.SIGKILL
    assert "Another worker of this training cannot be reached any more" in errors and "kgp train --resume" in errors
    assert "Traceback" not in errors
    assert (tmp_path / "run" / "history.csv").read_text().splitlines()[-1].startswith("1,")
    ports = free_ports(2)
    resumed = [start(["--resume", tmp_path / "run"], **cluster(index, ports)) for index in (0, 1)]
    digests = [re.search(r"SHA-256 is (\w{64})", finished(worker))[1] for worker in resumed]
    assert digests[0] == digests[1]
    assert read_run(tmp_path / "run").manifest["epochs_trained"] == 2
    assert_close(single, tmp_path / "run")


def test_a_run_trained_with_jax_is_a_run_of_tensorflow(tiny_cohort, tmp_path, jax_environment):
    words = ["--data", tiny_cohort.folder, *OPTIONS, "--out", tmp_path / "run"]
    finished(start(words, **jax_environment))
    runtime = load_runtime(tmp_path / "run")
    with open(tmp_path / "run" / "predictions.csv", newline="") as stream:
        lines = list(csv.DictReader(stream))
    rows = {row.id: row for row in tiny_cohort.rows}
    assert lines
    for line in lines:
        logits, _ = runtime.predict(read_image(tiny_cohort, rows[line["id"]])[None])
        assert float(line["p_tumour"]) == pytest.approx(softmax(logits[0])[1], abs=1e-4)
