"""kgp prepare: the command."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import kgp.data
from kgp import prepare
from kgp.data.cohort import read_cohort
from kgp.data.sources import phantom


@pytest.fixture
def data(tmp_path):
    """Three patients with a healthy and a tumour slice each, 8x8x3, with masks."""
    folder = tmp_path / "data"
    folder.mkdir()
    lines = ["id,image,mask,label,label_name,patient"]
    rng = np.random.default_rng(0)
    for number in range(6):
        cv2.imwrite(str(folder / f"i{number}.png"), rng.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        cv2.imwrite(str(folder / f"m{number}.png"), np.full((8, 8), 255 * (number % 2), np.uint8))
        label = number % 2
        lines.append(f"s{number},i{number}.png,m{number}.png,{label},{['none', 'glioma'][label]},p{number // 2}")
    (folder / "index.csv").write_text("\n".join(lines))
    return folder


def test_prepared_folder(data, tmp_path, capsys):
    out = tmp_path / "out"
    assert prepare.main([str(data), "--out", str(out), "--size", "4", "--contrasts", "T1", "FLAIR", "T1ce"]) == 0
    cohort = read_cohort(out)
    assert cohort.shape == (4, 4, 3) and cohort.contrasts == ("T1", "FLAIR", "T1ce")
    assert capsys.readouterr().out.splitlines() == [
        f"{out}: 6 slices of 3 patients, 4x4x3 float32 (T1, FLAIR, T1ce), 6 with a mask.",
        "  label 0 none: 3 slices of 3 patients",
        "  label 1 glioma: 3 slices of 3 patients",
    ]


def test_a_bad_slice_turns_the_exit_status_but_does_not_stop_the_rest(data, tmp_path, capsys):
    (data / "i2.png").write_bytes((data / "i2.png").read_bytes()[:50])
    out = tmp_path / "out"
    assert prepare.main([str(data), "--out", str(out)]) == 1
    assert len(read_cohort(out).rows) == 5
    assert "1 case(s) could not be read and are left out; the first: s2: " in capsys.readouterr().out


def test_check_of_good_data(data, capsys):
    assert prepare.main([str(data), "--check"]) == 0
    assert capsys.readouterr().out == f"0 error(s), 0 warning(s) in {data}.\n"


def test_check_lists_everything_errors_first(data, capsys):
    cv2.imwrite(str(data / "m1.png"), np.zeros((8, 8), np.uint8))
    (data / "m3.png").unlink()
    cv2.imwrite(str(data / "m5.png"), np.zeros((4, 4), np.uint8))
    assert prepare.main([str(data), "--check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"error: s3: {data / 'm3.png'} is missing.",
        f"error: s5: {data / 'm5.png'} is 4x4 where its slice is 8x8.",
        "warning: s1: has a tumour label but an empty mask.",
        "warning: label glioma: has 1 patient(s); 3 are needed for training, validation and test.",
        f"2 error(s), 2 warning(s) in {data}.",
    ]


def test_a_warning_does_not_turn_the_exit_status(data):
    cv2.imwrite(str(data / "m1.png"), np.zeros((8, 8), np.uint8))
    assert prepare.main([str(data), "--check"]) == 0


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        ([], 2, "kgp prepare: give --out DIR to prepare the data, --check to look them over, or --preview PNG.\n"),
        (["--phantom", "DATA", "--check"], 2, "--phantom goes without DATA"),
        (["DATA", "--check", "--size", "-1"], 2, "--size must be at least 0, not -1."),
        (["DATA", "--out", "OUT", "--preview", "a.jpg"], 2, "--preview writes a .png file, not 'a.jpg'."),
        (["DATA", "--out", "OUT", "--size", "50000"], 2, "--size must be at most 4096, not 50000."),
        (["DATA", "--out", "DATA", "--overwrite"], 1, "was not made by kgp prepare, so it is not replaced"),
        (["DATA", "--check", "--kind", "dicom"], 2, "--kind must be one of phantom, slices"),
        (["DATA", "--check", "--preset", "fast"], 2, "invalid choice: 'fast'"),
        (["DATA", "--out", "DATA"], 1, "exists already; name another folder or pass --overwrite."),
        (
            ["DATA", "--out", "OUT", "--contrasts", "T1"],
            1,
            "has slices of 3 channel(s), but 1 contrasts are named: T1.",
        ),
        (["OUT", "--check"], 1, "kgp prepare: No data found: "),
    ],
)
def test_mistakes_are_one_sentence(data, tmp_path, capsys, argv, status, message):
    places = {"DATA": str(data), "OUT": str(tmp_path / "out")}
    assert prepare.main([places.get(word, word) for word in argv]) == status
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_mixed_sizes(data, tmp_path, capsys):
    cv2.imwrite(str(data / "i4.png"), np.ones((8, 6, 3), np.uint8) * np.arange(6, dtype=np.uint8)[:, None])
    cv2.imwrite(str(data / "m4.png"), np.zeros((8, 6), np.uint8))
    assert prepare.main([str(data), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.endswith(
        "kgp prepare: The slices are of mixed sizes (8x8 and 8x6, slice s4); give --size to bring them to one.\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_full_disk(data, tmp_path, capsys, monkeypatch):
    def write_bytes(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    assert prepare.main([str(data), "--out", str(tmp_path / "out")]) == 1
    assert "kgp prepare: no space left on the disk while writing" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


@pytest.mark.parametrize("out", [False, True])
def test_preview_of_what_training_would_see(data, tmp_path, monkeypatch, capsys, out):
    drawn = []
    preview = type(sys)("kgp.training.preview")
    preview.write_preview = lambda cohort, path, config: drawn.append((cohort, path, config))
    monkeypatch.setitem(sys.modules, "kgp.training.preview", preview)
    monkeypatch.setattr(kgp.data, "preview", preview, raising=False)
    options = ["--out", str(tmp_path / "out")] if out else ["--cache", str(tmp_path / "cache")]
    options += ["--preset", "paper", "--size", "8"]
    assert prepare.main([str(data), "--preview", str(tmp_path / "p.png"), *options]) == 0
    ((cohort, path, config),) = drawn
    assert cohort.folder.parent == tmp_path / ("" if out else "cache")
    assert (path, config.preset, cohort.shape) == (tmp_path / "p.png", "paper", (8, 8, 3))
    assert f"Preview: {tmp_path / 'p.png'}" in capsys.readouterr().out


def test_the_phantom_is_checked_prepared_and_drawn(tmp_path, capsys, monkeypatch):
    small = phantom.PhantomSource(patients=3, size=32, slices=2)
    monkeypatch.setattr(phantom, "PhantomSource", lambda: small)
    out, sheet = tmp_path / "out", tmp_path / "sheet.png"
    assert prepare.main(["--phantom", "--check", "--out", str(out), "--preview", str(sheet)]) == 0
    assert len(read_cohort(out).rows) == 6
    assert cv2.imread(str(sheet)).shape[1] > 100
    assert "0 error(s)" in (printed := capsys.readouterr().out) and "in the phantom." in printed
    again = ["--preview", str(sheet), "--cache", str(tmp_path / "cache")]
    assert prepare.main([str(out), *again]) == 0 and not (tmp_path / "cache").exists()


def test_a_name_that_is_no_text(data, capsys):
    raw = os.fsencode(data / "i") + b"\xfc.mat"
    (data / "index.csv").unlink()
    with open(raw, "wb"):
        pass
    assert prepare.main([str(data), "--check"]) == 1
    assert capsys.readouterr().out.startswith("error: i?: ")


def test_help_and_mistakes_do_not_import_tensorflow():
    code = (
        "import sys\nfrom kgp import prepare\nprepare.main(['--help'])\nprepare.main([])\n"
        "sys.exit(any(name.split('.')[0] in ('tensorflow', 'keras', 'cv2') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "--preview PNG" in done.stdout


def test_check_shows_how_far_it_is(data, caplog):
    caplog.set_level("INFO")
    assert prepare.main([str(data), "--check"]) == 0
    assert "Checked 6 of 6 cases, 0 s left." in caplog.text


def class_folders(folder):
    """Six pictures in class folders, all of them different."""
    rng = np.random.default_rng(0)
    for name in ("yes/1", "yes/2", "yes/3", "no/1", "no/2", "no/3"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / f"{name}.png"), rng.integers(0, 256, (8, 8)).astype(np.uint8))
    return folder


@pytest.mark.parametrize("order", ["DATA --make-table", "--make-table DATA"])
def test_a_table_of_another_layout(tmp_path, capsys, order):
    data = class_folders(tmp_path / "mri")
    words = [str(data) if word == "DATA" else word for word in order.split()]
    assert prepare.main(words) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{data} is read as pictures in class folders.\n") and "PATIENTS ARE NOT KNOWN" in printed
    assert (
        (data / "index.csv")
        .read_text()
        .startswith("id,image,label,label_name,patient\nno/1.png,no/1.png,0,no_tumour,\n")
    )
    assert prepare.main(words) == 1 and "exists already" in capsys.readouterr().err
    assert prepare.main([*words, "--overwrite"]) == 0
    assert prepare.main([str(data), "--check"]) == 1 and "has no patient in any line" in capsys.readouterr().err


def test_a_table_with_a_name_of_its_own(tmp_path, capsys):
    data = class_folders(tmp_path / "mri")
    assert prepare.main([str(data), "--make-table", str(tmp_path / "index.csv")]) == 0
    assert "mri/no/1.png" in (tmp_path / "index.csv").read_text()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--make-table"], 2, "--make-table needs DATA, the folder to make a table of."),
        (["mri", "--make-table", "--check"], 2, "--make-table goes without --out, --check, --preview and --phantom"),
        (["mri", "--make-table", "x.json"], 2, "--make-table writes a .csv file, not 'x.json'."),
        (["nowhere", "--make-table"], 1, "No data found: nowhere is not a folder."),
        (["empty", "--make-table"], 1, "No table can be made of empty: expected folders of pictures by class"),
    ],
)
def test_tables_that_are_not_made(tmp_path, capsys, monkeypatch, words, status, message):
    monkeypatch.chdir(tmp_path)
    class_folders(tmp_path / "mri")
    (tmp_path / "empty").mkdir()
    assert prepare.main(words) == status
    assert capsys.readouterr().err.startswith(f"kgp prepare: {message}")
