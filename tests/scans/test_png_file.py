"""kgp.scans.png_file: values, transparency and palettes of PNG files of every kind."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.scans.png_file import palette_numbers, read_png

PATH = Path("a.png")
NUMBERS = np.zeros((9, 11), np.uint8)
NUMBERS[2:5, 3:8] = 1
GREY, COLOURS, PALETTE, GREY_ALPHA, COLOURS_ALPHA = 0, 2, 3, 4, 6


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(values, depth, colour_type, *extra):
    """A file of values [H, W] or [H, W, C]; `extra` are further chunks."""
    height, width = values.shape[:2]
    rows = values.reshape(height, -1)
    if depth < 8:
        bits = np.unpackbits(rows[..., None].astype(np.uint8), axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(height, -1), axis=1)
    lines = b"".join(b"\0" + row.astype(">u2" if depth == 16 else np.uint8).tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    parts = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def palette(*colours):
    return chunk(b"PLTE", bytes(value for colour in colours for value in colour))


BLACK, RED, GREEN, WHITE = (0, 0, 0), (128, 0, 0), (0, 128, 0), (255, 255, 255)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", [False, True])
def test_palettes(depth, transparent):
    marks = [chunk(b"tRNS", b"\0\xff")] if transparent else []
    content = png(NUMBERS, depth, PALETTE, palette(BLACK, RED), *marks)
    values, alpha = read_png(PATH, content)
    assert values.shape == (9, 11, 3)
    np.testing.assert_array_equal(values[..., 0], 128 * NUMBERS)
    np.testing.assert_array_equal(palette_numbers(content), NUMBERS)
    assert (alpha is not None) == transparent
    if transparent:
        np.testing.assert_array_equal(alpha, 255 * NUMBERS)


def test_the_highest_number_of_a_palette():
    numbers = np.arange(99, dtype=np.uint8).reshape(9, 11) + 157
    content = png(numbers, 8, PALETTE, palette(*([BLACK] * 256)))
    np.testing.assert_array_equal(palette_numbers(content), numbers)
    numbers = (np.arange(99) % 16).reshape(9, 11)
    np.testing.assert_array_equal(palette_numbers(png(numbers, 4, PALETTE, palette(*([BLACK] * 16)))), numbers)


@pytest.mark.parametrize("depth", [8, 16])
def test_transparency(depth):
    values = np.random.default_rng(0).integers(0, 1 << depth, (9, 11, 4))
    grey, alpha = read_png(PATH, png(values[..., :2], depth, GREY_ALPHA))
    np.testing.assert_array_equal(grey, values[..., 0])
    np.testing.assert_array_equal(alpha, values[..., 1])
    colours, alpha = read_png(PATH, png(values, depth, COLOURS_ALPHA))
    np.testing.assert_array_equal(colours, values[..., :3])
    np.testing.assert_array_equal(alpha, values[..., 3])


@pytest.mark.parametrize("depth", [1, 8, 16])
def test_grey_and_colours_without_transparency(depth):
    grey, alpha = read_png(PATH, png(NUMBERS, depth, GREY))
    np.testing.assert_array_equal(grey, NUMBERS * (255 if depth == 1 else 1))
    assert alpha is None and palette_numbers(png(NUMBERS, depth, GREY)) is None
    if depth > 1:
        colours, alpha = read_png(PATH, png(np.dstack([NUMBERS, 2 * NUMBERS, 3 * NUMBERS]), depth, COLOURS))
        assert colours[2, 3].tolist() == [1, 2, 3] and alpha is None


def test_a_colour_marked_as_transparent():
    content = png(np.dstack([NUMBERS] * 3), 8, COLOURS, chunk(b"tRNS", bytes(6)))
    colours, alpha = read_png(PATH, content)
    np.testing.assert_array_equal(colours[..., 1], NUMBERS)
    np.testing.assert_array_equal(alpha, 255 * NUMBERS)


def test_a_damaged_file():
    content = bytearray(png(NUMBERS, 8, GREY))
    content[45] ^= 1
    with pytest.raises(KgpError, match="a.png is cut short, damaged or not a PNG file"):
        read_png(PATH, bytes(content))
