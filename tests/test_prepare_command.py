"""The command kgp prepare."""

import re

import cv2
import numpy as np
import pytest

from kgp.data.cohort import read_cohort
from kgp.data.sources import phantom
from kgp.files import read_json
from kgp.prepare import main

LABELS = ["healthy", "tumour"]


@pytest.fixture
def data(tmp_path):
    """A folder of six slices of three patients, without a flaw."""
    folder = tmp_path / "data"
    folder.mkdir()
    lines = ["id,image,label,label_name,patient"]
    for number in range(6):
        image = np.random.default_rng(number).integers(0, 99, (16, 16, 2)).astype(np.uint8)
        np.save(folder / f"{number}.npy", image)
        lines.append(f"s{number},{number}.npy,{number % 2},{LABELS[number % 2]},p{number // 2}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def small_phantom(monkeypatch):
    source = phantom.PhantomSource(patients=3, size=32, slices=2)
    monkeypatch.setattr(phantom, "PhantomSource", lambda: source)


def test_prepares_and_says_what(data, tmp_path, capsys):
    assert main([str(data), "--out", str(tmp_path / "out"), "--size", "8", "--contrasts", "T1", "T2"]) == 0
    cohort = read_cohort(tmp_path / "out")
    assert (cohort.shape, cohort.contrasts, len(cohort.rows)) == ((8, 8, 2), ("T1", "T2"), 6)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("out: 6 slices of 3 patients, 8x8x2 float32 (T1, T2), 0 with a mask.")
    assert lines[1:] == ["  label 0 healthy: 3 slices of 3 patients", "  label 1 tumour: 3 slices of 3 patients"]


def test_a_case_left_out_is_said_and_told_by_the_status(data, tmp_path, capsys):
    (data / "3.npy").write_bytes(b"")
    assert main([str(data), "--out", str(tmp_path / "out")]) == 1
    assert "1 case(s) could not be read and are left out; the first: s3: " in capsys.readouterr().out
    assert len(read_json(tmp_path / "out" / "cohort.json")["unreadable"]) == 1


def test_check_without_and_with_findings(data, capsys):
    assert main([str(data), "--check"]) == 0
    assert capsys.readouterr().out == f"0 error(s), 0 warning(s) in {data}.\n"
    (data / "3.npy").unlink()
    np.save(data / "4.npy", np.zeros((16, 16, 2)))
    assert main([str(data), "--check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("error: s3: ") and lines[0].endswith("3.npy is missing.")
    assert "warning: s4: is black (of one value all over) and will be left out." in lines
    assert lines[-1] == f"1 error(s), 2 warning(s) in {data}."


def test_warnings_alone_are_no_failure(data):
    np.save(data / "4.npy", np.zeros((16, 16, 2)))
    assert main([str(data), "--check"]) == 0


def test_the_phantom_is_checked_prepared_and_drawn(tmp_path, capsys, small_phantom):
    out, sheet = tmp_path / "out", tmp_path / "sheet.png"
    assert main(["--phantom", "--check", "--out", str(out), "--preview", str(sheet)]) == 0
    assert len(read_cohort(out).rows) == 6
    assert cv2.imread(str(sheet)).shape[1] > 100
    printed = capsys.readouterr().out
    assert "0 error(s)" in printed and "in the phantom." in printed and f"Preview: {sheet}" in printed


def test_a_preview_alone_keeps_its_slices_in_the_cache(data, tmp_path):
    options = [str(data), "--preview", str(tmp_path / "a.png"), "--cache", str(tmp_path / "cache"), "--preset", "paper"]
    assert main(options) == 0
    assert (tmp_path / "a.png").is_file() and len(list((tmp_path / "cache").iterdir())) == 1


def test_a_preview_of_a_prepared_folder(tiny_cohort, tmp_path):
    assert main([str(tiny_cohort.folder), "--preview", str(tmp_path / "a.png"), "--cache", str(tmp_path / "c")]) == 0
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --out DIR to prepare the data, --check to look them over, or --preview PNG"),
        (["--phantom", "--check"], "--phantom goes without DATA, but .*data is given"),
        (["--check", "--size", "-1"], "--size must be at least 0, not -1"),
        (["--check", "--kind", "dicom"], "--kind must be one of phantom, slices"),
        (["--preview", "a.jpg", "--cache", "{tmp}"], "--preview writes a .png file, not 'a.jpg'"),
    ],
)
def test_bad_usage(data, tmp_path, capsys, options, message):
    assert main([str(data), *(option.format(tmp=tmp_path / "c") for option in options)]) == 2
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert complaint.startswith("kgp prepare: ") and re.search(message, complaint)


def test_failures_are_one_sentence(data, tmp_path, capsys):
    assert main([str(tmp_path / "nowhere"), "--check"]) == 1
    assert "kgp prepare: No data found: " in capsys.readouterr().err
    (tmp_path / "out").mkdir()
    assert main([str(data), "--out", str(tmp_path / "out")]) == 1
    assert "exists already; name another folder or pass --overwrite." in capsys.readouterr().err


def test_the_data_are_never_replaced_by_what_is_made_of_them(data, capsys):
    assert main([str(data), "--out", str(data), "--overwrite"]) == 1
    assert "was not made by kgp prepare, so it is not replaced" in capsys.readouterr().err
    assert len(list(data.iterdir())) == 7
