"""kgp.data.run_data: a run finds its data again, wherever they and it lie."""

import os
import shlex
import shutil

import numpy as np
import pytest

from kgp import evaluate, explain
from kgp.data.cache import cached_cohort
from kgp.data.parts import part_of_run
from kgp.data.run_data import cohort_from, cohort_of_run, difference
from kgp.default_cache import default_cache
from kgp.errors import KgpError
from kgp.files import read_json, read_table, write_json, write_table
from kgp.run_folder import read_run, refresh_manifest

NAMES = ("T1", "FLAIR")


@pytest.fixture
def slices(tiny_cohort, tmp_path):
    """The tiny cohort as a user has it: a folder with index.csv."""
    folder = tmp_path / "here" / "SLICES"
    shutil.copytree(tiny_cohort.folder / "slices", folder / "slices")
    shutil.copytree(tiny_cohort.folder / "masks", folder / "masks")
    names = ("id", "image", "mask", "label", "label_name", "patient")
    write_table([{name: getattr(row, name) for name in names} for row in tiny_cohort.rows], folder / "index.csv")
    return folder


@pytest.fixture
def run(tiny_run, slices, tmp_path):
    """The tiny run as if it had been trained on `slices`, with their prepared cohort in a cache."""
    folder = shutil.copytree(tiny_run, tmp_path / "here" / "run")
    cohort = cached_cohort(slices, size=0, cache=tmp_path / "here" / "cache", contrasts=NAMES)
    source = {"data": str(slices), "csv": None, "cache": str(cohort.folder.parent), "kind": "slices"}
    config = read_json(folder / "config.json")
    config["data"]["contrasts"] = list(NAMES)
    write_json(folder / "config.json", config)
    write_json(folder / "source.json", source)
    recorded = {"data": str(cohort.folder), "data_name": "SLICES", "data_content": cohort.content}
    write_json(folder / "manifest.json", read_json(folder / "manifest.json") | recorded)
    refresh_manifest(folder)
    return folder


@pytest.fixture
def there(run, slices, tmp_path):
    """Run and data on another machine: other paths, other times, no prepared slices."""
    shutil.copytree(slices, tmp_path / "there" / "moved")
    shutil.copytree(run, tmp_path / "there" / "run")
    for path in (tmp_path / "there").rglob("*"):
        os.utime(path, (1e9, 1e9))
    shutil.rmtree(tmp_path / "here")
    yield tmp_path / "there"
    shutil.rmtree(default_cache(), ignore_errors=True)


def test_the_same_figures_on_another_machine(run, slices, tmp_path, caplog):
    assert evaluate.main([str(run), "--out", str(tmp_path / "before")]) == 0
    shutil.copytree(slices, tmp_path / "there" / "moved")
    shutil.copytree(run, tmp_path / "there" / "run")
    shutil.rmtree(tmp_path / "here")
    words = [str(tmp_path / "there" / "run"), "--data", str(tmp_path / "there" / "moved"), "--part", "test"]
    assert evaluate.main([*words, "--cache", str(tmp_path / "c")]) == 0
    assert "content" not in caplog.text
    after = tmp_path / "there" / "run" / "evaluations" / "test"
    for name in ("metrics.json", "predictions.csv"):
        assert (after / name).read_bytes() == (tmp_path / "before" / name).read_bytes()
    facts = read_json(after / "metrics.json")["facts"]
    assert (facts["data"], facts["part"]) == ("SLICES", "test (split by patient)")


def test_the_error_tells_the_command_and_afterwards_the_run_has_its_data(there, capsys):
    assert evaluate.main([str(there / "run")]) == 1
    message = capsys.readouterr().err
    words = shlex.split(message.split("SLICES lies now: kgp evaluate ")[1].strip())
    assert words == [str(there / "run"), "--data", "/path/to/SLICES", "--part", "test"]
    words[2] = str(there / "moved")
    assert evaluate.main(words) == 0
    # What was prepared now lies in the cache and is found by its content.
    assert explain.main([str(there / "run"), "--id", "p00_1", "--out", str(there / "p00.png")]) == 0
    assert evaluate.main([str(there / "run"), "--part", "validation"]) == 0
    assert cohort_of_run(read_run(there / "run")).name == "SLICES"


def test_where_the_data_still_are_the_command_names_them(run, slices, capsys):
    shutil.rmtree(run.parent / "cache")
    assert evaluate.main([str(run), "--part", "validation"]) == 1
    assert capsys.readouterr().err.endswith(f"kgp evaluate {run} --data {slices} --part validation\n")


def test_a_prepared_folder_is_data_too(run, slices, tmp_path):
    from kgp import prepare

    assert prepare.main([str(slices), "--out", str(tmp_path / "p"), "--contrasts", *NAMES]) == 0
    cohort = cohort_from(read_run(run), tmp_path / "p")
    assert cohort.folder == tmp_path / "p" and difference(read_run(run), cohort) == ""


def test_the_recorded_folder_replaced_by_others(run, slices, tmp_path, caplog):
    shutil.move(run.parent / "cache", default_cache())
    recorded = read_run(run).data
    (slices / "index.csv").write_text((slices / "index.csv").read_text().replace(",p09", ",p08"))
    other = cached_cohort(slices, size=0, cache=tmp_path / "c", contrasts=NAMES)
    shutil.copytree(other.folder, recorded)
    found = cohort_of_run(read_run(run))
    assert found.folder.parent == default_cache() and caplog.text == ""
    shutil.rmtree(default_cache())
    assert str(cohort_of_run(read_run(run)).folder) == recorded
    assert "SLICES: the content differs from that of the data of the training." in caplog.text


def test_data_that_changed(there, caplog):
    image = np.load(there / "moved" / "slices" / "p00_0.npy")
    np.save(there / "moved" / "slices" / "p00_0.npy", image + 1)
    words = [str(there / "run"), "--data", str(there / "moved"), "--part", "test"]
    assert evaluate.main(words) == 0
    assert f"{there / 'moved'}: the content differs from that of the data of the training." in caplog.text
    facts = read_json(there / "run" / "evaluations" / "test" / "metrics.json")["facts"]
    assert facts["data"] == "moved"
    assert facts["caution"] == "the content differs from that of the data of the training"


def test_slices_that_are_missing(there, capsys):
    test = [row["id"] for row in read_table(there / "run" / "split.csv").rows if row["part"] == "test"]
    rows = read_table(there / "moved" / "index.csv").rows
    write_table([row for row in rows if row["id"] not in test[:3]], there / "moved" / "index.csv")
    assert evaluate.main([str(there / "run"), "--data", str(there / "moved"), "--part", "test"]) == 1
    message = capsys.readouterr().err
    assert f"lacks slice '{test[0]}'" in message and "of the 4 slices of the test part 3 are missing." in message


def test_the_part_alone_is_enough(there):
    test = [row["id"] for row in read_table(there / "run" / "split.csv").rows if row["part"] == "test"]
    rows = read_table(there / "moved" / "index.csv").rows
    write_table([row for row in rows if row["id"] in test], there / "moved" / "index.csv")
    trained = read_run(there / "run")
    cohort, chosen, targets = part_of_run(trained, "test", cohort_from(trained, there / "moved"))
    assert [row.id for row in chosen] == test and targets == tuple(row.label for row in chosen)


@pytest.mark.parametrize(
    ("column", "old", "new", "message"),
    [
        ("patient", None, "somebody", "the person 'somebody' where"),
        ("label_name", "tumour", "lesion", "are missing"),
        ("label", "1", "0", "calls label 0 both"),
    ],
)
def test_persons_and_classes_that_differ(there, column, old, new, message, capsys):
    rows = read_table(there / "moved" / "index.csv").rows
    changed = [row | {column: new} if old in (None, row[column]) else row for row in rows]
    write_table(changed, there / "moved" / "index.csv")
    assert evaluate.main([str(there / "run"), "--data", str(there / "moved"), "--part", "test"]) == 1
    assert message in capsys.readouterr().err


def test_slices_of_another_shape_or_with_other_contrasts(there):
    trained = read_run(there / "run")
    with pytest.raises(KgpError, match=r"has slices of 16x16 \(T1, T2\) where .* was trained on 16x16 \(T1, FLAIR\)"):
        cohort_from(trained, there / "moved", contrasts=("T1", "T2"))


def test_the_table_of_the_training(there, tmp_path, monkeypatch):
    trained = read_run(there / "run")
    tables = []

    def noted(data, *, csv, kind, **_):
        tables.append((csv, kind))
        return cohort_of

    cohort_of = cohort_from(trained, there / "moved")
    monkeypatch.setattr("kgp.data.run_data.cached_cohort", noted)
    recorded = read_json(trained.folder / "source.json")
    write_json(trained.folder / "source.json", recorded | {"csv": f"{recorded['data']}/sub/t.csv"})
    cohort_from(trained, there / "moved")
    (tmp_path / "t.csv").touch()
    write_json(trained.folder / "source.json", recorded | {"csv": str(tmp_path / "t.csv")})
    cohort_from(trained, there / "moved")
    cohort_from(trained, there / "moved", csv=tmp_path / "u.csv", kind="nifti")
    assert tables == [
        (there / "moved" / "sub" / "t.csv", "slices"),
        (tmp_path / "t.csv", "slices"),
        (tmp_path / "u.csv", "nifti"),
    ]
    (tmp_path / "t.csv").unlink()
    with pytest.raises(KgpError, match=r"read the table .*t.csv, which is not here; say with --csv where it lies now"):
        cohort_from(trained, there / "moved")


def test_the_phantom_is_drawn_again(run, monkeypatch):
    from kgp.data.sources import phantom

    small = phantom.PhantomSource(patients=2, size=32, slices=2)
    monkeypatch.setattr(phantom, "PhantomSource", lambda: small)
    config = read_json(run / "config.json")
    config["data"]["contrasts"] = []
    write_json(run / "config.json", config)
    write_json(run / "source.json", read_json(run / "source.json") | {"data": None, "kind": None})
    refresh_manifest(run)
    shutil.rmtree(run.parent / "cache")
    assert len(cohort_of_run(read_run(run)).rows) == 4
    shutil.rmtree(default_cache())


def test_slices_prepared_by_an_earlier_version_are_not_compared(run, caplog):
    trained = read_run(run)
    header = read_json(f"{trained.data}/cohort.json")
    del header["content"]
    write_json(f"{trained.data}/cohort.json", header)
    assert len(part_of_run(trained, "test")[1]) == 4
    assert "SLICES: prepared by an earlier version, so not compared with the data of the training." in caplog.text


def test_a_run_of_an_earlier_version_has_nothing_to_compare(run, caplog):
    manifest = read_json(run / "manifest.json")
    del manifest["data_name"], manifest["data_content"]
    write_json(run / "manifest.json", manifest)
    assert cohort_of_run(read_run(run)).name == "SLICES"
    assert caplog.text == ""
    write_json(run / "source.json", read_json(run / "source.json") | {"data": None})
    assert read_run(run).data_name == "the built-in phantom"
    (run / "source.json").unlink()
    assert read_run(run).data_name.startswith("SLICES-")
