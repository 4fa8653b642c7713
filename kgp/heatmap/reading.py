"""A reading: the frozen description of how a heatmap is cut into a mask.

A reading is written into the run folder and into every export, so that all runtimes cut alike.
"""

import dataclasses
import math
from typing import Any

from kgp.errors import UsageError

MAPS = ("class", "margin")
REGIONS = ("picture", "head")
RULES = ("multiotsu", "otsu", "zero", "fixed", "quantile", "hysteresis", "image_level")


def _choice(name: str, value: object, allowed: tuple) -> None:
    if value not in allowed:
        raise UsageError(f"A reading's {name} must be one of {', '.join(map(str, allowed))}, not {value!r}.")


@dataclasses.dataclass(frozen=True)
class Cleanup:
    """What is done to a mask after the cut, in this order.

    Attributes:
        opening: radius in pixels of a disc for a morphological opening; 0 for none.
        minimum_pixels: components smaller than this are dropped.
        minimum_share: components smaller than this share of the largest one are dropped, in [0, 1].
        largest_only: keep the largest component only; of several as large, the one that begins
            first.
        fill_holes: fill holes in what is left.
    """

    opening: int = 0
    minimum_pixels: int = 0
    minimum_share: float = 0.0
    largest_only: bool = False
    fill_holes: bool = False


@dataclasses.dataclass(frozen=True)
class Reading:
    """How a mask is cut from a heatmap.

    Attributes:
        map: "class" (the channel of the predicted class) or "margin" (that channel minus the
            "no tumour" channel, or minus the highest other class where no class means "no tumour").
        views: how many views of the picture are averaged, 1 or 8 (the turns by 90 degrees and their
            mirror images).
        region: the threshold is found, and the mask lies, in the whole "picture" or in the "head"
            only.
        rule: one of RULES.
        offset: subtracted from the threshold of `multiotsu` and `otsu`, in units of the heatmap.
        value: threshold for "fixed" (heatmap units); share of the region's pixels above the cut, in
            (0, 1), for "quantile"; the low threshold as a share of the highest value, in (0, 1),
            for "hysteresis"; for "image_level" how far from 0 the level may lie (heatmap units).
        clip_negative: negative values of the map are set to 0 first (the paper does so).
        cleanup: what is done to the mask after the cut, and after each refinement.
        refinements: how often the image then moves the outline (`kgp.heatmap.refinement`); 0 leaves
            the mask as the map gives it.
    """

    map: str = "margin"
    views: int = 1
    region: str = "head"
    rule: str = "multiotsu"
    offset: float = 0.0
    value: float | None = None
    clip_negative: bool = False
    cleanup: Cleanup = Cleanup()
    refinements: int = 0

    def __post_init__(self) -> None:
        _choice("map", self.map, MAPS)
        _choice("views", self.views, (1, 8))
        _choice("region", self.region, REGIONS)
        _choice("rule", self.rule, RULES)
        if type(self.refinements) is not int or self.refinements < 0:
            raise UsageError(f"A reading's refinements must be a whole number from 0, not {self.refinements!r}.")
        if self.rule == "image_level" and not (self.value is not None and 0.0 < self.value < math.inf):
            raise UsageError(f"A reading with rule 'image_level' needs a positive value, not {self.value}.")
        if self.rule == "fixed" and self.value is None:
            raise UsageError("A reading with rule 'fixed' needs a value (the threshold in heatmap units).")
        if self.rule in ("quantile", "hysteresis") and not (self.value is not None and 0.0 < self.value < 1.0):
            raise UsageError(f"A reading with rule '{self.rule}' needs a value between 0 and 1, not {self.value}.")

    @property
    def needs_image(self) -> bool:
        """Whether the image is looked at, by the region, the rule or a refinement."""
        return self.region == "head" or self.looks_at_contrasts

    @property
    def looks_at_contrasts(self) -> bool:
        """Whether the level or the outline depends on the contrasts of the image."""
        return self.rule == "image_level" or self.refinements > 0

    def to_dict(self) -> dict[str, Any]:
        """The reading as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Reading":
        """The reading that `to_dict` wrote; unknown keys are refused by name.

        Raises:
            UsageError: a key is unknown or a value is not allowed.
        """
        values = dict(values)
        try:
            cleanup = Cleanup(**values.pop("cleanup", {}))
            return cls(**values, cleanup=cleanup)
        except TypeError as error:
            raise UsageError(f"Not a reading: {error}.") from None


PAPER = Reading(map="class", region="picture", rule="multiotsu", clip_negative=True, cleanup=Cleanup(opening=1))
CLEANUP = Cleanup(minimum_pixels=10, minimum_share=0.2, fill_holes=True)
# The numbers of both (`kgp.heatmap.image_rule`) were chosen on validation masks, with
# benchmarks/readings.py; they are not fitted to a run.
IMAGE_LEVEL = Reading(map="margin", region="head", rule="image_level", value=2.0, cleanup=CLEANUP)
REFINED = dataclasses.replace(IMAGE_LEVEL, refinements=2)
# What runs before these two offer as "best".
HYSTERESIS = Reading(map="margin", region="head", rule="hysteresis", value=0.15, cleanup=CLEANUP)

NAMED = {"paper": PAPER, "image_level": IMAGE_LEVEL, "refined": REFINED}
DEFAULT = "refined"
LEVELS_OF_PIXELS = 4.0  # the value of both for a network whose pixels were trained: its map is steeper


def named_readings(trained_pixels: bool) -> dict[str, Reading]:
    """The readings that every run offers, by name.

    Args:
        trained_pixels: whether the network was trained on labels of pixels too
            (`kgp.training.two_stages`).
    """
    if not trained_pixels:
        return dict(NAMED)
    return NAMED | {
        name: dataclasses.replace(NAMED[name], value=LEVELS_OF_PIXELS) for name in ("image_level", "refined")
    }
