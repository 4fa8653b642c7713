"""What each figure of metrics.json means, in words that stand beside the numbers."""

from collections.abc import Collection

CLASSIFICATION = {
    "slices": "All figures are over slices where not said otherwise; the predicted class is the most probable one.",
    "accuracy": "Share of slices whose predicted class is the true one.",
    "tumour_only_accuracy": 'Accuracy over the slices whose true class is not "no tumour".',
    "precision, recall, f1": "Of a class against the rest; 0 where the denominator is 0.",
    "macro_precision, macro_recall, macro_f1": "Means over the classes that are true or predicted somewhere; a class "
    "that is predicted and never true counts with 0. scikit-learn's average='macro' with zero_division=0. "
    "val_macro_f1, which chooses the weights, is the same.",
    "detection_f1": 'F1 of any tumour class against "no tumour". Its areas are for 1 - P(no tumour).',
    "roc_auc": "Area under the ROC curve.",
    "average_precision": "Mean of the precisions at each threshold, weighted by the gain in recall. Of a class, over "
    "slices; of a heatmap, over the pixels of a slice against its true mask.",
    "expected_calibration_error": "Mean distance between the highest probability and the share of right answers, over "
    "15 bins of equal width.",
    "brier": "Mean squared distance between the probabilities and the one-hot truth, in [0, 2].",
    "patient_level": "True class: that of the patient's slices with a tumour, or 'no tumour' without one; patients of "
    "several tumour classes are left out. Predicted class: among the slices called a tumour, the tumour class with the "
    "largest sum of probabilities; 'no tumour' where no slice is called a tumour.",
    "rivals": "What can be told of the same slices without looking for a tumour, learned from the run's training part: "
    "by extremely randomised trees on 12 x 12 pixels, by the slice's plane or else its position in its volume, and by the "
    "most frequent class. A network that such a rival beats has shown nothing.",
    "low, high, intervals": "95 % percentile intervals of 2000 bootstrap resamples over patients (persons), with all "
    "slices of each; none with fewer than 5 patients.",
}

SEGMENTATION = {
    "as_delivered": 'Masks as a user gets them: empty where "no tumour" was predicted.',
    "any_prediction": "Masks of the likeliest tumour class, whatever was predicted.",
    "dice": "2 |mask and truth| / (|mask| + |truth|); 1 where both are empty. Medians are over the slices whose true "
    "mask is not empty, where an empty mask counts with 0.",
    "dice_below_0.1": "Share of these slices with a Dice below 0.1: the mask is missing, or the map is in the wrong place.",
    "thirds": "The Dice of these slices in thirds by the share of the head's pixels that the true mask covers (small, "
    "middle, large; borders at the quantiles 1/3 and 2/3 of the judged tumour slices).",
    "average_precision_in_head": "Average precision of the map's pixels inside the slice's head against its true mask. "
    "Needs no threshold, and air counts for nothing.",
    "peak": "hit_rate: share of tumour slices where the map's highest pixel inside the head lies in the true mask.",
    "empty_share": "Share of tumour slices whose mask, as delivered, is empty.",
    "iou": "|mask and truth| / |mask or truth|, over the same slices.",
    "hd95": "The larger of the two directed 95th percentiles of the distances between outlines. Undefined where a mask "
    "is empty: such slices are left out, and 'slices' says how many remain.",
    "hd95_with_misses": "HD95 where a missed mask, and as delivered also a mask on a slice without tumour, counts with "
    "the diagonal of the box around the slice's head (of the slice where no head is seen), which no distance exceeds: "
    "missing more never makes it smaller.",
    "volumes": "Dice of all judged slices of a volume laid together; HD95 in three dimensions where the spacing of the "
    "slices is known and they lie side by side.",
    "patient_dice": "Dice of all judged slices of a patient laid together, as delivered, whether they form volumes or not.",
}


def own_grid_words(grids: Collection[tuple[int, int]], seen: tuple[int, int]) -> str:
    """On which grid masks were judged, as a sentence, where it is the grid of the data.

    Args:
        grids: (height, width) of the judged slices.
        seen: height and width at which the network saw them.
    """
    smallest, largest = (" x ".join(map(str, grid)) for grid in (min(grids), max(grids)))
    sizes = f"{largest} pixels" if smallest == largest else f"{smallest} to {largest} pixels"
    words = f"Masks were judged on the grid of the data, {sizes}"
    if set(grids) == {seen}:
        return f"{words}, at which the network saw the slices."
    return f"{words}; the network saw the slices at {seen[0]} x {seen[1]}, and its maps were interpolated and then cut."


def grid_words(height: int, width: int, prepared_size: int | None) -> str:
    """On which grid masks were judged, as a sentence.

    Args:
        height, width: of the judged slices.
        prepared_size: the size to which slices and true masks were resized when the data were
            prepared; 0 where they were kept, None where that is not recorded.
    """
    grid = f"Masks were judged on the slices as prepared, {height} x {width} pixels"
    if prepared_size is None:
        return f"{grid}; whether the true masks were resized to it is not recorded."
    if prepared_size == 0:
        return f"{grid}, which is the grid of the data."
    return f"{grid}, to which the true masks were resized (--size {prepared_size}), not on the grid of the data."
