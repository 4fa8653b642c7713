"""kgp.scans.picture_decoding: OpenCV's decoder and the limit of size."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.scans.picture_decoding import MOST_VALUES, check_size, decode

COLOURS = np.random.default_rng(0).integers(0, 256, (5, 6, 4), np.uint8)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_in_the_order_of_the_file(channels):
    blue_first = COLOURS[..., [2, 1, 0, 3][:channels]]
    decoded = decode(cv2.imencode(".png", blue_first)[1].tobytes())
    np.testing.assert_array_equal(decoded, COLOURS[..., :channels])


def test_grey_keeps_its_type():
    grey = COLOURS[..., 0].astype(np.uint16) * 200
    np.testing.assert_array_equal(decode(cv2.imencode(".png", grey)[1].tobytes()), grey)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_what_is_no_picture_is_none(content):
    assert decode(content) is None


def test_the_limit_of_size():
    check_size(Path("a.png"), MOST_VALUES)
    with pytest.raises(KgpError, match="a.png claims 67108865 values, which is no picture"):
        check_size(Path("a.png"), MOST_VALUES + 1)
