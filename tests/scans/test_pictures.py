"""kgp.scans.pictures: PNG, JPEG, TIFF and NPY files as arrays."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile

from kgp.errors import KgpError
from kgp.scans import pictures
from kgp.scans.pictures import is_grey_copy, open_picture, read_picture, read_slice

RGB = np.random.default_rng(0).integers(0, 256, (12, 10, 3)).astype(np.uint8)


def write_png(path, picture):
    """OpenCV takes blue, green, red; `picture` is red, green, blue."""
    cv2.imwrite(str(path), picture[..., ::-1] if picture.ndim == 3 else picture)
    return path


def test_colours_come_in_the_order_red_green_blue(tmp_path):
    np.testing.assert_array_equal(read_picture(write_png(tmp_path / "a.png", RGB)), RGB)


DROPPED = "has an alpha channel that is not opaque, which is transparency and no contrast; it was dropped."


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("alpha", "notes"), [(None, ()), (0, (DROPPED,)), ("varies", (DROPPED,))])
def test_alpha_is_transparency_and_no_contrast(tmp_path, dtype, alpha, notes):
    colours = RGB.astype(dtype)
    opaque = np.full((12, 10), np.iinfo(dtype).max, dtype)
    values = {None: opaque, 0: 0 * opaque, "varies": colours[..., 0]}[alpha]
    cv2.imwrite(str(tmp_path / "a.png"), np.dstack([colours[..., ::-1], values]))
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([colours, values]), photometric="rgb", extrasamples=["unassalpha"])
    planes = np.stack([*np.moveaxis(colours, -1, 0), values])
    tifffile.imwrite(tmp_path / "b.tif", planes, photometric="rgb", planarconfig="separate", extrasamples=[1])
    tifffile.imwrite(
        tmp_path / "c.tif", np.dstack([colours, values]), photometric="rgb", extrasamples=[2], compression="zlib"
    )
    for name in ("a.png", "a.tif", "b.tif", "c.tif"):
        picture = open_picture(tmp_path / name)
        np.testing.assert_array_equal(picture.values, colours)
        np.testing.assert_array_equal(read_picture(tmp_path / name), colours)
        assert picture.values.dtype == dtype and picture.notes == notes
        assert (picture.alpha is None) == (alpha is None)
        if alpha is not None:
            np.testing.assert_array_equal(picture.alpha, values)


@pytest.mark.parametrize("extra", [[2], [1]])
def test_grey_with_alpha_in_a_tiff(tmp_path, extra):
    stored = np.dstack([RGB[..., 0], RGB[..., 1]])
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", planarconfig="contig", extrasamples=extra)
    picture = open_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.values, stored[..., :1])
    np.testing.assert_array_equal(picture.alpha, stored[..., 1])


def test_samples_without_a_meaning_are_contrasts(tmp_path):
    stored = np.dstack([RGB, RGB[..., 0]])
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=[0])
    np.save(tmp_path / "a.npy", stored)
    for name in ("a.tif", "a.npy"):
        np.testing.assert_array_equal(read_picture(tmp_path / name), stored)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.npy", "a.jpg"])
def test_grey_in_three_equal_channels(tmp_path, name):
    copy = np.dstack([RGB[..., 0]] * 3)
    if name == "a.npy":
        np.save(tmp_path / name, copy)
    else:
        cv2.imwrite(str(tmp_path / name), copy)
    values, notes = read_slice(tmp_path / name, 1)
    assert values.shape == (12, 10, 1)
    assert notes == ("is grey but stored in colour (three equal channels), which count as one contrast.",)
    assert is_grey_copy(read_picture(tmp_path / name))
    three, notes = read_slice(tmp_path / name, 3)  # contrasts that were asked for
    np.testing.assert_array_equal(three, np.dstack([values] * 3))
    assert notes == ()


def test_colours_are_three_contrasts(tmp_path):
    nearly = np.dstack([RGB[..., 0]] * 3)
    nearly[3, 4, 2] ^= 1
    for name, picture in (("a.png", RGB), ("b.png", nearly)):
        write_png(tmp_path / name, picture)
        assert not is_grey_copy(picture)
        np.testing.assert_array_equal(read_slice(tmp_path / name, 1)[0], picture)


@pytest.mark.parametrize("name", ["a.jpg", "A.JPEG"])
@pytest.mark.parametrize("grey", [True, False])
def test_jpeg(tmp_path, name, grey):
    smooth = cv2.GaussianBlur(RGB, (0, 0), 3)
    stored = smooth[..., 0] if grey else smooth
    encoded = cv2.imencode(".jpg", stored if grey else stored[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1]
    (tmp_path / name).write_bytes(encoded.tobytes())
    picture = read_picture(tmp_path / name)
    assert picture.dtype == np.uint8 and picture.shape == (12, 10, 1 if grey else 3)
    assert np.abs(picture.astype(int) - stored.reshape(picture.shape)).max() < 12


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_png_has_one_channel_and_keeps_its_type(tmp_path, dtype):
    grey = RGB[..., 0].astype(dtype) * (200 if dtype is np.uint16 else 1)
    picture = read_picture(write_png(tmp_path / "a.PNG", grey))
    assert picture.dtype == dtype and picture.shape == (12, 10, 1)
    np.testing.assert_array_equal(picture[..., 0], grey)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_of_any_number_of_channels(tmp_path, channels, compression):
    picture = np.random.default_rng(1).normal(size=(9, 11, channels)).astype(np.float32)
    stored = picture[..., 0] if channels == 1 else picture
    layout = {} if channels == 1 else {"planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", compression=compression, **layout)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), picture)


def test_tiff_with_planes_one_after_the_other(tmp_path):
    tifffile.imwrite(tmp_path / "a.tiff", np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tiff"), RGB)


def test_lzw_tiff(tmp_path):
    lzw = 5
    cv2.imwrite(str(tmp_path / "a.tif"), RGB[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, lzw])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif"), RGB)


def test_stack_of_pages_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RGB[None].repeat(2, axis=0), photometric="rgb")
    with pytest.raises(KgpError, match=r"a.tif has 2 pages where one is expected"):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 7)])
def test_npy(tmp_path, shape):
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    np.save(tmp_path / "a.npy", array)
    picture = read_picture(tmp_path / "a.npy")
    assert picture.dtype == np.int16
    np.testing.assert_array_equal(picture, array.reshape(*shape[:2], -1))


@pytest.mark.parametrize("ending", [".png", ".tif", ".npy", ".jpg"])
@pytest.mark.parametrize("kept", [0, 6, 0.5, 0.97])
def test_a_file_cut_short_is_one_sentence_and_nothing_else(tmp_path, capfd, ending, kept):
    path = tmp_path / f"a{ending}"
    if ending == ".npy":
        np.save(path, RGB)
    elif ending == ".tif":
        tifffile.imwrite(path, RGB, photometric="rgb")
    else:
        write_png(path, RGB)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(KgpError, match=r"a\.\w+ (is cut short|cannot be read as an array)"):
        read_picture(path)
    assert capfd.readouterr().err == ""


def test_png_with_a_changed_byte(tmp_path):
    path = write_png(tmp_path / "a.png", RGB)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(KgpError, match="cut short, damaged or not a PNG file"):
        read_picture(path)


def test_text_under_the_name_of_a_picture(tmp_path):
    for name in ("a.png", "a.tif", "a.npy", "a.jpg"):
        (tmp_path / name).write_text("no picture at all, but long enough to be taken for one")
        with pytest.raises(KgpError, match=name):
            read_picture(tmp_path / name)


def test_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(KgpError, match="Object arrays cannot be loaded"):
        read_picture(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5), r"has shape \(5,\) where \[H, W\] or \[H, W, C\] is expected"),
        (np.zeros((2, 2, 2, 2)), r"has shape \(2, 2, 2, 2\)"),
        (np.zeros((0, 4)), r"has shape \(0, 4, 1\)"),
        (np.zeros((4, 4), complex), "type complex128, which is no picture"),
    ],
)
def test_arrays_that_are_no_pictures(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(KgpError, match=message):
        read_picture(tmp_path / "a.npy")


def test_an_array_with_a_damaged_header(tmp_path):
    np.save(tmp_path / "a.npy", RGB)
    content = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "a.npy").write_bytes(content.replace(b"), }", b"(, }", 1))
    with pytest.raises(KgpError, match=r"a.npy cannot be read as an array"):
        read_picture(tmp_path / "a.npy")


def test_an_archive_of_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", RGB)
    (tmp_path / "a.npz").rename(tmp_path / "a.npy")
    with pytest.raises(KgpError, match=r"a.npy cannot be read as an array: it is cut short or not an NPY file"):
        read_picture(tmp_path / "a.npy")


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_absurd_sizes_are_refused_before_anything_is_unpacked(tmp_path, monkeypatch):
    header = struct.pack(">IIBBBBB", 20000, 20000, 16, 6, 0, 0, 0)  # 3.2 GB
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(png)
    tifffile.memmap(tmp_path / "b.tif", shape=(2, 2), dtype="uint8", photometric="minisblack").flush()
    tiff = (tmp_path / "b.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        places = [file.pages.first.tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
    for place in places:
        tiff = tiff[:place] + struct.pack("<H", 60000) + tiff[place + 2 :]
    (tmp_path / "b.tif").write_bytes(tiff)
    for name, what in (("a.png", "claims 400000000 values"), ("b.tif", "claims 3600000000 values")):
        with pytest.raises(KgpError, match=f"{name} {what}, which is no picture"):
            read_picture(tmp_path / name)
    monkeypatch.setattr(pictures, "_MOST_BYTES", 10)
    with pytest.raises(KgpError, match=r"b.tif has \d+ bytes, which is no picture"):
        read_picture(tmp_path / "b.tif")


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(KgpError, match=r"a.png is missing"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(KgpError, match=r"a.bmp is not one of .png, .jpg, .jpeg, .tif, .tiff, .npy"):
        read_picture(tmp_path / "a.bmp")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(KgpError, match=r"b.png cannot be read: Is a directory"):
        read_picture(tmp_path / "b.png")
