"""The phantom in a few minutes; the default without --data.

Reproduces: nothing but the way from labels to masks, on drawn heads.
Command:    kgp train --arch reconresnet
Hardware:   two CPU cores: under six minutes, under 3 GB.
Expected:   macro-F1 above 0.85 and a median Dice above 0.55 on the phantom's test patients; see benchmarks/README.md.

It differs from `best` in size, and in the head, which is the paper's: with so few slices it learns sooner.
"""

import dataclasses

from kgp.training.presets import best

BY_ARCHITECTURE = {
    **best.BY_ARCHITECTURE,
    "depth": {"unet": 3, "shuffleunet": 3, "reconresnet": 2},
    "epochs": {"unet": 16, "shuffleunet": 12, "reconresnet": 24},
}

CONFIG = dataclasses.replace(
    best.CONFIG.override(size=0, width=8, learning_rate=4e-3, pooling="max", head_order="pool_then_project"),
    preset="demo",
)
