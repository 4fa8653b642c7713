"""kgp.data.layouts.class_folders: pictures by class."""

import pytest

from kgp.data.layouts.class_folders import LAYOUT


def write(folder, *names):
    """Pictures whose bytes differ by name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def labels(draft):
    return {(row["label"], row["label_name"]) for row in draft.rows}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("yes/Y1.jpg", "no/N1.jpg"), {(0, "no_tumour"), (1, "tumour")}),
        (("Yes/Y1.JPG", "No/N 1.jpeg"), {(0, "no_tumour"), (1, "tumour")}),
        (("Brain Tumor/1.png", "Healthy/1.png"), {(0, "no_tumour"), (1, "tumour")}),
        (("a/set/tumor/1.tif", "a/set/normal/1.tif"), {(0, "no_tumour"), (1, "tumour")}),
        (("positive/1.png", "negative/1.png"), {(0, "no_tumour"), (1, "tumour")}),
        (
            ("Training/glioma/1.jpg", "Training/notumor/1.jpg", "Testing/pituitary/1.jpg", "Testing/meningioma/1.jpg"),
            {(0, "no_tumour"), (1, "glioma"), (2, "meningioma"), (3, "pituitary")},
        ),
        (
            (
                "Testing/glioma/2.jpg",
                "Testing/no tumour/2.jpg",
                "Training/glioma_tumor/1.jpg",
                "Training/no_tumor/1.jpg",
            ),
            {(0, "no_tumour"), (1, "glioma")},
        ),
        (("glioma/1.jpg", "pituitary_tumor/1.jpg"), {(1, "glioma"), (2, "pituitary_tumor")}),
        (("glioma/1.jpg", "no/1.jpg", "schwannoma/1.jpg"), {(0, "no_tumour"), (1, "glioma"), (2, "schwannoma")}),
        (
            ("NORMAL T1/1.jpg", "_NORMAL T2/1.jpg", "Glioma/1.jpg", "Papiloma T1/1.jpg"),
            {(0, "no_tumour"), (1, "Glioma"), (2, "Papiloma T1")},
        ),
    ],
)
def test_labels_by_the_names_of_folders(tmp_path, names, expected):
    write(tmp_path, *names)
    assert LAYOUT.fits(tmp_path)
    draft = LAYOUT.draft(tmp_path)
    assert labels(draft) == expected and len(draft.rows) == len(names)
    assert {row["patient"] for row in draft.rows} == {""}
    assert any("PATIENTS ARE NOT KNOWN" in sentence for sentence in draft.said)
    assert len({row["id"] for row in draft.rows}) == len(names)


def test_numbered_folders_are_classes_where_they_hold_many(tmp_path):
    write(tmp_path, *(f"{name}/{number}.png" for name in "123" for number in range(20)))
    draft = LAYOUT.draft(tmp_path)
    assert labels(draft) == {(1, "1"), (2, "2"), (3, "3")}
    assert any("no label is 0" in sentence for sentence in draft.said)


@pytest.mark.parametrize(
    "names",
    [
        ("a.png", "b.png"),
        ("glioma/1.png", "glioma/2.png"),
        ("p1/1.png", "p2/1.png", "p3/1.png"),
        tuple(f"{name}/{number}.png" for name in ("images", "masks") for number in range(30)),
        ("yes/a.nii.gz", "no/a.png", "yes/b.png"),
        ("__MACOSX/yes/1.png", "__MACOSX/no/1.png"),
    ],
)
def test_what_is_no_set_of_class_folders(tmp_path, names):
    write(tmp_path, *names)
    assert not LAYOUT.fits(tmp_path)


def test_copies_are_left_out_and_said(tmp_path):
    write(tmp_path, "yes/1.jpg", "yes/2.jpg", "no/1.jpg", "pred/9.jpg")
    for name in ("yes/1.jpg", "no/1.jpg"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / name).write_bytes((tmp_path / name).read_bytes())
    (tmp_path / "no" / "3.jpg").write_bytes((tmp_path / "yes" / "2.jpg").read_bytes())
    draft = LAYOUT.draft(tmp_path)
    assert [row["id"] for row in draft.rows] == ["no/1.jpg", "yes/1.jpg"]
    said = " ".join(draft.said)
    assert "2 pictures are copies of another" in said and "2 pictures stand in two classes" in said
    assert "1 pictures stand in no class folder" in said


def test_other_pictures_beside_the_classes_are_left_out(tmp_path):
    write(tmp_path, "yes/1.jpg", "no/1.jpg", "Br35H-Mask-RCNN/TRAIN/1.jpg", "cover.png", "masks/1.png", "other/1.jpg")
    draft = LAYOUT.draft(tmp_path)
    assert labels(draft) == {(0, "no_tumour"), (1, "other"), (2, "tumour")}
    assert any("3 pictures stand in no class folder" in sentence for sentence in draft.said)


def test_folders_of_patients_below_the_classes(tmp_path):
    write(tmp_path, "yes/p1/1.png", "yes/p1/2.png", "no/p1/3.png", "no/p2/1.png")
    draft = LAYOUT.draft(tmp_path)
    assert {row["id"]: row["patient"] for row in draft.rows} == {
        "no/p1/3.png": "p1",
        "no/p2/1.png": "p2",
        "yes/p1/1.png": "p1",
        "yes/p1/2.png": "p1",
    }
    assert any("2 patients: the folders below the class folders" in sentence for sentence in draft.said)


def test_the_parts_of_the_download_are_taken_together(tmp_path):
    write(tmp_path, "Training/yes/1.png", "Testing/no/1.png")
    assert any("Testing, Training are taken together" in sentence for sentence in LAYOUT.draft(tmp_path).said)
