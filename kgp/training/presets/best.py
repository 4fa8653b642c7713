"""The recipe that localises best from image-level labels in little time; the default with --data.

Reproduces: the rows of preset `best` in docs/results.md, where the figures and their spread
    stand.
Command:    kgp train --data SLICES --arch unet
Hardware:   two CPU cores: about half an hour for 36 epochs of 1,100 slices of 128 x 128.
Expected:   see docs/results.md.

What it changes against the paper: normalisation layers, four levels of fewer filters, bilinear
up-sampling, log-sum-exp pooling of the heatmap itself (GP-ShuffleUNet: the highest 2 %, before
projecting), intensities normalised inside the head, AdamW with a cosine, and a term that makes the
heatmap turn with the picture, so that a single pass is as good as eight averaged views. Where every
class is a tumour, other values are taken (EVERY_CLASS_A_TUMOUR).
"""

from kgp.config import AugmentConfig, DataConfig, NetworkConfig, OptimiserConfig, RunConfig

BY_ARCHITECTURE: dict[str, dict[str, int | float | str]] = {
    # At equal width GP-ShuffleUNet costs three times as much as the others.
    "width": {"unet": 16, "shuffleunet": 8, "reconresnet": 16},
    "depth": {"unet": 4, "shuffleunet": 3, "reconresnet": 4},
    "normalisation_layer": {"unet": "batch", "shuffleunet": "default", "reconresnet": "default"},
    "upsampling": {"unet": "bilinear", "shuffleunet": "sinc", "reconresnet": "bilinear"},
    "pooling": {"unet": "lse", "shuffleunet": "topfraction", "reconresnet": "lse"},
    "head_order": {
        "unet": "project_then_pool",
        "shuffleunet": "pool_then_project",
        "reconresnet": "project_then_pool",
    },
}

# Taken where no class means "no tumour" (`kgp.training.fit_to_data`): log-sum-exp, a mean over the
# picture, hardly tells one tumour from another, and plane and place of the slice may tell.
EVERY_CLASS_A_TUMOUR: dict[str, dict[str, int | float | str]] = {
    "size": {"unet": 64},
    "epochs": {"unet": 48},
    "pooling": {"unet": "topfraction"},
    "pooling_value": {"unet": 0.1},
    "rotation": {"unet": 15.0},
    "equivariance": {"unet": 0.0},
    "batch_statistics": {"unet": "plain"},
}

CONFIG = RunConfig(
    preset="best",
    network=NetworkConfig(dropout=0.1),
    augment=AugmentConfig(rotation=180.0, flip_horizontal=0.5, scale=0.15, shift=0.05, gain=0.15, offset=0.12),
    data=DataConfig(size=128, normalisation="head_zscore"),
    optimiser=OptimiserConfig(
        optimiser="adamw",
        learning_rate=2e-3,
        schedule="cosine",
        weight_decay=1e-2,
        clip_value=0.0,
        batch_size=16,
        accumulation=1,
        epochs=36,
        equivariance=0.3,
        keep="last",
    ),
)
