"""kgp.data.sources.slices: a folder with index.csv."""

import csv

import cv2
import numpy as np
import pytest

from kgp.data.sources.slices import SlicesSource
from kgp.errors import KgpError

COLUMNS = ["id", "image", "mask", "label", "label_name", "patient"]


def image(number):
    return np.random.default_rng(number).integers(0, 256, (6, 7, 3)).astype(np.uint8)


def write_folder(folder, columns=COLUMNS, drop=(), **changes):
    """Three slices s0, s1, s2 of patients p0, p0, p1; `changes` maps column to the value that s1
    has.
    """
    rows = []
    for number in range(3):
        cv2.imwrite(str(folder / f"i{number}.png"), image(number)[..., ::-1])
        cv2.imwrite(str(folder / f"m{number}.png"), np.uint8(255) * (np.arange(42).reshape(6, 7) < 5 * number))
        rows.append(
            {
                "id": f"s{number}",
                "image": f"i{number}.png",
                "mask": f"m{number}.png",
                "label": min(number, 1),
                "label_name": ["healthy", "tumour", "tumour"][number],
                "patient": f"p{number // 2}",
                "patient_group": "",
                "slice": "",
                "volume": "",
                "spacing_row": "",
                "spacing_column": "",
            }
        )
    rows[1] |= changes
    with open(folder / "index.csv", "w", newline="") as stream:
        writer = csv.DictWriter(
            stream, [name for name in [*columns, *changes] if name not in drop], extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(rows)
    return folder


def read_one(source, case):
    (piece,) = source.read(case)
    return piece


def test_slices_as_they_lie_on_disk(tmp_path):
    source = SlicesSource(write_folder(tmp_path))
    assert source.cases() == ["s0", "s1", "s2"]
    assert source.contrasts == ("channel_1", "channel_2", "channel_3")
    assert source.check() == []
    piece = read_one(source, "s2")
    np.testing.assert_array_equal(piece.image, image(2))
    assert piece.image.dtype == np.uint8
    assert piece.mask.dtype == bool and piece.mask.sum() == 10
    assert (piece.id, piece.patient, piece.group, piece.label, piece.label_name) == ("s2", "p1", "p1", 1, "tumour")
    assert (piece.spacing, piece.volume, piece.index) == (None, "", 0)


def test_optional_columns(tmp_path):
    fields = {"patient_group": "person", "slice": "12", "volume": "v"}
    fields |= {"spacing_row": "0.5", "spacing_column": "0.75", "spacing_slice": "3", "plane": "Axial "}
    source = SlicesSource(write_folder(tmp_path, **fields))
    piece = read_one(source, "s1")
    assert (piece.group, piece.index, piece.volume, piece.spacing) == ("person", 12, "v", (0.5, 0.75))
    assert (piece.spacing_slice, piece.plane) == (3.0, "axial")
    assert read_one(source, "s0").group == "p0"


@pytest.mark.parametrize("change", [{"drop": ("mask",)}, {"mask": ""}])
def test_a_slice_without_a_mask(tmp_path, change):
    assert read_one(SlicesSource(write_folder(tmp_path, **change)), "s1").mask is None


def test_named_contrasts(tmp_path):
    write_folder(tmp_path)
    assert SlicesSource(tmp_path, ("T1", "FLAIR", "T1ce")).contrasts == ("T1", "FLAIR", "T1ce")
    with pytest.raises(KgpError, match=r"slices of 3 channel\(s\), but 2 contrasts are named: T1, FLAIR"):
        SlicesSource(tmp_path, ("T1", "FLAIR"))


def test_transparency_of_a_mask_is_not_tumour(tmp_path):
    write_folder(tmp_path)
    rgba = np.zeros((6, 7, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[2, 3, :3] = 255
    cv2.imwrite(str(tmp_path / "m1.png"), rgba)
    assert np.argwhere(read_one(SlicesSource(tmp_path), "s1").mask).tolist() == [[2, 3]]


def test_files_of_other_kinds(tmp_path):
    write_folder(tmp_path, image="i1.npy")
    np.save(tmp_path / "i1.npy", image(1).astype(np.float32) / 7)
    assert read_one(SlicesSource(tmp_path), "s1").image.dtype == np.float32


def truncate(folder):
    (folder / "i1.png").write_bytes((folder / "i1.png").read_bytes()[:60])


def remove_image(folder):
    (folder / "i1.png").unlink()


def remove_mask(folder):
    (folder / "m1.png").unlink()


def resize_mask(folder):
    cv2.imwrite(str(folder / "m1.png"), np.zeros((4, 7), np.uint8))


def make_grey(folder):
    cv2.imwrite(str(folder / "i1.png"), image(1)[..., 0])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncate, "i1.png is cut short"),
        (remove_image, "i1.png is missing"),
        (remove_mask, "m1.png is missing"),
        (resize_mask, "m1.png is 4x7 where its slice is 6x7"),
        (make_grey, r"i1.png has 1 channel\(s\) where 3 are expected"),
    ],
)
def test_a_bad_file_concerns_its_slice_alone(tmp_path, spoil, message):
    write_folder(tmp_path)
    spoil(tmp_path)
    source = SlicesSource(tmp_path)
    with pytest.raises(KgpError, match=message):
        list(source.read("s1"))
    assert read_one(source, "s0").id == "s0" and read_one(source, "s2").id == "s2"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": "../i1.png"}, r"line 3 has the image '../i1.png' where a file inside the folder is expected"),
        ({"image": "sub/../../i1.png"}, "inside the folder"),
        ({"image": "/etc/hostname"}, "inside the folder"),
        ({"image": "i1\0.png"}, "inside the folder"),
        ({"image": ""}, "line 3 has the image '' where a file"),
        ({"mask": "../m.png"}, "line 3 has the mask '../m.png'"),
        ({"label": ""}, "line 3 has the label '' where a whole number is expected"),
        ({"label": "benign"}, "has the label 'benign'"),
        ({"label": "1.5"}, "has the label '1.5'"),
        ({"patient": ""}, "line 3 has no patient"),
        ({"slice": "x"}, "has the slice 'x' where a whole number"),
        ({"spacing_row": "wide", "spacing_column": "1"}, "has the spacing_row 'wide' where a number"),
    ],
)
def test_bad_fields(tmp_path, change, message):
    source = SlicesSource(write_folder(tmp_path, **change))
    with pytest.raises(KgpError, match=message):
        list(source.read("s1"))


def test_a_bad_first_image_does_not_hide_the_rest(tmp_path):
    write_folder(tmp_path)
    (tmp_path / "i0.png").unlink()
    assert len(SlicesSource(tmp_path).contrasts) == 3


def test_findings_about_the_table(tmp_path):
    (found,) = SlicesSource(write_folder(tmp_path, id="s0")).check()
    assert (found.severity, found.where) == ("error", "s0") and "the id stands 2 times" in found.what


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "id,image,label,label_name\na,a.png,0,x\n",
            "lacks the column 'patient'; needed are id, image, label, label_name",
        ),
        (",".join(COLUMNS) + "\n", "No data found: .*index.csv lists no slice"),
        ("", "lacks the column 'id'"),
        (
            ",".join(COLUMNS) + "\na,a.png,,0,x,p\nb,b.png,,0,x,p\n",
            "of the 2 images in .* none can be read .*a.png is missing",
        ),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text, message):
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(KgpError, match=message):
        SlicesSource(tmp_path)


def test_no_table_and_no_text(tmp_path):
    with pytest.raises(KgpError, match=r"No data found: .*index.csv is missing"):
        SlicesSource(tmp_path)
    (tmp_path / "index.csv").write_bytes(b"\xff\xfe\x00id")
    with pytest.raises(KgpError, match="is not a table"):
        SlicesSource(tmp_path)


def grey_in_colour(folder, *numbers):
    """Makes images of these slices grey, stored in colour."""
    for number in numbers:
        cv2.imwrite(str(folder / f"i{number}.png"), np.dstack([image(number)[..., 0]] * 3))


def test_grey_stored_in_colour_is_one_contrast_and_told_once(tmp_path):
    write_folder(tmp_path)
    grey_in_colour(tmp_path, 0, 2)
    cv2.imwrite(str(tmp_path / "i1.png"), image(1)[..., 0])  # and one that is stored in grey
    source = SlicesSource(tmp_path)
    assert source.contrasts == ("channel_1",)
    (found,) = source.check()
    assert (found.severity, found.where) == ("warning", "all")
    assert found.what.startswith("2 of the 3 pictures looked at are grey but stored in colour")
    for number in range(3):
        piece = read_one(source, f"s{number}")
        np.testing.assert_array_equal(piece.image, image(number)[..., :1])
        assert piece.notes == ()
    assert SlicesSource(tmp_path, ("T1ce",)).contrasts == ("T1ce",)
    with pytest.raises(KgpError, match=r"slices of 1 channel\(s\), but 2 contrasts are named"):
        SlicesSource(tmp_path, ("T1", "T2"))


def test_grey_slices_among_colours_keep_their_channels(tmp_path):
    write_folder(tmp_path)
    grey_in_colour(tmp_path, 0, 1)
    source = SlicesSource(tmp_path)
    assert source.contrasts == ("channel_1", "channel_2", "channel_3") and source.check() == []
    assert read_one(source, "s0").image.shape == (6, 7, 3)


def test_three_contrasts_named_for_grey_slices_are_kept(tmp_path):
    write_folder(tmp_path)
    grey_in_colour(tmp_path, 0, 1, 2)
    source = SlicesSource(tmp_path, ("T1", "FLAIR", "T1ce"))
    assert read_one(source, "s0").image.shape == (6, 7, 3)
    assert "the three contrasts named are one and the same" in source.check()[0].what


def test_alpha_of_an_image_is_no_contrast(tmp_path):
    write_folder(tmp_path)
    for number in range(3):
        alpha = np.full((6, 7), 255, np.uint8)
        alpha[0, 0] = 255 if number else 0
        cv2.imwrite(str(tmp_path / f"i{number}.png"), np.dstack([image(number)[..., ::-1], alpha]))
    source = SlicesSource(tmp_path)
    assert len(source.contrasts) == 3
    np.testing.assert_array_equal(read_one(source, "s0").image, image(0))
    assert "alpha channel" in read_one(source, "s0").notes[0] and read_one(source, "s1").notes == ()


def test_jpeg_slices(tmp_path):
    write_folder(tmp_path, image="i1.jpg", mask="m1.jpg")
    cv2.imwrite(str(tmp_path / "i1.jpg"), image(1)[..., ::-1])
    drawn = np.zeros((6, 7), np.uint8)
    drawn[2:5, 2:6] = 255
    cv2.imwrite(str(tmp_path / "m1.jpg"), drawn, [cv2.IMWRITE_JPEG_QUALITY, 90])
    piece = read_one(SlicesSource(tmp_path), "s1")
    assert piece.image.shape == (6, 7, 3) and piece.image.dtype == np.uint8
    np.testing.assert_array_equal(piece.mask, drawn > 0)
    assert "has a mask (m1.jpg) of two levels" in piece.notes[0]


def test_a_mask_with_values_between_is_cut_and_told(tmp_path):
    write_folder(tmp_path)
    drawn = np.zeros((6, 7), np.float32)
    drawn[2:5, 2:6] = 1
    drawn[1, 2:6] = 0.4
    np.save(tmp_path / "m1.npy", drawn)
    index = (tmp_path / "index.csv").read_text()
    (tmp_path / "index.csv").write_text(index.replace("m1.png", "m1.npy"))
    piece = read_one(SlicesSource(tmp_path), "s1")
    np.testing.assert_array_equal(piece.mask, drawn == 1)
    assert piece.notes[0].endswith("it was cut at half of 1, and 4 pixels above 0 are no tumour.")


def rewrite(folder, change):
    """Changes the text of index.csv."""
    path = folder / "index.csv"
    path.write_bytes(change(path.read_text()).encode())
    return folder


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t"),
        lambda text: "sep=;\n" + text.replace(",", ";"),
        lambda text: text.replace(
            "id,image,mask,label,label_name,patient", "ID, Image, MASK, Label, Label Name, Patient"
        ),
        lambda text: text.replace(",0,healthy", ",0.0,healthy").replace(",1,tumour", ",1.0,tumour"),
        lambda text: "\ufeff" + text,
    ],
)
def test_a_table_however_it_is_written(tmp_path, change):
    source = SlicesSource(rewrite(write_folder(tmp_path), change))
    pieces = [read_one(source, case) for case in source.cases()]
    assert [(piece.id, piece.label, piece.label_name, piece.group) for piece in pieces] == [
        ("s0", 0, "healthy", "p0"),
        ("s1", 1, "tumour", "p0"),
        ("s2", 1, "tumour", "p1"),
    ]
    assert [piece.mask.sum() for piece in pieces] == [0, 5, 10] and source.check() == []


def test_a_decimal_comma_where_semicolons_separate(tmp_path):
    write_folder(tmp_path, spacing_row="0!5", spacing_column="0!75")
    source = SlicesSource(rewrite(tmp_path, lambda text: text.replace(",", ";").replace("!", ",")))
    assert read_one(source, "s1").spacing == (0.5, 0.75)


@pytest.mark.parametrize("column", ["group", "patient_group", "Group", "Patient Group", "PATIENT_GROUP"])
def test_both_names_of_the_persons_column(tmp_path, column):
    source = SlicesSource(write_folder(tmp_path, **{column: "person"}))
    assert read_one(source, "s1").group == "person" and source.check() == []


def test_persons_that_contradict(tmp_path):
    with pytest.raises(
        KgpError, match=r"index.csv line 3 has the patient_group 'a' and the group 'b', which mean the same"
    ):
        SlicesSource(write_folder(tmp_path, patient_group="a", group="b"))


def test_columns_that_are_not_used(tmp_path):
    write_folder(tmp_path, drop=("mask",), age="55", masks="m1.png", person="q")
    (found,) = SlicesSource(tmp_path).check()
    assert (found.severity, found.where) == ("warning", "index.csv")
    assert found.what == (
        "has columns that are not used: age, masks (did you mean mask?), person (did you mean patient_group?)."
    )
