"""kgp.runtime.images: what a user gives as images becomes an array of numbers, or one sentence says why not."""

from pathlib import Path

import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.runtime.images import number_array

IMAGE = np.ones((4, 5, 2), np.float32)


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (IMAGE, (4, 5, 2)),
        (IMAGE > 0, (4, 5, 2)),
        (IMAGE.astype(np.uint8), (4, 5, 2)),
        (IMAGE.tolist(), (4, 5, 2)),
        ([IMAGE, IMAGE], (2, 4, 5, 2)),
        ((IMAGE,), (1, 4, 5, 2)),
        (np.ma.masked_greater(IMAGE, 2.0), (4, 5, 2)),
    ],
)
def test_numbers_become_an_array(images, shape):
    assert number_array(images).shape == shape


def test_an_array_is_not_copied():
    assert number_array(IMAGE) is IMAGE


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], r"^An image with pixels, or a batch with images, is expected, not an array of shape \(0,\).$"),
        ([[]], r"not an array of shape \(1, 0\).$"),
        (np.ones((0, 4, 5, 2)), r"not an array of shape \(0, 4, 5, 2\).$"),
        (np.ones((4, 0, 2)), r"not an array of shape \(4, 0, 2\).$"),
        ([IMAGE, IMAGE[:3]], r"^A batch takes images of one size, not of \(4, 5, 2\) and \(3, 5, 2\).$"),
        ([IMAGE, IMAGE[..., :1]], r"not of \(4, 5, 2\) and \(4, 5, 1\).$"),
        ([IMAGE, None], r"not of \(4, 5, 2\) and NoneType.$"),
        ([[1, 2], [3]], r"not of \(2,\) and \(1,\).$"),
        ([[[1], [2, 3]], [[4], [5]]], r"not of lists of several lengths and \(2, 1\).$"),
        (None, "^An image of numbers is expected, not None.$"),
        ("a.png", "not 'a.png'.$"),
        (Path("a.png"), r"not PosixPath\('a.png'\).$"),
        ({"image": IMAGE}, "^An image of numbers is expected, not {'image': "),
        ((image for image in [IMAGE]), "not <generator object"),
        (["a.png", "b.png"], "not an array of <U5.$"),
        (IMAGE.astype(complex), "not an array of complex128.$"),
        (IMAGE.astype(object), "not an array of object.$"),
        (np.ma.masked_less(IMAGE, 2.0), "^The image has masked values; "),
    ],
)
def test_what_is_no_image_is_said_in_one_sentence(images, message):
    with pytest.raises(KgpError, match=message) as caught:
        number_array(images)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 160
