"""Inherently explainable brain-tumour classifiers (arXiv 2206.05148) for TensorFlow/Keras.

    run = kgp.load_run("runs/best-unet")      # or an export, or an address
    case = run.predict(image)                 # raw intensities [H, W, C], or a batch [B, H, W, C]
    case.label, case.probabilities, case.heatmap, case.mask, case.evidence(), case.plot()

    run = kgp.train(preset="best", arch="unet", data="SLICES", epochs=3)
    network = kgp.networks.gp_unet((240, 240, 4), classes=3)

Research use only; not a medical device. Importing this package imports nothing heavy; what is named
above is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgp import networks
    from kgp.architectures import register_architecture
    from kgp.image_prediction import ImagePrediction
    from kgp.trained_network import TrainedNetwork, load_run
    from kgp.training.from_python import train

__version__ = "0.1.0"
__all__ = ["ImagePrediction", "TrainedNetwork", "load_run", "networks", "register_architecture", "train"]

_MODULE_OF = {
    "ImagePrediction": "kgp.image_prediction",
    "TrainedNetwork": "kgp.trained_network",
    "load_run": "kgp.trained_network",
    "register_architecture": "kgp.architectures",
}
_MODULES = ("networks", "train")  # kgp.train is the module of the command, which can be called


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"kgp.{name}")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(_MODULE_OF[name]), name)
    raise AttributeError(f"module 'kgp' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
