"""kgp.data.near_duplicates: one picture under the names of two persons."""

import cv2
import numpy as np
import pytest

from kgp.data.near_duplicates import SIDE, find_near_duplicates, small_pictures


def head(seed, size=64, channels=1):
    """A bright oval with detail of its own, as different heads have."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    inside = (rows / 0.45) ** 2 + (columns / 0.38) ** 2 < 1
    detail = cv2.GaussianBlur(rng.normal(size=(size, size, channels)), (0, 0), size / 40).reshape(size, size, channels)
    return np.clip((120 + 60 * detail / detail.std()) * inside[..., None], 0, 255).astype(np.uint8)


def jpeg(image, quality=70):
    planes = (
        cv2.imencode(".jpg", image[..., number], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        for number in range(image.shape[2])
    )
    return np.stack([cv2.imdecode(plane, cv2.IMREAD_GRAYSCALE) for plane in planes], axis=-1)


def resized(image, size):
    return cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).reshape(size, size, -1)


COPIES = {
    "equal": lambda image: image,
    "mirrored and recompressed": lambda image: jpeg(np.ascontiguousarray(image[:, ::-1])),
    "upside down": lambda image: jpeg(np.ascontiguousarray(image[::-1])),
    "turned": lambda image: jpeg(np.ascontiguousarray(np.rot90(image))),
    "turned and mirrored": lambda image: np.rot90(image, 3)[::-1],
    "enlarged": lambda image: jpeg(resized(image, 100)),
    "shrunk": lambda image: resized(image, 50),
    "brighter": lambda image: np.clip(image * 1.2 + 20.0, 0, 255).astype(np.uint8),
    "darker": lambda image: (image * 0.5).astype(np.uint8),
    "other gamma": lambda image: (255 * (image / 255) ** 1.3).astype(np.uint8),
    "of floats": lambda image: image.astype(np.float32) * 37 - 1000,
    "noisy": lambda image: image + np.random.default_rng(9).normal(0, 3, image.shape),
    "padded": lambda image: jpeg(np.pad(image, ((0, 20), (9, 9), (0, 0)))),
    "cut to the head": lambda image: image[2:-2, 5:-5],
    "all of it": lambda image: jpeg(resized(np.ascontiguousarray((image[::-1] * 0.8 + 10).astype(np.uint8)), 90), 60),
}


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("change", COPIES)
def test_copies_are_found(change, channels):
    images = [head(seed, channels=channels) for seed in range(6)]
    copy = COPIES[change](images[2])
    pictures = [small_pictures(image) for image in (*images, copy)]
    assert find_near_duplicates(pictures, [*"abcdef", "g"]) == [(6, 2)]
    assert find_near_duplicates(pictures, [*"abcdef", "c"]) == []  # a person may have a picture twice


def test_different_heads_and_empty_pictures_are_no_copies():
    pictures = [small_pictures(head(seed)) for seed in range(40)]
    blank, dot = np.zeros((64, 64, 1), np.uint8), np.zeros((64, 64, 1), np.uint8)
    dot[30:34, 30:34] = 255
    pictures += [small_pictures(image) for image in (blank, blank, dot, dot)]
    assert find_near_duplicates(pictures, [str(number) for number in range(44)]) == []


def test_small_pictures():
    whole, cut = small_pictures(head(0))
    assert whole.shape == cut.shape == (SIDE, SIDE) and whole.dtype == np.uint8 and whole.max() == cut.max() == 255
    padded, same = small_pictures(np.pad(head(0), ((30, 10), (0, 50), (0, 0))))
    assert np.abs(padded.astype(int) - whole).max() > 100
    assert np.corrcoef(same.ravel(), cut.ravel())[0, 1] > 0.95
    assert small_pictures(np.full((5, 5, 2), 7.0)).max() == 0


def test_nothing_to_compare():
    assert find_near_duplicates([], []) == []
    assert find_near_duplicates([small_pictures(head(0))], ["a"]) == []


def test_blocks_change_nothing(monkeypatch):
    pictures = [small_pictures(head(seed % 11)) for seed in range(22)]
    persons = [f"p{number}" for number in range(22)]
    whole = find_near_duplicates(pictures, persons)
    monkeypatch.setattr("kgp.data.near_duplicates._ROWS", 3)
    monkeypatch.setattr("kgp.data.near_duplicates._COLUMNS", 5)
    assert find_near_duplicates(pictures, persons) == whole == [(number, number - 11) for number in range(11, 22)]
