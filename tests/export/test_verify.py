import pytest

from export.comparison import BOUNDS, Bounds
from export.samples import run_samples
from export.verify import verify
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.runtime import load_runtime
from kgp.runtime.keras_run import KerasRun


def verified(run, export):
    """The comparison of an export with a run, both on the disk."""
    reference = KerasRun(run)
    return verify(reference, load_runtime(export), run_samples(reference.run, "validation"))


def test_an_export_of_another_run_is_refused(saved_model, tiny_run, tmp_path, monkeypatch):
    folder, _ = saved_model
    manifest = read_json(folder / "manifest.json")
    monkeypatch.setattr(
        "kgp.runtime.artifact.read_json",
        lambda path: {**manifest, "network": {**manifest["network"], "weights_sha256": "0" * 64}},
    )
    with pytest.raises(KgpError, match="was not exported from"):
        verified(tiny_run, folder)


def test_a_manifest_of_an_unknown_kind_is_refused(saved_model, tiny_run, monkeypatch):
    manifest = read_json(saved_model[0] / "manifest.json")
    monkeypatch.setattr("kgp.runtime.artifact.read_json", lambda path: {**manifest, "precision": "int4"})
    with pytest.raises(KgpError, match=r"unknown kind of export \(savedmodel, int4\)"):
        verified(tiny_run, saved_model[0])


def test_a_run_is_no_export(tiny_run):
    with pytest.raises(KgpError, match="is not an export"):
        verified(tiny_run, tiny_run)


def test_an_export_beyond_its_bounds_fails_and_says_in_what(litert_files, tiny_run, monkeypatch):
    path, _ = litert_files("float16")
    monkeypatch.setitem(BOUNDS, ("litert", "float16"), Bounds(difference=1e-12))
    with pytest.raises(KgpError, match=r"not equal to .*: the largest difference of the logits is"):
        verified(tiny_run, path)
