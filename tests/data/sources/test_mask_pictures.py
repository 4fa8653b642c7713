"""kgp.data.sources.mask_pictures: masks as PNG, JPEG, TIFF and NPY files have them."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile

from kgp.data.sources.mask_pictures import read_mask_picture
from kgp.errors import KgpError

DRAWN = np.zeros((32, 32), np.uint8)
DRAWN[8:20, 10:26] = 1
DRAWN[12:16, 14:20] = 2
TUMOUR = DRAWN > 0
SET = np.uint8(255) * TUMOUR
CLEAR = np.zeros_like(SET)
SMOOTH = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8), (0, 0), 1)


def write_palette(path, numbers, *colours):
    """A PNG of 8 bits whose palette has these colours."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", *numbers.shape[::-1], 8, 3, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in numbers.astype(np.uint8))
    palette = bytes(value for colour in colours for value in colour)
    parts = (b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


def read(path, picture=None):
    if picture is not None:
        cv2.imwrite(str(path), picture)
    return read_mask_picture(path)


GOOD = [
    ("a.png", DRAWN),
    ("a.png", SET),
    ("a.png", SET // 2),
    ("a.png", SET.astype(np.uint16) * 257),
    ("a.png", np.dstack([SET] * 3)),
    ("a.png", np.dstack([CLEAR, CLEAR, SET])),
    ("a.png", np.dstack([CLEAR, 128 * (DRAWN == 1), 128 * (DRAWN == 2)]).astype(np.uint8)),
    ("a.png", np.dstack([SET, SET, SET, CLEAR + 255])),
    ("a.png", np.dstack([CLEAR, CLEAR, SET, SET // 2])),
    ("a.tif", SET),
    ("a.tif", SET.astype(np.float32) / 255),
]


@pytest.mark.parametrize(("name", "picture"), GOOD, ids=range(len(GOOD)))
def test_masks_in_grey_and_in_colour(tmp_path, name, picture):
    mask, notes = read(tmp_path / name, picture)
    np.testing.assert_array_equal(mask, TUMOUR)
    assert notes == ()


@pytest.mark.parametrize(
    "array", [TUMOUR, DRAWN.astype(np.float32), SET[..., None], np.dstack([SET] * 3), np.dstack([SET] * 3 + [CLEAR])]
)
def test_masks_in_arrays(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    mask, notes = read(tmp_path / "a.npy")
    np.testing.assert_array_equal(mask, TUMOUR)
    assert notes == ()


BLACK, RED, GREEN, WHITE = (0, 0, 0), (128, 0, 0), (0, 128, 0), (255, 255, 255)


@pytest.mark.parametrize(
    ("numbers", "colours"),
    [
        (DRAWN, (BLACK, RED, GREEN)),
        (DRAWN, (BLACK, BLACK, BLACK)),
        (DRAWN, (BLACK, (1, 1, 1), (2, 2, 2))),
        (DRAWN, (WHITE, RED, GREEN)),
        (DRAWN, (BLACK, (50, 50, 50), WHITE)),
        (~TUMOUR, (WHITE, BLACK)),
        (DRAWN + 1, (WHITE, BLACK, RED, GREEN)),
        (100 * DRAWN, tuple((value, value, value) for value in range(256))),
    ],
    ids=range(8),
)
def test_palettes(tmp_path, numbers, colours):
    write_palette(tmp_path / "a.png", np.asarray(numbers), *colours)
    mask, notes = read(tmp_path / "a.png")
    np.testing.assert_array_equal(mask, TUMOUR)
    assert len(notes) == (numbers.max() > 100)  # two levels of grey


def test_a_palette_without_a_background(tmp_path):
    write_palette(tmp_path / "a.png", TUMOUR, RED, BLACK)
    with pytest.raises(KgpError, match="a palette whose colour 0 is not black although another is"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("ending", [".png", ".tif", ".npy", ".jpg"])
@pytest.mark.parametrize("upper", [255, 128])
def test_ringing_is_cut_in_every_kind_of_file(tmp_path, ending, upper):
    encoded = cv2.imencode(".jpg", SET // (255 // upper), [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    values = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    path = tmp_path / f"a{ending}"
    if ending == ".npy":
        np.save(path, values)
    elif ending == ".jpg":
        path.write_bytes(encoded.tobytes())
    else:
        cv2.imwrite(str(path), values)
    mask, (note,) = read(path)
    np.testing.assert_array_equal(mask, TUMOUR)
    assert f"has a mask (a{ending}) of two levels" in note and "was cut at half of" in note


def test_colours_in_a_jpeg(tmp_path):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.dstack([CLEAR, CLEAR, SET]), [cv2.IMWRITE_JPEG_QUALITY, 95])
    mask, notes = read(tmp_path / "a.jpg")
    np.testing.assert_array_equal(mask, TUMOUR)
    assert len(notes) == 1


def test_labels_in_a_jpeg_are_refused(tmp_path):
    with pytest.raises(KgpError, match=r"a.jpg is a mask in a JPEG with values up to \d, which JPEG does not keep"):
        read(tmp_path / "a.jpg", DRAWN)
    mask, notes = read(tmp_path / "b.jpg", CLEAR)
    assert not mask.any() and notes == ()


@pytest.mark.parametrize("ending", [".png", ".jpg"])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_picture_with_the_tumour_drawn_into_it_is_no_mask(tmp_path, ending, share):
    overlay = np.dstack([SMOOTH] * 3).astype(float)
    overlay[TUMOUR] = share * np.array([0, 0, 255]) + (1 - share) * overlay[TUMOUR]
    with pytest.raises(KgpError, match=f"a{ending} is no mask but a picture with something drawn into it"):
        read(tmp_path / f"a{ending}", overlay.astype(np.uint8))


def test_transparent_pixels_are_no_tumour(tmp_path):
    painted = np.where(TUMOUR[..., None], np.array([0, 0, 255]), np.array([255, 255, 255])).astype(np.uint8)
    mask, notes = read(tmp_path / "a.png", np.dstack([painted, SET]))
    np.testing.assert_array_equal(mask, TUMOUR)
    assert notes == ("has a mask (a.png) with transparent pixels, which are taken for no tumour.",)
    mask, notes = read(tmp_path / "empty.png", np.dstack([CLEAR] * 4))
    assert not mask.any() and notes == ()


def test_a_mask_in_black_on_nothing_is_refused(tmp_path):
    with pytest.raises(KgpError, match="a.png is a black mask whose alpha channel varies"):
        read(tmp_path / "a.png", np.dstack([CLEAR] * 3 + [SET]))


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_channels_without_a_meaning_are_refused(tmp_path, channels):
    np.save(tmp_path / "a.npy", np.dstack([SET] * channels))
    with pytest.raises(KgpError, match=f"a.npy is a mask of {channels} channels where one, or a colour, is expected"):
        read(tmp_path / "a.npy")


def test_notes_of_the_file_are_kept(tmp_path):
    encoded = cv2.imencode(".jpg", SET)[1].tobytes()
    tiff = b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0)
    exif = b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff
    (tmp_path / "a.jpg").write_bytes(encoded[:2] + exif + encoded[2:])
    assert read(tmp_path / "a.jpg")[1][0].startswith(
        "has a mask (a.jpg) that asks viewers to turn it (EXIF orientation 6)"
    )


def test_bilevel_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", TUMOUR, photometric="minisblack")
    np.testing.assert_array_equal(read(tmp_path / "a.tif")[0], TUMOUR)
