"""kgp.data.sources.figshare: .mat files of version 7.3."""

import h5py
import numpy as np
import pytest
import scipy.io

from kgp.data.sources import open_source
from kgp.data.sources.figshare import FigshareSource
from kgp.errors import KgpError

IMAGE = np.arange(30, dtype=np.int16).reshape(5, 6)


def write_mat(path, image=IMAGE, mask=IMAGE > 20, label=2.0, patient="MR1234", drop=()):
    """As MATLAB stores it: columns as rows, numbers as 1x1 arrays, text as codes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {
        "image": image.T,
        "tumorMask": mask.T.astype(np.uint8),
        "label": np.array([[label]]),
        "PID": np.array([[ord(letter)] for letter in patient], np.uint16),
    }
    with h5py.File(path, "w") as file:
        for name, value in fields.items():
            if name not in drop:
                file[f"cjdata/{name}"] = value
    return path


def read_one(path):
    (piece,) = FigshareSource(path.parent).read(path.stem)
    return piece


def test_a_slice_is_not_transposed(tmp_path):
    write_mat(tmp_path / "1.mat")
    source = open_source(tmp_path)
    assert (source.name, source.contrasts, source.check()) == ("figshare", ("T1ce",), [])
    (piece,) = source.read("1")
    np.testing.assert_array_equal(piece.image[..., 0], IMAGE)
    np.testing.assert_array_equal(piece.mask, IMAGE > 20)
    assert piece.image.dtype == np.int16 and piece.mask.dtype == bool
    assert (piece.id, piece.patient, piece.group, piece.label, piece.label_name) == (
        "1",
        "MR1234",
        "MR1234",
        2,
        "glioma",
    )
    assert (piece.spacing, piece.volume, piece.index) == (None, "", 0)


@pytest.mark.parametrize(
    ("patient", "group"),
    [("MR040241B", "MR040241"), ("108600", "108600"), ("100360A", "100360"), ("abc", "abc"), ("AB", "AB")],
)
def test_the_letter_of_a_visit_is_not_another_person(tmp_path, patient, group):
    piece = read_one(write_mat(tmp_path / "1.mat", patient=patient))
    assert (piece.patient, piece.group) == (patient, group)


def test_all_labels(tmp_path):
    names = [read_one(write_mat(tmp_path / f"{label}.mat", label=label)).label_name for label in (1.0, 2.0, 3.0)]
    assert names == ["meningioma", "glioma", "pituitary"]


def test_cases_are_in_order_of_their_numbers(tmp_path):
    for name in ("10", "2", "1", "b/3", "a/20", "a/4"):
        write_mat(tmp_path / f"{name}.mat")
    assert FigshareSource(tmp_path).cases() == ["1", "2", "10", "a/4", "a/20", "b/3"]


def test_a_name_of_digits_in_the_middle_is_sorted_too(tmp_path):
    for name in ("x2", "10", "x10", "y"):
        write_mat(tmp_path / f"{name}.mat")
    assert FigshareSource(tmp_path).cases() == ["10", "x2", "x10", "y"]


@pytest.mark.parametrize("label", [0.0, 4.0])
def test_an_unknown_label(tmp_path, label):
    with pytest.raises(KgpError, match=rf"^\S*1.mat has the label {label:.0f} where 1, 2 or 3 is expected"):
        read_one(write_mat(tmp_path / "1.mat", label=label))


@pytest.mark.parametrize(
    "change",
    [
        {"mask": np.zeros((6, 5))},
        {"image": np.zeros((5, 6, 2))},
        {"image": np.zeros((1, 5000), np.uint8), "mask": np.zeros((1, 5000))},
    ],
)
def test_shapes_that_do_not_fit(tmp_path, change):
    with pytest.raises(KgpError, match=r"^\S*1.mat has an image of shape .* and a mask of shape .* where one slice"):
        read_one(write_mat(tmp_path / "1.mat", **change))


@pytest.mark.parametrize("change", [{"patient": "1" * 65}, {"label": [1.0, 2.0]}])
def test_fields_of_another_size(tmp_path, change):
    with pytest.raises(KgpError, match=r"^\S*1.mat has . labels and a PID of \d+ letters where one label"):
        read_one(write_mat(tmp_path / "1.mat", **change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.full((5, 6), b"x")}, r"has an image of type \|S1 where numbers are expected"),
        ({"label": np.inf}, "cannot be read as a figshare slice .*infinity"),
        ({"patient": " \n"}, r"has the PID ' \\n' where a number or name is expected"),
    ],
)
def test_fields_of_another_kind(tmp_path, change, message):
    with pytest.raises(KgpError, match=rf"^\S*1.mat {message}"):
        read_one(write_mat(tmp_path / "1.mat", **change))


def test_the_file_of_folds_is_no_slice(tmp_path):
    write_mat(tmp_path / "1.mat")
    (tmp_path / "cvind.mat").write_bytes(b"")
    assert FigshareSource(tmp_path).cases() == ["1"]


@pytest.mark.parametrize("field", ["image", "label", "PID", "tumorMask"])
def test_a_missing_field(tmp_path, field):
    with pytest.raises(KgpError, match=rf"1.mat cannot be read as a figshare slice .*{field}"):
        read_one(write_mat(tmp_path / "1.mat", drop=(field,)))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_file_cut_short(tmp_path, share):
    path = write_mat(tmp_path / "1.mat")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(KgpError, match=r"1.mat cannot be read as a figshare slice \(MATLAB v7.3 with cjdata\)"):
        read_one(path)


def test_no_file(tmp_path):
    with pytest.raises(KgpError, match="No data found in .*: there is no .mat file"):
        FigshareSource(tmp_path)


def test_the_format_before_7_3_says_how_to_save(tmp_path):
    scipy.io.savemat(tmp_path / "1.mat", {"cjdata": {"image": IMAGE, "label": 1.0}})
    with pytest.raises(
        KgpError, match=r"1.mat is in MATLAB's format before version 7.3; save it in MATLAB with save\('1"
    ):
        read_one(tmp_path / "1.mat")
    (tmp_path / "2.mat").write_bytes(b"MATLAB")
    with pytest.raises(KgpError, match="2.mat cannot be read as a figshare slice"):
        read_one(tmp_path / "2.mat")


def test_a_mask_that_was_resampled_is_cut_and_told(tmp_path):
    mask = np.zeros((5, 6))
    mask[1:4, 1:5] = 1
    values = np.where(mask, 0.98, 0.03)
    path = write_mat(tmp_path / "1.mat")
    with h5py.File(path, "a") as file:
        del file["cjdata/tumorMask"]
        file["cjdata/tumorMask"] = values.T
    piece = read_one(path)
    np.testing.assert_array_equal(piece.mask, mask)
    assert "has a mask (1.mat) with values that are not whole" in piece.notes[0]


def test_files_that_macos_left_are_no_slices(tmp_path):
    write_mat(tmp_path / "1.mat")
    for name in ("._1.mat", "__MACOSX/2.mat", ".old/3.mat"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"what a Mac leaves behind")
    assert FigshareSource(tmp_path).cases() == ["1"]
