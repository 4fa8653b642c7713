import dataclasses

import pytest

from kgp.errors import UsageError
from kgp.training.presets import NAMES, load_preset


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("arch", ["unet", "shuffleunet", "reconresnet"])
def test_every_preset_builds(name, arch):
    config = load_preset(name, arch)
    assert config.network.arch == arch
    assert config.preset == name


def test_paper_protocol():
    config = load_preset("paper", "reconresnet")
    optimiser = config.optimiser
    assert (optimiser.batch_size, optimiser.accumulation, optimiser.epochs) == (8, 16, 300)
    assert (optimiser.learning_rate, optimiser.weight_decay, optimiser.clip_value) == (1e-3, 5e-4, 1.0)
    assert config.network.dropout == 0.2
    assert load_preset("paper", "unet").network.dropout == 0.5
    assert config.network.pooling == "max" and config.network.head_order == "pool_then_project"
    assert dataclasses.asdict(config.augment)["rotation"] == 330.0


@pytest.mark.parametrize(
    ("arch", "depth", "pooling", "value"),
    [("unet", 3, "topfraction", 0.05), ("shuffleunet", 3, "topfraction", 0.025), ("reconresnet", 2, "max", 0.0)],
)
def test_demo_is_best_but_for_what_its_text_says(arch, depth, pooling, value):
    expected = load_preset("best", arch).override(
        width=8,
        depth=depth,
        pooling=pooling,
        pooling_value=value,
        head_order="pool_then_project",
        size=0,
        offset=0.1,
        learning_rate=4e-3,
        epochs=24,
    )
    assert load_preset("demo", arch) == dataclasses.replace(expected, preset="demo")


def test_unknown_preset():
    with pytest.raises(UsageError, match="--preset must be one of paper, best, demo, not 'fast'"):
        load_preset("fast", "unet")
