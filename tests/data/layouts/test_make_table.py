"""kgp.data.layouts.make_table: from a folder of another layout to a table that a source reads."""

import csv
import json

import cv2
import nibabel
import numpy as np
import pytest
import tifffile

from kgp.data.layouts import recognise
from kgp.data.layouts.make_table import make_table
from kgp.data.sources import open_source
from kgp.errors import KgpError, UsageError


def pictures(folder):
    rng = np.random.default_rng(0)
    for name in ("yes/1", "yes/2", "no/1"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{name}.png"), rng.integers(0, 255, (8, 8)).astype(np.uint8))
    return folder


def decathlon(folder):
    data = np.zeros((12, 12, 4, 2), np.int16)
    data[2:10, 2:10, :3, 0], data[2:10, 2:10, :3, 1] = 100, 200
    mask = np.zeros((12, 12, 4), np.uint8)
    mask[4, 5, 2] = 3
    for part, array in (("imagesTr", data), ("labelsTr", mask)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(array, np.diag([-1.0, -1.0, 2.0, 1.0])), folder / part / "BRATS_001.nii.gz")
    header = {"modality": {"0": "FLAIR", "1": "T1w"}, "labels": {"0": "background", "1": "tumour"}}
    (folder / "dataset.json").write_text(json.dumps(header))
    return folder


def rows(table):
    with open(table, newline="") as stream:
        return list(csv.DictReader(stream))


def test_pictures_need_patients_before_they_are_read(tmp_path):
    data = pictures(tmp_path / "set")
    said = make_table(data)
    assert said[0] == f"{data} is read as pictures in class folders."
    assert f"{data / 'index.csv'} lists 3; a person has to check it before training" in said[-1]
    assert [row["image"] for row in rows(data / "index.csv")] == ["no/1.png", "yes/1.png", "yes/2.png"]
    with pytest.raises(KgpError, match=r"index.csv has no patient in any line"):
        open_source(data)


def test_filled_in_patients_are_read(tmp_path):
    data = pictures(tmp_path / "set")
    make_table(data)
    table = (data / "index.csv").read_text().splitlines()
    filled = [table[0], *(f"{line}p{number}" for number, line in enumerate(table[1:]))]
    (data / "index.csv").write_text("\n".join(filled))
    source = open_source(data)
    labels = [(piece.label, piece.patient) for case in source.cases() for piece in source.read(case)]
    assert labels == [(0, "p0"), (1, "p1"), (1, "p2")]


@pytest.mark.parametrize("elsewhere", [False, True])
def test_volumes_of_four_dimensions_are_read_by_the_table(tmp_path, elsewhere):
    data = decathlon(tmp_path / "Task01")
    table = tmp_path / "other" / "volumes.csv" if elsewhere else None
    said = make_table(data, table)
    assert ("--csv" in said[-1]) == elsewhere
    source = open_source(data, csv=table)
    assert source.contrasts == ("FLAIR", "T1") and not [x for x in source.check() if x.severity == "error"]
    pieces = list(source.read("BRATS_001"))
    assert [(piece.label, int(piece.mask.sum())) for piece in pieces] == [(0, 0), (0, 0), (1, 1)]
    assert pieces[0].image.max(axis=(0, 1)).tolist() == [100, 200]


def test_an_existing_table_stays_unless_it_may_be_replaced(tmp_path):
    data = decathlon(tmp_path / "Task01")
    (data / "volumes.csv").write_text("mine")
    with pytest.raises(KgpError, match=r"volumes.csv exists already; name another file or pass --overwrite"):
        make_table(data)
    assert (data / "volumes.csv").read_text() == "mine"
    make_table(data, overwrite=True)
    assert rows(data / "volumes.csv")[0]["T1"] == "imagesTr/BRATS_001.nii.gz[1]"


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ("index.txt", UsageError, "--make-table writes a .csv file, not 'index.txt'"),
        ("../other/index.csv", UsageError, "--make-table: the table has to stand in .*set or in a folder above it"),
    ],
)
def test_a_table_that_could_not_be_read(tmp_path, table, error, message):
    data = pictures(tmp_path / "set")
    with pytest.raises(error, match=message):
        make_table(data, data / table)


def test_a_table_in_a_folder_above(tmp_path):
    pictures(tmp_path / "set")
    said = make_table(tmp_path / "set", tmp_path / "index.csv")
    assert rows(tmp_path / "index.csv")[0]["image"] == "set/no/1.png" and f"--data {tmp_path}." in said[-1]


def test_folders_of_no_known_layout(tmp_path):
    (tmp_path / "a.mha").touch()
    assert recognise(tmp_path) is None
    with pytest.raises(KgpError, match=r"No table can be made of .*, and it holds 1 .mha"):
        make_table(tmp_path)
    with pytest.raises(KgpError, match="is not a folder"):
        make_table(tmp_path / "nowhere")
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "dataset.json").write_text(json.dumps({"channel_names": {"0": "T1"}}))
    with pytest.raises(KgpError, match=r"No table can be made of .*: 0 volumes of imagesTr"):
        make_table(tmp_path)


def nnunet(folder):
    """Two cases of two contrasts."""
    data = decathlon(folder / "msd")
    image = nibabel.load(data / "imagesTr" / "BRATS_001.nii.gz")
    for case in ("c1", "c2"):
        for number in range(2):
            (folder / "raw" / "imagesTr").mkdir(parents=True, exist_ok=True)
            nibabel.save(image.slicer[..., number], folder / "raw" / "imagesTr" / f"{case}_{number:04d}.nii.gz")
        (folder / "raw" / "labelsTr").mkdir(exist_ok=True)
        mask = (data / "labelsTr" / "BRATS_001.nii.gz").read_bytes()
        (folder / "raw" / "labelsTr" / f"{case}.nii.gz").write_bytes(mask)
    header = {"channel_names": {"0": "T1", "1": "FLAIR"}, "labels": {"background": 0, "tumour": 1}}
    (folder / "raw" / "dataset.json").write_text(json.dumps(header))
    return folder / "raw"


def bids(folder):
    """The same two cases as subjects with a session."""
    raw = nnunet(folder)
    for number in (1, 2):
        anat = folder / "bids" / f"sub-{number}" / "ses-a" / "anat"
        anat.mkdir(parents=True)
        for channel, suffix in enumerate(("T1w", "FLAIR")):
            image = (raw / "imagesTr" / f"c{number}_{channel:04d}.nii.gz").read_bytes()
            (anat / f"sub-{number}_ses-a_{suffix}.nii.gz").write_bytes(image)
        masks = folder / "bids" / "derivatives" / "manual"
        masks.mkdir(parents=True, exist_ok=True)
        mask = (raw / "labelsTr" / f"c{number}.nii.gz").read_bytes()
        (masks / f"sub-{number}_ses-a_label-tumor_mask.nii.gz").write_bytes(mask)
    return folder / "bids"


@pytest.mark.parametrize("layout", [nnunet, bids])
def test_the_tables_of_volumes_give_the_same_slices(tmp_path, layout):
    data = layout(tmp_path)
    make_table(data)
    source = open_source(data)
    assert source.contrasts == ("T1", "FLAIR") and not [x for x in source.check() if x.severity == "error"]
    for case in source.cases():
        pieces = list(source.read(case))
        assert [(piece.label, int(piece.mask.sum())) for piece in pieces] == [(0, 0), (0, 0), (1, 1)]
        assert pieces[0].image.max(axis=(0, 1)).tolist() == [100, 200]
    assert len({piece.group for case in source.cases() for piece in source.read(case)}) == 2


def test_the_table_of_kaggle_3m_is_read(tmp_path):
    case = tmp_path / "kaggle_3m" / "TCGA_CS_4941_19960909"
    case.mkdir(parents=True)
    for number in range(1, 6):
        image = np.dstack([np.full((8, 8), value + number, np.uint8) for value in (30, 60, 90)])
        tifffile.imwrite(case / f"{case.name}_{number}.tif", image + np.eye(8, dtype=np.uint8)[..., None])
        mask = np.zeros((8, 8), np.uint8)
        mask[2, 3] = 255 * (number == 5)
        tifffile.imwrite(case / f"{case.name}_{number}_mask.tif", mask)
    make_table(tmp_path / "kaggle_3m")
    source = open_source(tmp_path / "kaggle_3m", contrasts=("T1", "FLAIR", "T1ce"))
    healthy, tumour = (piece for name in source.cases() for piece in source.read(name))
    assert (healthy.label, healthy.label_name, healthy.mask.sum()) == (0, "no_tumour_slice", 0)
    assert (tumour.label, tumour.patient, tumour.index) == (3, "TCGA_CS_4941", 5)
    assert np.argwhere(tumour.mask).tolist() == [[2, 3]] and tumour.image[0, 1].tolist() == [35, 65, 95]
    (tmp_path / "kaggle_3m" / "index.csv").unlink()
    (tmp_path / "kaggle_3m" / "index_all.csv").write_text("mine")
    with pytest.raises(KgpError, match=r"index_all.csv exists already"):
        make_table(tmp_path / "kaggle_3m")
    assert not (tmp_path / "kaggle_3m" / "index.csv").exists()
    assert (tmp_path / "kaggle_3m" / "index_all.csv").read_text() == "mine"
