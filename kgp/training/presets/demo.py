"""The phantom in a few minutes; the default without --data.

Reproduces: nothing but the way from labels to masks, on drawn heads.
Command:    kgp train --arch reconresnet
Hardware:   two CPU cores: under six minutes, under 3 GB.
Expected:   macro-F1 above 0.85 and a median Dice above 0.55 on the phantom's test patients.
"""

import dataclasses

from kgp.training.presets import best

BY_ARCHITECTURE = {**best.BY_ARCHITECTURE, "depth": {"unet": 3, "shuffleunet": 3, "reconresnet": 2}}

CONFIG = dataclasses.replace(
    best.CONFIG.override(size=0, width=8, epochs=16, keep="last"),
    preset="demo",
)
