"""kgp.scans.jpeg_file: whole files, files cut short, sizes and orientation."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.scans.jpeg_file import read_jpeg

PATH = Path("a.jpg")
PICTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (40, 30), np.uint8), (0, 0), 2)


def jpeg(picture=PICTURE, **options):
    names = {"quality": cv2.IMWRITE_JPEG_QUALITY, "progressive": cv2.IMWRITE_JPEG_PROGRESSIVE}
    names["restart"] = cv2.IMWRITE_JPEG_RST_INTERVAL
    words = [word for name, value in options.items() for word in (names[name], value)]
    return cv2.imencode(".jpg", picture, words)[1].tobytes()


KINDS = [{}, {"quality": 100}, {"progressive": 1}, {"restart": 1}]


@pytest.mark.parametrize("options", KINDS, ids=str)
def test_whole_files(options):
    values, notes = read_jpeg(PATH, jpeg(**options))
    assert values.shape == (40, 30) and values.dtype == np.uint8 and notes == ()
    assert np.abs(values.astype(int) - PICTURE).max() < 20


@pytest.mark.parametrize("tail", [b"", b"\0" * 30, b"what a camera adds"])
def test_what_stands_behind_the_end_does_not_matter(tail):
    np.testing.assert_array_equal(read_jpeg(PATH, jpeg() + tail)[0], read_jpeg(PATH, jpeg())[0])


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99, -1])
def test_files_cut_short(options, kept, capfd):
    content = jpeg(**options)
    cut = content[: int(kept * len(content)) if kept >= 0 else kept]
    with pytest.raises(KgpError, match="a.jpg is cut short, damaged or not a JPEG file"):
        read_jpeg(PATH, cut)
    assert capfd.readouterr().err == ""


def test_other_files_under_the_name_of_a_jpeg():
    for content in (b"", b"\xff\xd8", b"no picture", cv2.imencode(".png", PICTURE)[1].tobytes(), b"\xff\xd8\xff\xd9"):
        with pytest.raises(KgpError, match="not a JPEG file"):
            read_jpeg(PATH, content)


def test_absurd_sizes_are_refused_before_anything_is_unpacked():
    content = jpeg()
    place = content.index(b"\xff\xc0") + 5
    absurd = content[:place] + struct.pack(">HH", 60000, 50000) + content[place + 4 :]
    with pytest.raises(KgpError, match="a.jpg claims 3000000000 values, which is no picture"):
        read_jpeg(PATH, absurd)


def with_orientation(content, value, order="<"):
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, 1)
    tiff += struct.pack(f"{order}HHIHHI", 0x0112, 3, 1, value, 0, 0)
    data = b"Exif\0\0" + tiff
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + content[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", [1, 3, 6, 8])
def test_orientation_is_told_and_not_followed(value, order):
    values, notes = read_jpeg(PATH, with_orientation(jpeg(), value, order))
    np.testing.assert_array_equal(values, read_jpeg(PATH, jpeg())[0])
    told = f"asks viewers to turn it (EXIF orientation {value}); its pixels are taken as they are stored."
    assert notes == (() if value == 1 else (told,))


def test_a_damaged_orientation_is_none():
    content = with_orientation(jpeg(), 6)
    start = content.index(b"II*\0") + 4
    damaged = content[:start] + struct.pack("<I", 1 << 30) + content[start + 4 :]
    assert read_jpeg(PATH, damaged)[1] == ()
