"""The examples of the documentation run: each part of one's own, from the data source to the optimiser."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import kgp
from kgp.architectures import ARCHITECTURES
from kgp.errors import UsageError

EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "examples"
SMALL = {"preset": "demo", "width": 2, "depth": 1, "batch_size": 4, "epochs": 1, "equivariance": 0.0}


@pytest.fixture
def example():
    """Imports an example by its name."""

    def load(name):
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    ARCHITECTURES.pop("plain", None)


def test_a_backbone_becomes_a_run_with_exact_evidence(example, tiny_cohort, tmp_path):
    own = example("own_backbone")
    run = own.train(tiny_cohort.folder, tmp_path / "run", **SMALL)
    assert run.runtime.description.arch == "plain"
    image = np.random.default_rng(0).uniform(0, 200, (16, 16, 2)).astype(np.float32)
    logits, _ = kgp.load_run(tmp_path / "run").runtime.predict(image[None])
    case = run.predict(image)
    for label, logit in zip(run.class_names, logits[0], strict=True):
        assert case.evidence(label).logit == pytest.approx(logit, abs=1e-4)
    with pytest.raises(ValueError, match="'unet' is the package's own"):
        kgp.register_architecture("unet", own.plain_network)


def test_a_loss_and_a_callback(example, tiny_cohort, tmp_path):
    own = example("own_loss")
    run = own.train(tiny_cohort.folder, tmp_path / "run", **SMALL)
    assert run.runtime.run.manifest["loss"] == "SmoothedCrossEntropy"
    with pytest.raises(UsageError, match="goes with the strategy single, not mirrored"):
        own.train(tiny_cohort.folder, tmp_path / "other", strategy="mirrored", devices=1, **SMALL)


def test_an_optimiser(example, tiny_cohort, tmp_path):
    own = example("own_optimiser")
    run = own.train(tiny_cohort.folder, tmp_path / "run", **SMALL)
    assert run.runtime.run.manifest["optimiser"] == "Lion"
    with pytest.raises(UsageError, match="An optimiser of one's own goes with the strategy single, not mirrored"):
        own.train(tiny_cohort.folder, tmp_path / "other", strategy="mirrored", devices=1, **SMALL)


def test_an_augmentation(example, tiny_cohort, tmp_path):
    own = example("own_augmentation")
    run = own.train(tiny_cohort.folder, tmp_path / "run", **SMALL)
    assert run.runtime.run.manifest["augmentation"] == "stripes"
    image = np.zeros((16, 12, 2), np.float32)
    changed = [np.ptp(own.stripes(image, (0, seed))) for seed in range(40)]
    assert 10 < sum(span > 0 for span in changed) < 30 and max(changed) == pytest.approx(0.4, abs=0.02)


def test_a_source_is_prepared_and_trained_on_and_a_metric_judges_it(example, tmp_path):
    cohort = example("own_source").prepare_discs(tmp_path / "discs")
    assert (
        cohort.contrasts == ("brightness",) and len(cohort.rows) == 50
    )  # five patients in the test part, so that there is an interval
    run = kgp.train(data=tmp_path / "discs", out=tmp_path / "run", **SMALL)
    median, low, high = example("own_metric").peak_distance(run)
    assert 0.0 <= low <= median <= high <= np.hypot(32, 32)
