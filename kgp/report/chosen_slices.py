"""The slices that a report shows, chosen by rule, and their pictures."""

from collections.abc import Sequence

import numpy as np

from kgp.data.cohort import Cohort, read_image
from kgp.data.own_slices import read_own_slice
from kgp.evaluation.judged_slice import JudgedSlice
from kgp.evaluation.segmentation import Overlap
from kgp.prediction.slice import predict_slices
from kgp.prediction.stack import inside, stack_points
from kgp.report.overlay import Picture, draw_picture, panel_picture, shown_contrast
from kgp.runtime.runtime import Runtime

_POINTS = 12
_FOR_A_RULE = 3


def choose_slices(slices: Sequence[JudgedSlice], reading_name: str) -> list[tuple[str, JudgedSlice]]:
    """The slices to show, each with its rule: by Dice if there is one, and confident errors.

    Args:
        slices: as judged.
        reading_name: the reading whose Dice counts.
    """
    chosen: list[tuple[str, JudgedSlice]] = []
    seen: set[str] = set()

    def add(rule: str, candidates: Sequence[JudgedSlice]) -> None:
        for judged in candidates:
            if judged.row.id not in seen:
                seen.add(judged.row.id)
                chosen.append((rule, judged))

    def delivered(judged: JudgedSlice) -> Overlap:
        return judged.segmentations[reading_name].delivered

    by_dice = sorted((judged for judged in slices if judged.has_tumour), key=lambda judged: delivered(judged).dice)
    by_confidence = sorted(slices, key=lambda judged: -round(float(judged.probabilities.max()), 6))
    right = [judged for judged in by_confidence if judged.predicted_class == judged.target]
    wrong = [judged for judged in by_confidence if judged.predicted_class != judged.target]
    if by_dice:
        middle = (len(by_dice) - 1) // 2
        add("highest Dice", by_dice[::-1][:_FOR_A_RULE])
        add("median Dice", by_dice[max(middle - 1, 0) : middle + 2])
        # A slice called tumour may have an empty mask too, and is then its worst case.
        called_tumour = [judged for judged in by_dice if delivered(judged).reason != "no_tumour"]
        add("lowest Dice of the slices called tumour", called_tumour[:_FOR_A_RULE])
    else:
        add("most confident right answer", right[: 2 * _FOR_A_RULE])
    add("most confident wrong answer", wrong[: 2 * _FOR_A_RULE])
    return chosen


def draw_judged(
    runtime: Runtime, cohort: Cohort, judged: JudgedSlice, channels: Sequence[int] | None, reading_name: str
) -> np.ndarray:
    """The picture of one slice, predicted again, RGB uint8 [H', W', 3].

    Args:
        channels: channel of the cohort for each of the runtime's contrasts; default all.
        reading_name: the reading that cuts the mask.
    """
    network, row = runtime.description, judged.row
    channels = list(range(cohort.shape[2]) if channels is None else channels)
    image, own = read_image(cohort, row)[..., channels], read_own_slice(cohort, row)
    own_image = own.image[..., channels]
    (prediction,) = predict_slices(
        runtime,
        image[None],
        network.readings[reading_name],
        own_images=[own_image],
        spacing=own.fit_spacing,
        with_evidence=True,
    )
    shown = shown_contrast(network.contrasts)
    dice = f", Dice {judged.segmentations[reading_name].delivered.dice:.2f}" if judged.has_tumour else ""
    title = (
        f"{row.id}: {network.class_names[judged.target]}, called {network.class_names[judged.predicted_class]} "
        f"({judged.probabilities[judged.predicted_class]:.2f}){dice}; map of {network.class_names[prediction.tumour_class]}"
    )
    if own.fitted:
        points = inside(stack_points(prediction, _POINTS), own_image.shape)
        drawn = panel_picture(
            own_image[..., shown], prediction.map, prediction.mask, points, own.spacing, truth=own.mask, title=title
        )
        return draw_picture(drawn)
    points_on_map = prediction.evidence(prediction.tumour_class).top(_POINTS)
    return draw_picture(Picture(image, shown, prediction.map, prediction.mask, own.mask, points_on_map, title))
