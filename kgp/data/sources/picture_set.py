"""How many contrasts a set of pictures has, told from some of them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from kgp.scans.pictures import is_grey_copy

LOOKED_AT = 32
_LEAST_COLOUR = 0.1  # of the pictures; fewer are grey ones with something drawn into them


def spread(items: Sequence[str]) -> list[str]:
    """At most LOOKED_AT of them, evenly spread."""
    step = max(len(items) / LOOKED_AT, 1.0)
    return [items[int(number * step)] for number in range(min(len(items), LOOKED_AT))]


def count_contrasts(pictures: Sequence[np.ndarray], named: int = 0) -> tuple[int, str]:
    """Contrasts of pictures [H, W, C], and what there is to tell of them.

    Grey pictures stored in colour have one. In a set with colours they are slices in which one
    contrast stands for those that are missing, and keep their channels.

    Args:
        pictures: at least one.
        named: number of contrasts that the user names, or 0; three of grey pictures are kept.

    Returns:
        The number, and a sentence; "" where the channels are as they are stored.
    """
    copies = sum(is_grey_copy(picture) for picture in pictures)
    others = Counter(picture.shape[2] for picture in pictures if not is_grey_copy(picture))
    in_colour = sum(count for channels, count in others.items() if channels > 1) > _LEAST_COLOUR * len(pictures)
    channels = (others + Counter({3 if in_colour else 1: copies})).most_common(1)[0][0]
    if not copies or channels != 1:
        return channels, ""
    what = f"{copies} of the {len(pictures)} pictures looked at are grey but stored in colour (three equal channels)"
    if named == 3:
        return 3, f"{what}, so that the three contrasts named are one and the same."
    return 1, f"{what}; they are read as one contrast."
