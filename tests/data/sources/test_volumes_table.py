"""kgp.data.sources.volumes_table: columns of a table of volumes."""

import pytest

from kgp.data.sources.volumes_table import contrast_columns, meant_for_mask, read_volumes
from kgp.errors import KgpError


@pytest.mark.parametrize(
    ("header", "cells", "contrasts"),
    [
        ("FLAIR,mask,age,sex", "a.nii.gz,m.nii.gz,55,M", ("FLAIR",)),
        ("T1,FLAIR", "a.nii,b.nii", ("T1", "FLAIR")),
        ("T1,notes", "a.nii,seen twice", ("T1",)),
        ("PET,scanner", "a.NII.GZ,Siemens", ("PET",)),
        ("T1,masks", "a.nii,m.nii", ("T1",)),
        ("T1,Segmentation", "a.nii,m.nii", ("T1",)),
        ("T1,label_map", "a.nii,m.nii", ("T1",)),
        ("T1,brain_mask", "a.nii,m.nii", ("T1",)),
        ("T1,maks", "a.nii,m.nii", ("T1",)),
        ("T1,seg_path", "a.nii,m.nii", ("T1",)),
        ("T1,GroundTruth,gt", "a.nii,m.nii,m.nii", ("T1",)),
        ("T1,T2", "a.nii,", ("T1",)),  # without a file
        ("T1,T2", "a.nii,b.mgz", ("T1", "T2")),  # whose fault is told case by case
        ("T1,t2_date", "a.nii,2001-02-03", ("T1",)),
        ("DWI_b0,ADC", "d/a.nii.gz,d/b.nii", ("DWI_b0", "ADC")),
    ],
)
def test_which_columns_are_contrasts(tmp_path, header, cells, contrasts):
    (tmp_path / "v.csv").write_text(f"case,patient,label,label_name,{header}\nc,p,1,x,{cells}\n")
    assert contrast_columns(read_volumes(tmp_path / "v.csv")) == contrasts


@pytest.mark.parametrize(
    "column", ["T1", "FLAIR", "DWI", "magnitude", "MTR", "ADC", "flash", "PET", "SWI", "t1_masked"]
)
def test_names_of_contrasts_are_no_names_of_masks(column):
    assert not meant_for_mask(column)


def test_labels_as_spreadsheets_write_them(tmp_path):
    (tmp_path / "v.csv").write_text("Case;Patient;LABEL;label name;T1\nc;p;1,0;x;a.nii\n")
    table = read_volumes(tmp_path / "v.csv")
    assert table.whole_number(table.rows[0]["label"]) == 1
    (tmp_path / "v.csv").write_text("case,patient,label,label_name,T1\nc,p,1.5,x,a.nii\n")
    with pytest.raises(KgpError, match=r"has the label '1.5' for case c where a whole number is expected"):
        read_volumes(tmp_path / "v.csv")
