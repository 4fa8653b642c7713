import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.files import read_json, write_json
from kgp.heatmap.evidence import evidence_of_map
from kgp.runtime import load_runtime
from kgp.runtime.artifact import SIGNATURES, check_signatures, newest_version


@pytest.fixture
def version(saved_model, tmp_path):
    """A copy of the exported SavedModel that a test may spoil."""
    return shutil.copytree(saved_model[0], tmp_path / "tiny" / "1")


@pytest.fixture
def model(litert_files, tmp_path):
    """A copy of the exported float32 LiteRT file that a test may spoil."""
    path, _ = litert_files("float32")
    shutil.copy(path.with_name(f"{path.name}.json"), tmp_path)
    return shutil.copy(path, tmp_path)


@pytest.fixture(params=["saved model", "litert"])
def exported(request, saved_model, litert_files):
    return load_runtime(saved_model[0] if request.param == "saved model" else litert_files("float32")[0])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(4).uniform(0, 255, (18, 16, 16, 2)).astype(np.float32)


def test_exports_are_what_the_run_is(exported, tiny_run):
    run = load_runtime(tiny_run)
    assert exported.description == run.description
    assert exported.description == run.description


def test_exports_answer_as_the_run_does(exported, tiny_run, images):
    for actual, wanted in zip(exported.predict(images), load_runtime(tiny_run).predict(images), strict=True):
        assert actual.dtype == np.float32
        np.testing.assert_allclose(actual, wanted, atol=1e-4)


@pytest.mark.parametrize("class_index", [0, 1])
def test_evidence_is_that_of_the_run(exported, tiny_run, images, class_index):
    actual, wanted = (
        evidence_of_map(explanation.contributions[0, ..., class_index], explanation.constants[0, class_index])
        for explanation in (exported.explain(images[:1]), load_runtime(tiny_run).explain(images[:1]))
    )
    assert actual.logit == pytest.approx(wanted.logit, abs=1e-4)
    assert actual.constant == pytest.approx(wanted.constant, abs=1e-4)
    np.testing.assert_allclose(actual.contributions[:5], wanted.contributions[:5], atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 16, 16, 3), "takes slices with the 2 contrasts T1, FLAIR"),
        ((1, 24, 16, 2), "takes slices of 16 x 16 pixels, not 24 x 16"),
    ],
)
def test_other_slices_are_refused(exported, shape, message):
    with pytest.raises(KgpError, match=message):
        exported.predict(np.ones(shape, np.float32))
    with pytest.raises(KgpError, match=message):
        exported.explain(np.ones(shape, np.float32))


def test_nan_is_refused(exported):
    with pytest.raises(KgpError, match="not finite"):
        exported.predict(np.full((1, 16, 16, 2), np.nan, np.float32))


def test_the_newest_version_is_taken(version):
    (version.parent / "notes").mkdir()
    (version.parent / "0").mkdir()
    assert newest_version(version.parent) == version
    assert load_runtime(version.parent).name == str(version)
    assert newest_version(version.parent / "missing") is None


def test_a_truncated_litert_file_is_refused(model):
    with open(model, "r+b") as stream:
        stream.truncate(1000)
    with pytest.raises(KgpError, match=r"float32\.tflite is not the file that float32\.tflite\.json lists"):
        load_runtime(model)


def test_a_file_that_is_no_model_is_refused_even_with_its_checksum(model, monkeypatch):
    monkeypatch.setattr("kgp.files.sha256", lambda _: read_json(f"{model}.json")["files"]["float32.tflite"])
    Path(model).write_bytes(b"x" * Path(model).stat().st_size)
    with pytest.raises(KgpError, match="cannot be loaded as a LiteRT model"):
        load_runtime(model)


def test_a_litert_file_without_its_manifest_is_refused(model, tmp_path):
    (tmp_path / "float32.tflite.json").unlink()
    with pytest.raises(KgpError, match=r"float32\.tflite\.json is missing"):
        load_runtime(model)


def test_the_manifest_of_another_file_is_refused(model, tmp_path):
    shutil.copy(model, tmp_path / "other.tflite")
    shutil.copy(tmp_path / "float32.tflite.json", tmp_path / "other.tflite.json")
    with pytest.raises(KgpError, match=r"the manifest of another file than other\.tflite"):
        load_runtime(tmp_path / "other.tflite")


def test_a_file_that_the_manifest_does_not_list_is_refused(version):
    (version / "variables" / ".nfs1").touch()
    load_runtime(version)
    (version / "variables" / "more").touch()
    with pytest.raises(KgpError, match=r"variables/more is not listed in manifest\.json"):
        load_runtime(version)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "link"])
def test_a_file_outside_the_folder_is_refused(version, name):
    (version.parent / "outside").write_bytes(b"x")
    (version / "link").symlink_to(version.parent / "outside")
    manifest = read_json(version / "manifest.json")
    manifest["files"][name], manifest["sizes"][name] = "0" * 64, 1
    write_json(version / "manifest.json", manifest)
    with pytest.raises(KgpError, match="lists .*, which does not lie in"):
        load_runtime(version)


def test_a_file_of_another_size_is_refused_without_reading_it(version, monkeypatch):
    monkeypatch.setattr("kgp.files.sha256", lambda path: pytest.fail("it was read"))
    with open(version / "saved_model.pb", "r+b") as stream:
        stream.truncate(10**13)  # a file with a hole
    manifest = read_json(version / "manifest.json")
    keep = {"saved_model.pb"}
    for key in ("files", "sizes"):
        manifest[key] = {name: value for name, value in manifest[key].items() if name in keep}
    write_json(version / "manifest.json", manifest)
    with pytest.raises(KgpError, match=r"saved_model\.pb is not the file .*its size differs"):
        load_runtime(version)


def test_a_version_without_a_signature_is_refused():
    check_signatures(Path("1"), SIGNATURES)
    with pytest.raises(KgpError, match="1 has no signature describe"):
        check_signatures(Path("1"), SIGNATURES[:-1])


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_a_changed_saved_model_is_refused(version, name):
    with open(version / name, "ab") as stream:
        stream.write(b"x")
    with pytest.raises(KgpError, match=r"is not the file that manifest\.json lists"):
        load_runtime(version)


def test_a_saved_model_without_its_variables_is_refused(version):
    shutil.rmtree(version / "variables")
    with pytest.raises(KgpError, match="is missing, so the export cannot be used"):
        load_runtime(version)


def test_a_manifest_that_checks_nothing_is_refused(version):
    write_json(version / "manifest.json", {**read_json(version / "manifest.json"), "files": {}})
    with pytest.raises(KgpError, match="does not list the files of the export"):
        load_runtime(version)


def test_a_foreign_manifest_is_refused(version):
    write_json(version / "manifest.json", {"format": "other"})
    with pytest.raises(KgpError, match="not the manifest of an export"):
        load_runtime(version)


def test_a_missing_place_is_said_where_keras_is_missing_too(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kgp.runtime.keras_run", None)
    with pytest.raises(KgpError, match="nowhere is not a run folder: there is no such folder"):
        load_runtime(tmp_path / "nowhere")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(KgpError, match=r"no\.tflite is missing"):
        load_runtime(tmp_path / "no.tflite")
