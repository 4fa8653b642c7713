"""The architectures that a run can be built from, by name; free of Keras, for command lines."""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One architecture.

    Attributes:
        title: what reports call it.
        build: the function that builds it, or where it stands, as MODULE:FUNCTION. It is called
            with the shape of a slice (H, W, C), the number of classes, and the keywords width,
            depth, dropout, normalisation_layer, upsampling, pooling, pooling_value and head_order,
            and returns a functional `keras.Model` with the layers `features` (the map that the head
            pools) and `head` (a 1x1 convolution) and the outputs `logits` [B, K] and `heatmap`
            [B, H, W, K]; `kgp.networks.gp_head.gp_head` makes these from a feature map.
        depth: depth where the configuration says 0.
    """

    title: str
    build: str | Callable[..., Any]
    depth: int

    @property
    def own(self) -> bool:
        """Whether it was registered, and is not the package's."""
        return not isinstance(self.build, str)

    def builder(self) -> Callable[..., Any]:
        """The function that builds it."""
        if not isinstance(self.build, str):
            return self.build
        module, _, name = self.build.partition(":")
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return function


ARCHITECTURES: dict[str, Architecture] = {
    "unet": Architecture("GP-UNet", "kgp.networks.gp_unet:gp_unet", 3),
    "shuffleunet": Architecture("GP-ShuffleUNet", "kgp.networks.gp_shuffleunet:gp_shuffleunet", 3),
    "reconresnet": Architecture("GP-ReconResNet", "kgp.networks.gp_reconresnet:gp_reconresnet", 14),
}


def register_architecture(name: str, build: Callable[..., Any], *, title: str = "", depth: int = 3) -> None:
    """Adds an architecture of one's own, which `kgp.train(arch=name)` then knows.

    A run is rebuilt from its configuration and from code, so whoever loads such a run registers the
    architecture first. Presets give it the values of "unet".

    Args:
        name: as in `--arch`; registering a name of one's own again replaces it.
        build, title, depth: see `Architecture`; the title is the name by default.

    Raises:
        ValueError: the name is one of the package's own, or `build` is no function.
    """
    if not callable(build):
        raise ValueError(f"An architecture is registered with the function that builds it, not {build!r}.")
    if name in ARCHITECTURES and not ARCHITECTURES[name].own:
        raise ValueError(f"The architecture {name!r} is the package's own; choose another name.")
    ARCHITECTURES[name] = Architecture(title or name, build, depth)


def architecture_title(name: str) -> str:
    """What reports call an architecture; the name itself where it is not registered here."""
    return ARCHITECTURES[name].title if name in ARCHITECTURES else name
