"""Several devices and hosts, each in processes of their own, as TensorFlow's devices are set once a process."""

import csv
import json
import os
import re
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgp.config import OptimiserConfig
from kgp.data.cohort import read_image
from kgp.networks import build_network
from kgp.prediction.slice import softmax
from kgp.run_folder import build_run_network, read_run
from kgp.runtime import load_runtime
from kgp.training.distributed import distributed_model

OPTIONS = (
    "--preset", "demo", "--width", "2", "--depth", "1", "--dropout", "0", "--epochs", "2", "--batch-size", "4",
    "--optimiser", "adam_l2", "--accumulation", "2", "--clip-value", "0.01", "--equivariance", "0.1",
)  # fmt: skip
TIMEOUT = 240


def start(words, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "kgp.train", *map(str, words)],
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
    """A run on one device."""
    folder = tmp_path_factory.mktemp("single") / "run"
    finished(start(["--data", tiny_cohort.folder, *OPTIONS, "--out", folder]))
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


def test_two_workers_are_one(single, tiny_cohort, tmp_path):
    words = ["--data", tiny_cohort.folder, *OPTIONS, "--out", tmp_path / "run", "--strategy", "multiworker"]
    ports = free_ports(2)
    told = [finished(worker) for worker in [start(words, **cluster(index, ports)) for index in (0, 1)]]
    digests = [re.search(r"SHA-256 is (\w{64})", text)[1] for text in told]
    assert digests[0] == digests[1]
    assert_close(single, tmp_path / "run")


def test_a_lost_worker_ends_the_training_which_then_goes_on(single, tiny_cohort, tmp_path):
    words = ["--data", tiny_cohort.folder, *OPTIONS, "--out", tmp_path / "run", "--strategy", "multiworker"]
    words[words.index("--epochs") + 1] = "200"
    ports = free_ports(2)
    first, second = (start(words, **cluster(index, ports)) for index in (0, 1))
    wait_for(tmp_path / "run" / "checkpoint.npz", first)
    second.kill()
    _, told = first.communicate(timeout=TIMEOUT)
    second.communicate()
    assert first.returncode == 1
    assert "Another worker of this training cannot be reached any more" in told and "kgp train --resume" in told
    assert "Traceback" not in told
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    epoch = int((tmp_path / "run" / "history.csv").read_text().splitlines()[-1].split(",")[0])
    config["optimiser"]["epochs"] = epoch + 1
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    ports = free_ports(2)
    for worker in [start(["--resume", tmp_path / "run"], **cluster(index, ports)) for index in (0, 1)]:
        finished(worker)
    assert read_run(tmp_path / "run").manifest["epochs_trained"] == epoch + 1


def wait_for(path, process):
    end = time.monotonic() + TIMEOUT
    while not path.is_file():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.2)


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
