"""kgp.data.sources.open_source: which reader fits a folder."""

import sys

import numpy as np
import pytest

from kgp.data import sources
from kgp.data.sources import open_source
from kgp.errors import KgpError, UsageError


@pytest.fixture
def readers(monkeypatch):
    """Readers that only note what they were given."""
    called = []

    def reader(kind):
        def build(path, contrasts=(), csv=None):
            called.append((kind, path, contrasts, csv))
            return type("Reader", (), {"name": kind, "contrasts": contrasts or ("T1",)})()

        return build

    for kind, name in (
        ("slices", "SlicesSource"),
        ("brats", "BratsSource"),
        ("figshare", "FigshareSource"),
        ("nifti", "NiftiSource"),
    ):
        module = type(sys)(f"kgp.data.sources.{kind}")
        setattr(module, name, reader(kind))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return called


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("index.csv", "slices"),
        ("volumes.csv", "nifti"),
        ("case/BraTS2021_00001_seg.nii.gz", "brats"),
        ("BraTS-GLI-00000-000/BraTS-GLI-00000-000-seg.nii", "brats"),
        ("brainTumorDataPublic_1-766/1.mat", "figshare"),
    ],
)
def test_the_kind_is_seen_from_the_folder(tmp_path, readers, file, kind):
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    assert open_source(tmp_path).name == kind
    assert readers[0][:2] == (kind, tmp_path)


def test_a_named_kind_and_its_table(tmp_path, readers):
    table = tmp_path / "table.csv"
    table.touch()
    open_source(tmp_path, csv=table, contrasts=("T1", "T2"))
    open_source(tmp_path, "brats", csv=table)
    assert readers == [("nifti", tmp_path, ("T1", "T2"), table), ("brats", tmp_path, (), table)]


def test_without_data_it_is_the_phantom():
    assert open_source(None).name == "phantom"
    assert open_source(None, "phantom").name == "phantom"


def test_slices_are_opened_for_real(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((4, 4, 2)))
    (tmp_path / "index.csv").write_text("id,image,label,label_name,patient\na,a.npy,0,x,p\n")
    assert open_source(tmp_path, contrasts=("T1", "T2")).contrasts == ("T1", "T2")


def test_a_folder_with_nothing_in_it(tmp_path):
    with pytest.raises(KgpError, match="No data found in .*: expected index.csv with slices, BraTS case folders"):
        open_source(tmp_path)
    with pytest.raises(KgpError, match="No data found: .*nowhere does not exist"):
        open_source(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(KgpError, match="No data found: .*file is not a folder"):
        open_source(tmp_path / "file")


def test_a_prepared_folder_is_no_source(tmp_path):
    (tmp_path / "cohort.json").touch()
    with pytest.raises(KgpError, match="was made by kgp prepare already"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kind": "dicom"},
            "--kind must be one of phantom, slices, brats, brats-tumour-types, figshare, nifti, not 'dicom'",
        ),
        ({"kind": "phantom"}, "--kind phantom takes no data"),
        ({"contrasts": ("T1", "T1")}, "--contrasts names 'T1' twice"),
        ({"path": None, "kind": "slices"}, "--kind slices needs a folder"),
        ({"path": None, "contrasts": ("T9",)}, "--contrasts: phantom data have T1, T2, T1ce, FLAIR, not T9"),
    ],
)
def test_bad_options(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        open_source(**{"path": tmp_path} | options)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(KgpError, match=r"--csv: there is no file .*t.csv"):
        open_source(tmp_path, csv=tmp_path / "t.csv")


def test_every_kind_is_documented():
    assert set(sources.KINDS) == {"phantom", "slices", "brats", "brats-tumour-types", "figshare", "nifti"}


@pytest.mark.parametrize(
    ("files", "title"),
    [
        (("yes/1.jpg", "no/1.jpg"), "pictures in class folders"),
        (("dataset.json", "imagesTr/BRATS_001.nii.gz"), "Medical Decathlon or nnU-Net raw data"),
        (("sub-01/anat/sub-01_T1w.nii.gz", "derivatives/sub-01_seg.nii.gz"), "BIDS data"),
        (("TCGA_CS_4941_19960909_1.tif", "TCGA_CS_4941_19960909_1_mask.tif"), "the LGG slices of Buda et al."),
    ],
)
def test_a_layout_that_needs_a_table_is_named_with_the_command(tmp_path, files, title):
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(KgpError, match=f"No data found in .* look like {title}.*kgp prepare .* --make-table"):
        open_source(tmp_path)


def test_an_unknown_folder_says_what_it_holds(tmp_path):
    for name in ("a.mha", "b.mha", "__MACOSX/c.mat", ".d.mat", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(KgpError, match=r"it holds 2 .mha, 1 .txt\.$"):
        open_source(tmp_path)


def test_brats_cases_without_masks_are_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a_flair.nii").touch()
    with pytest.raises(KgpError, match=r"it holds 1 .nii, which look like BraTS cases without masks \(seg\)\.$"):
        open_source(tmp_path)
