"""Labels of single pixels of training slices, as the pipeline reads them."""

import dataclasses

OUTSIDE, INSIDE, IGNORED = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class PixelLabels:
    """The labels of the pixels of training slices.

    Attributes:
        files: a PNG of OUTSIDE, INSIDE and IGNORED for each slice.
        weights: how much the pixels of each slice count, in [0, 1].
        no_tumour_class: index of the class of the pixels outside.
    """

    files: tuple[str, ...]
    weights: tuple[float, ...]
    no_tumour_class: int
