"""kgp.data.layouts.make_table: from a folder of another layout to a table that a source reads."""

import csv
import json

import cv2
import nibabel
import numpy as np
import pytest

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
        ("../other/index.csv", UsageError, "index.csv has to stand in .*set or in a folder above it"),
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
