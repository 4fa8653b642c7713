"""Averaging a network's answer over turned and mirrored views of the same slices."""

from collections.abc import Callable, Iterator

import numpy as np

Predict = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def average_views(predict: Predict, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean answer over the views of a batch: turned by 90 degrees and mirrored.

    Square images have 8 such views; for others the 4 that keep the shape are taken (as is, turned
    by 180 degrees, and both mirrored). A single pass carries a pattern of the up-sampling path that
    turns with the network and not with the image; the mean does not.

    Args:
        predict: maps images [B, H, W, C] to logits [B, K] and heatmaps [B, H, W, K]; called once a
            view.
        images: [B, H, W, C].

    Returns:
        Mean logits [B, K] and mean heatmaps [B, H, W, K], float32.
    """
    answers = list(each_view(predict, images))
    logits, heatmaps = (np.sum(parts, axis=0) / len(answers) for parts in zip(*answers, strict=True))
    return logits.astype(np.float32), heatmaps.astype(np.float32)


def each_view(predict: Predict, images: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The answer to each of the views that `average_views` averages, with the heatmap turned back.

    Yields:
        Logits [B, K] and heatmaps [B, H, W, K], float64.
    """
    square = images.shape[1] == images.shape[2]
    for turn in (0, 1, 2, 3) if square else (0, 2):
        for mirrored in (False, True):
            logits, heatmap = predict(np.ascontiguousarray(_view(images, turn, mirrored)))
            yield np.asarray(logits, np.float64), _view_back(np.asarray(heatmap, np.float64), turn, mirrored)


def _view(images: np.ndarray, turn: int, mirrored: bool) -> np.ndarray:
    turned = np.rot90(images, turn, axes=(1, 2))
    return turned[:, :, ::-1] if mirrored else turned


def _view_back(maps: np.ndarray, turn: int, mirrored: bool) -> np.ndarray:
    unmirrored = maps[:, :, ::-1] if mirrored else maps
    return np.rot90(unmirrored, -turn, axes=(1, 2))
