"""The recipe that localises best from image-level labels in little time; the default with --data.

Reproduces: the rows of preset `best` in benchmarks/README.md, where the figures and their spread stand.
Command:    kgp train --data SLICES --arch unet
Hardware:   two CPU cores, 96 x 96 slices: about a quarter of an hour for 30 epochs of 1,200 slices.
Expected:   see benchmarks/README.md.

What it changes against the paper: batch normalisation, four levels of fewer filters, bilinear up-sampling,
log-sum-exp pooling of the heatmap itself, intensities normalised inside the head, AdamW with a cosine, and a term that
makes the heatmap turn with the picture, so that a single pass is as good as eight averaged views.
"""

from kgp.training.config import AugmentConfig, DataConfig, NetworkConfig, OptimiserConfig, RunConfig

BY_ARCHITECTURE = {
    "depth": {"unet": 4, "shuffleunet": 3, "reconresnet": 4},
    "normalisation_layer": {"unet": "batch", "shuffleunet": "batch", "reconresnet": "default"},
    "upsampling": {"unet": "bilinear", "shuffleunet": "sinc", "reconresnet": "bilinear"},
}

CONFIG = RunConfig(
    preset="best",
    network=NetworkConfig(
        width=16,
        depth=4,
        dropout=0.1,
        pooling="lse",
        head_order="project_then_pool",
    ),
    augment=AugmentConfig(rotation=180.0, flip_horizontal=0.5, scale=0.15, shift=0.05, gain=0.15, offset=0.1),
    data=DataConfig(size=96, normalisation="head_zscore"),
    optimiser=OptimiserConfig(
        optimiser="adamw",
        learning_rate=2e-3,
        schedule="cosine",
        weight_decay=1e-2,
        clip_value=0.0,
        batch_size=16,
        accumulation=1,
        epochs=30,
        equivariance=0.3,
        keep="last",
    ),
)
