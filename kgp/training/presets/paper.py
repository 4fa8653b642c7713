"""The protocol of Chatterjee et al. (arXiv 2206.05148), unchanged but for the split by patient.

Reproduces: the training of the paper's three networks on BraTS slices.
Command:    kgp train --data BRATS --arch reconresnet --preset paper
Hardware:   the paper used one GPU; on two CPU cores a full-size epoch of 1,000 slices takes about
    an hour.
Expected:   the paper reports a median Dice of 0.728 on BraTS 2020 after full training with its
    slice-level split.

Dropout is 0.5 at the bottleneck, and 0.2 in GP-ReconResNet's blocks. The paper's slice-level split
is `--split slice-leaky`.
"""

from kgp.config import AugmentConfig, DataConfig, NetworkConfig, OptimiserConfig, RunConfig

BY_ARCHITECTURE = {"dropout": {"unet": 0.5, "shuffleunet": 0.5, "reconresnet": 0.2}}

CONFIG = RunConfig(
    preset="paper",
    network=NetworkConfig(),
    augment=AugmentConfig(rotation=330.0, flip_horizontal=0.5, flip_vertical=0.5),
    data=DataConfig(normalisation="slice_maximum"),
    optimiser=OptimiserConfig(
        optimiser="adam_l2",
        learning_rate=1e-3,
        weight_decay=5e-4,
        clip_value=1.0,
        batch_size=8,
        accumulation=16,
        epochs=300,
    ),
)
