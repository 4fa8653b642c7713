"""kgp.data.sources.nifti: volumes in a table."""

import re

import nibabel
import numpy as np
import pytest

from kgp.data.sources import open_source
from kgp.data.sources.nifti import NiftiSource, cut_slices, read_mask_volume
from kgp.errors import KgpError
from kgp.scans.volume import Volume

HEADER = "case,patient,label,label_name,T1,FLAIR,mask\n"
ROWS = "c2,p2,2,glioma,v/t1.nii,v/flair.nii,v/mask.nii\nc1,p1,0,healthy,v/t1.nii,v/flair.nii,\n"


def write_volume(path, value, affine=None):
    data = np.zeros((8, 9, 3), np.float32)
    data[2:7, 2:7, :2] = value
    nibabel.save(nibabel.Nifti1Image(data, np.diag([1.0, 1.5, 4.0, 1.0]) if affine is None else affine), path)


def write_table(folder, rows=ROWS, header=HEADER, name="volumes.csv"):
    (folder / "v").mkdir(exist_ok=True)
    write_volume(folder / "v" / "t1.nii", 100)
    write_volume(folder / "v" / "flair.nii", 50)
    mask = np.zeros((8, 9, 3), np.uint8)
    mask[3, 4, 1] = 2
    nibabel.save(nibabel.Nifti1Image(mask, np.diag([1.0, 1.5, 4.0, 1.0])), folder / "v" / "mask.nii")
    (folder / name).write_text(header + rows)
    return folder


def test_volumes_of_a_table(tmp_path):
    source = open_source(write_table(tmp_path))
    assert (source.name, source.contrasts, source.cases(), source.check()) == (
        "nifti",
        ("T1", "FLAIR"),
        ["c1", "c2"],
        [],
    )
    first, second = source.read("c2")
    assert [(piece.label, piece.label_name) for piece in (first, second)] == [(0, "healthy"), (2, "glioma")]
    assert (first.id, first.patient, first.group, first.volume, first.index) == ("c2_000", "p2", "p2", "c2", 0)
    assert second.image.shape == (9, 8, 2) and second.spacing == (1.5, 1.0)
    assert first.spacing_slice == second.spacing_slice == 4.0
    # The voxel axes run to the right and front; shown are rows to the back and columns to the left.
    assert np.argwhere(second.mask).tolist() == [[8 - 4, 7 - 3]]
    assert second.image.max(axis=(0, 1)).tolist() == [100, 50]


def test_a_column_seg_is_a_mask_and_no_contrast(tmp_path):
    source = NiftiSource(write_table(tmp_path, header=HEADER.replace("mask", "seg")))
    assert source.contrasts == ("T1", "FLAIR") and source.check() == []
    assert [piece.label for piece in source.read("c2")] == [0, 2]


def test_without_a_name_for_label_0_there_is_one(tmp_path):
    source = NiftiSource(write_table(tmp_path, rows=ROWS.splitlines(keepends=True)[0].replace("glioma", "")))
    assert [(piece.label, piece.label_name) for piece in source.read("c2")] == [(0, "no_tumour"), (2, "2")]


def test_without_a_mask_all_slices_have_the_volumes_label(tmp_path):
    pieces = list(open_source(write_table(tmp_path)).read("c1"))
    assert [(piece.label, piece.label_name, piece.mask) for piece in pieces] == [(0, "healthy", None)] * 2


def test_empty_slices_of_a_background_above_the_lowest_value(tmp_path):
    data = np.full((8, 9, 4), 0.02, np.float32)
    data[2:7, 2:7, 1:3] = 1.0
    data[2, 2, :] = -0.5  # interpolation undershot
    volume = Volume(data[..., None], np.eye(4), ("FLAIR",))
    cut = cut_slices(volume, None, case="c", patient="p", group="p", label=(1, "tumour"))
    assert [piece.index for piece in cut] == [1, 2]


def test_a_table_elsewhere_groups_and_chosen_contrasts(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    write_table(tmp_path, "c,p,1,x,v/t1.nii,v/flair.nii,person\n", HEADER.replace("mask", "group"), "my.csv")
    source = open_source(data, csv=tmp_path / "my.csv", contrasts=("FLAIR",))
    (first, _) = source.read("c")
    assert source.contrasts == ("FLAIR",) and first.group == "person" and first.image.max() == 50
    assert open_source(data, "nifti", csv=tmp_path / "my.csv").contrasts == ("T1", "FLAIR")


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (
            "case,patient,label,T1\n",
            "c,p,1,a\n",
            "lacks the column 'label_name'; needed are case, patient, label, label_name",
        ),
        (HEADER, "", "lists no volume"),
        (HEADER, "c, ,1,x,a,b,\n", "has no patient in line 2"),
        (HEADER, "c,p,1,x,a,b,\n,p,1,x,a,b,\n", "has no case in line 3"),
        (HEADER.replace("FLAIR", "T1"), ROWS, "has two columns 'T1'"),
        (HEADER, "c,p,high,x,a,b,\n", "has the label 'high' for case c where a whole number is expected"),
        (HEADER, "c,p\n", "has the label '' for case c where a whole number"),
        (HEADER, "c,p,²,x,a,b,\n", "has the label '²'"),
        ("case,patient,label,label_name\n", "c,p,1,x\n", "has no column for the contrast ''; its columns are case"),
    ],
)
def test_bad_tables(tmp_path, header, rows, message):
    with pytest.raises(KgpError, match=f"volumes.csv {message}"):
        NiftiSource(write_table(tmp_path, rows, header))


def test_no_table_and_no_text(tmp_path):
    with pytest.raises(KgpError, match="volumes.csv is missing"):
        NiftiSource(tmp_path)
    (tmp_path / "volumes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KgpError, match="volumes.csv is not a table"):
        NiftiSource(tmp_path)


def test_contrasts_asked_for_in_other_capitals(tmp_path):
    source = open_source(write_table(tmp_path), contrasts=("flair", "t1"))
    assert source.contrasts == ("flair", "t1") and next(source.read("c2")).image.max(axis=(0, 1)).tolist() == [50, 100]


def test_an_unknown_contrast(tmp_path):
    with pytest.raises(KgpError, match="has no column for the contrast 'T2'; its columns are case, patient"):
        NiftiSource(write_table(tmp_path), ("T1", "T2"))


def test_findings(tmp_path):
    rows = "c,p,1,x,v/t1.nii,,\nc,p,1,x,v/t1.nii,v/none.nii,v/nomask.nii\n"
    found = NiftiSource(write_table(tmp_path, rows)).check()
    assert {fault.severity for fault in found} == {"error"}
    text = "\n".join(fault.what for fault in found)
    assert "case 'c' stands 2 times in volumes.csv." in text
    assert "the contrast FLAIR is missing." in text
    assert "none.nii is missing." in text and "nomask.nii is missing." in text


def test_a_case_that_cannot_be_read(tmp_path):
    source = NiftiSource(
        write_table(tmp_path, "a,p,1,x,v/t1.nii,,\nb,p,1,x,v/none.nii,v/flair.nii,\n" + 2 * "c,p,1,x,a,b,\n")
    )
    with pytest.raises(KgpError, match="case a has no file for the contrast FLAIR in .*volumes.csv"):
        list(source.read("a"))
    with pytest.raises(KgpError, match="none.nii is missing"):
        list(source.read("b"))
    with pytest.raises(KgpError, match="case 'c' stands 2 times in .*volumes.csv"):
        list(source.read("c"))


def test_a_mask_on_another_grid(tmp_path):
    write_table(tmp_path)
    write_volume(tmp_path / "v" / "mask.nii", 1, np.eye(4))
    with pytest.raises(
        KgpError, match="mask.nii is not on the grid of its contrasts .* their corners lie up to 8.62 mm apart"
    ):
        list(NiftiSource(tmp_path).read("c2"))


def save_mask(path, values, affine=None, codes=(2, 0)):
    image = nibabel.Nifti1Image(values, np.diag([1.0, 1.5, 4.0, 1.0]) if affine is None else affine)
    image.set_sform(image.affine, codes[0])
    image.set_qform(image.affine, codes[1])
    nibabel.save(image, path)


MASK = np.zeros((8, 9, 3), np.float32)
MASK[3:6, 4:7, 1] = 4


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (np.where(MASK == 0, 0.0039, MASK), "(mask.nii) with values that are not whole (e.g. 0.0039); 207 voxels were"),
        (MASK * 0.999975, "(mask.nii) of two levels, 0 and 3.9999; it was cut at half of 3.9999."),
        (MASK / 8, "of two levels, 0 and 0.5; it was cut at half of 0.5."),
        (MASK * 63.5 + (MASK == 0), "with 2 levels above 0 where one is expected; it was cut at half of 255, and 207"),
    ],
    ids=range(4),
)
def test_values_of_a_mask_that_are_not_labels_are_told_at_the_first_slice(tmp_path, values, note):
    write_table(tmp_path)
    save_mask(tmp_path / "v" / "mask.nii", values.astype(np.float32))
    first, second = open_source(tmp_path).read("c2")
    assert (first.label, second.label) == (0, 2) and first.mask.sum() == 0 and second.mask.sum() == 9
    assert len(first.notes) == 1 and note in first.notes[0] and second.notes == ()


def test_a_scale_slope_in_the_header_of_a_mask(tmp_path):
    write_table(tmp_path)
    image = nibabel.Nifti1Image((MASK / 4 * 127).astype(np.int8), np.diag([1.0, 1.5, 4.0, 1.0]))
    image.header.set_slope_inter(3.996 / 127, 0.004)
    nibabel.save(image, tmp_path / "v" / "mask.nii")
    raw = bytearray((tmp_path / "v" / "mask.nii").read_bytes())
    raw[112:120] = np.array([3.996 / 127, 0.004], "<f4").tobytes()
    raw[352:] = (MASK / 4 * 127).astype(np.int8).tobytes(order="F")
    (tmp_path / "v" / "mask.nii").write_bytes(raw)
    mask = read_mask_volume(tmp_path / "v" / "mask.nii", Volume(MASK[..., None], image.affine, ("T1",)), (4,))
    assert not mask.tumour.any() and "rounded to 0" in mask.notes[0]


def test_a_mask_with_turned_axes_is_turned_exactly_and_told(tmp_path):
    write_table(tmp_path)
    (_, straight) = open_source(tmp_path).read("c2")
    stored = np.flip(np.asarray(nibabel.load(tmp_path / "v" / "mask.nii").dataobj), 0).transpose(2, 0, 1)
    affine = np.array([[0, -1, 0, 7], [0, 0, 1.5, 0], [4, 0, 0, 0], [0, 0, 0, 1]])
    save_mask(tmp_path / "v" / "mask.nii", np.ascontiguousarray(stored), affine)
    (first, turned) = open_source(tmp_path).read("c2")
    np.testing.assert_array_equal(turned.mask, straight.mask)
    assert first.notes == (
        "has the axes of mask.nii in another order or direction than those of its contrasts; they were turned exactly, "
        "without interpolation.",
    )


def test_headers_without_a_place_are_told(tmp_path):
    write_table(tmp_path)
    values = np.array(nibabel.load(tmp_path / "v" / "mask.nii").dataobj)
    affine = nibabel.Nifti1Image(values, None).header.get_base_affine()
    for name in ("t1", "flair", "mask"):
        save_mask(tmp_path / "v" / f"{name}.nii", np.indices((8, 9, 3)).sum(axis=0).astype(np.float32), affine, (0, 0))
    save_mask(tmp_path / "v" / "mask.nii", values, affine, (0, 0))
    (first, *_) = open_source(tmp_path).read("c2")
    assert [note[:38] for note in first.notes] == [
        "has neither qform nor sform in t1.nii,",
        "has neither qform nor sform in mask.ni",
    ]


def test_a_grid_that_differs_by_rounding_is_the_same(tmp_path):
    write_table(tmp_path)
    affine = np.diag([1.0, 1.5, 4.0, 1.0])
    affine[:3, 3] = 0.002
    save_mask(tmp_path / "v" / "mask.nii", np.array(nibabel.load(tmp_path / "v" / "mask.nii").dataobj), affine)
    (first, second) = open_source(tmp_path).read("c2")
    assert second.mask.sum() == 1 and first.notes == ()


MASKED = "c1,p1,{},{},v/t1.nii,v/flair.nii,v/mask.nii\n"


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        (MASKED.format(1, "tumour"), [(0, "no_tumour"), (1, "tumour")]),
        (MASKED.format(0, "tumour"), [(1, "no_tumour"), (0, "tumour")]),
        (MASKED.format(0, "HGG") + "c2,p2,1,LGG,v/t1.nii,v/flair.nii,v/mask.nii\n", [(2, "no_tumour"), (0, "HGG")]),
        (MASKED.format(2, "glioma") + "c2,p2,5,Normal,v/t1.nii,v/flair.nii,\n", [(5, "Normal"), (2, "glioma")]),
        (MASKED.format(0, "glioma") + "c2,p2,1,healthy,v/t1.nii,v/flair.nii,\n", [(1, "healthy"), (0, "glioma")]),
        (MASKED.format(1, "b") + "c2,p2,0,a,v/t1.nii,v/flair.nii,\n", [(0, "a"), (1, "b")]),
        (MASKED.format("1.0", "b"), [(0, "no_tumour"), (1, "b")]),
        (MASKED.format("3", ""), [(0, "no_tumour"), (3, "3")]),
    ],
)
def test_the_label_of_slices_without_tumour(tmp_path, rows, labels):
    source = NiftiSource(write_table(tmp_path, rows))
    assert [(piece.label, piece.label_name) for piece in source.read("c1")] == labels
    assert source.check() == []


def test_both_names_of_the_persons_column_and_columns_that_are_not_used(tmp_path):
    header = "case,patient,patient_group,label,label_name,FLAIR,mask,age,sex\n"
    source = NiftiSource(write_table(tmp_path, "0,p0,person0,1,tumour,v/flair.nii,v/mask.nii,55,M\n", header))
    assert source.contrasts == ("FLAIR",) and {piece.group for piece in source.read("0")} == {"person0"}
    assert [(found.severity, found.where, found.what) for found in source.check()] == [
        ("warning", "volumes.csv", "has columns that are not used: age, sex.")
    ]
    write_table(tmp_path, "0,p0,a,b,1,x,v/t1.nii\n", "case,patient,group,patient_group,label,label_name,T1\n")
    with pytest.raises(KgpError, match="volumes.csv line 2 has the patient_group 'b' and the group 'a'"):
        NiftiSource(tmp_path)


@pytest.mark.parametrize("column", ["masks", "segmentation", "seg_path", "label_map", "maks", "Mask_file", "ROI"])
def test_a_misspelt_mask_column_is_named_and_is_no_contrast(tmp_path, column):
    source = NiftiSource(write_table(tmp_path, MASKED.format(1, "tumour"), HEADER.replace("mask", column)))
    assert source.contrasts == ("T1", "FLAIR")
    first, second = (found.what for found in source.check())
    assert first == f"has columns that are not used: {column} (did you mean mask?)."
    assert second.startswith("names no mask, so all slices of a volume have its label, those without tumour too")
    assert NiftiSource(tmp_path, ("T1", column)).contrasts == ("T1", column)  # who asks for it gets it


@pytest.mark.parametrize("column", ["Mask", "MASK", " mask ", "Seg"])
def test_capitals_of_the_mask_column(tmp_path, column):
    source = NiftiSource(write_table(tmp_path, MASKED.format(1, "tumour"), HEADER.replace("mask", column)))
    assert source.check() == [] and [piece.label for piece in source.read("c1")] == [0, 1]


def test_a_volume_without_a_mask_among_others_with_one(tmp_path):
    rows = MASKED.format(1, "tumour") + "c2,p2,1,tumour,v/t1.nii,v/flair.nii,\nc3,p3,4,healthy,v/t1.nii,v/flair.nii,\n"
    source = NiftiSource(write_table(tmp_path, rows))
    (found,) = source.check()
    sentence = (
        "has the label tumour but no mask in .*volumes.csv, where other volumes have one, so its slices without tumour "
        "cannot be told from those with it; name its mask, or leave it out."
    )
    assert (found.severity, found.where) == ("error", "c2") and re.fullmatch(sentence, found.what)
    with pytest.raises(KgpError, match=f"case c2 {sentence}"):
        list(source.read("c2"))
    assert [piece.label for piece in source.read("c3")] == [4, 4]


def test_two_masks_of_a_volume(tmp_path):
    header = HEADER.replace("mask", "seg,mask")
    source = NiftiSource(write_table(tmp_path, "c,p,1,x,v/t1.nii,v/flair.nii,v/none.nii,v/mask.nii\n", header))
    assert "names two masks of a volume; that of the column mask is taken." in [found.what for found in source.check()]
    assert [piece.label for piece in source.read("c")] == [0, 1]


def test_volumes_of_healthy_persons_need_no_mask(tmp_path):
    assert NiftiSource(write_table(tmp_path, "c,p,0,healthy,v/t1.nii,v/flair.nii,\n")).check() == []
