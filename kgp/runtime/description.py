"""The facts about a trained network that its users need; they travel with every export."""

import dataclasses
import json
from typing import Any

from kgp.errors import KgpError
from kgp.heatmap.reading import Reading
from kgp.research_use import NOTICE

FORMAT = "kgp-network-1"


@dataclasses.dataclass(frozen=True)
class Description:
    """Facts about a trained network.

    Attributes:
        arch: "unet", "shuffleunet" or "reconresnet".
        class_names: names of the K classes, in the order of the logits.
        no_tumour_class: index of the class that means "no tumour", or None.
        contrasts: names of the C input channels, in order.
        shape: (H, W, C) of the slices it takes.
        normalisation: what is done to raw intensities, inside the network's graph
            (`kgp.data.normalise`).
        readings: readings by name, as calibrated.
        default_reading: name of the reading that is used where none is named.
        masks_used: names of the readings that were set on masks.
        weights_sha256: SHA-256 of the run's weights, by which exports know their run.
    """

    arch: str
    class_names: tuple[str, ...]
    no_tumour_class: int | None
    contrasts: tuple[str, ...]
    shape: tuple[int, int, int]
    normalisation: str
    readings: dict[str, Reading]
    default_reading: str
    masks_used: tuple[str, ...]
    weights_sha256: str

    @property
    def size(self) -> int:
        """Side in pixels to which slices are fitted; 0 where the network takes them as they are."""
        height, width, _ = self.shape
        return height if height == width else 0

    def with_views(self, views: int) -> "Description":
        """The same network, whose readings all average so many views."""
        readings = {name: dataclasses.replace(reading, views=views) for name, reading in self.readings.items()}
        return dataclasses.replace(self, readings=readings)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "format": FORMAT,
            "use": NOTICE,
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
            "readings": {name: reading.to_dict() for name, reading in self.readings.items()},
        }

    @classmethod
    def from_dict(cls, values: Any, where: str) -> "Description":
        """The description that `to_dict` wrote.

        Args:
            where: where the values come from, for the error.

        Raises:
            KgpError: these are not the values of a description in this format.
        """
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise KgpError(f"{where} does not describe a kgp network in format {FORMAT}.")
        try:
            return cls(
                arch=values["arch"],
                class_names=tuple(values["class_names"]),
                no_tumour_class=values["no_tumour_class"],
                contrasts=tuple(values["contrasts"]),
                shape=tuple(values["shape"]),
                normalisation=values["normalisation"],
                readings={name: Reading.from_dict(reading) for name, reading in values["readings"].items()},
                default_reading=values["default_reading"],
                masks_used=tuple(values["masks_used"]),
                weights_sha256=values["weights_sha256"],
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise KgpError(f"The description of the network in {where} is not complete: {error}.") from None

    @classmethod
    def from_json(cls, text: str, where: str) -> "Description":
        """As `from_dict`, from the text of a JSON object."""
        try:
            return cls.from_dict(json.loads(text), where)
        except json.JSONDecodeError as error:
            raise KgpError(f"{where} does not describe a kgp network: {error}.") from None
