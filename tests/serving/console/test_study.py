"""serving.console.study: a study in, its findings out, on the grid of the study."""

import csv
import dataclasses
import logging
import os
import signal
import subprocess
import sys
import zipfile

import highdicom
import nibabel
import numpy as np
import pydicom
import pytest

from kgp.errors import KgpError, UsageError
from kgp.files import read_json
from kgp.heatmap.reading import Reading
from kgp.prediction.stack import predict_stack
from kgp.runtime import load_runtime
from kgp.scans.volume import axial_slices
from serving.console.study import load_console, run_study

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(params=["axial", "sagittal", "coronal", "oblique", "negated column", "negated row"])
def orientation(request):
    return request.param


def change_network(loaded, **changes):
    """Gives a console's network other classes or readings."""
    loaded.runtime.description = dataclasses.replace(loaded.runtime.description, **changes)


def whole_indices(places, affine):
    """Voxel indices, whole numbers, of positions [N, 3] in millimetres under an affine."""
    indices = (places - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    np.testing.assert_allclose(indices, np.round(indices), atol=1e-3)
    return np.round(indices).astype(int)


def on_source(volume, made):
    """Values of a highdicom volume on the study's (slice, row, column) grid; 0 elsewhere."""
    indices = np.argwhere(np.ones(volume.array.shape, bool))
    places = indices @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    column, row, index = whole_indices(places, RAS @ made.affine).T
    values = np.zeros(made.lesion.shape, volume.array.dtype)
    values[index, row, column] = volume.array.reshape(-1)
    return values


@pytest.mark.parametrize("enhanced", [False, True])
def test_every_pixel_comes_back_to_its_place(phantom_study, console, tmp_path, orientation, enhanced):
    made = phantom_study(orientation)
    study = made.write(tmp_path / "study", enhanced=enhanced)
    run_study(study, console(3.0 if enhanced else 1.5), tmp_path / "out", fractional=True)
    flair = made.pixels["FLAIR"].astype(np.float32)
    heatmap = ((2 * flair - 5) / 100 - 3.0 if enhanced else flair / 100 - 1.5).astype(np.float32)

    nifti = nibabel.load(tmp_path / "out" / "mask.nii.gz")
    np.testing.assert_allclose(nifti.affine, made.affine, atol=1e-5)
    np.testing.assert_array_equal(np.asarray(nifti.dataobj).transpose(2, 1, 0), made.lesion)
    nifti = nibabel.load(tmp_path / "out" / "heatmap.nii.gz")
    np.testing.assert_allclose(np.asarray(nifti.dataobj).transpose(2, 1, 0), heatmap, atol=1e-5)

    segmentation = highdicom.seg.segread(tmp_path / "out" / "dicom" / "segmentation.dcm")
    mask = segmentation.get_volume(combine_segments=True)
    np.testing.assert_array_equal(on_source(mask, made), made.lesion)
    parametric = highdicom.pm.ParametricMap.from_dataset(pydicom.dcmread(tmp_path / "out" / "dicom" / "heatmap.dcm"))
    np.testing.assert_allclose(on_source(parametric.get_volume(), made), heatmap, atol=1e-5)
    uids = {header.SOPInstanceUID for header in headers(study / "FLAIR")}
    assert {
        one.ReferencedSOPInstanceUID for one in segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    } == uids
    assert (tmp_path / "out" / "dicom" / "segmentation_fractional.dcm").is_file()


def headers(folder):
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted(folder.rglob("*")) if path.is_file()]


def comments(report):
    """All text of a report."""
    found = [item.TextValue for item in report.get("ContentSequence", []) if item.ValueType == "TEXT"]
    return found + [text for item in report.get("ContentSequence", []) for text in comments(item)]


def test_what_is_written(phantom_study, console, tmp_path):
    made = phantom_study()
    done = []
    summary = run_study(
        made.write(tmp_path / "study"), console(), tmp_path / "out", progress=lambda *counts: done.append(counts)
    )
    assert done == [(index, 6) for index in range(1, 7)]
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"mask.nii.gz", "heatmap.nii.gz", "slices.csv", "overlay.png", "summary.json", "dicom"}
    paths = [tmp_path / "out", *(tmp_path / "out").rglob("*")]
    assert {(path.is_dir(), path.stat().st_mode & 0o777) for path in paths} == {(True, 0o700), (False, 0o600)}
    captures = [f"capture_{number:03d}.dcm" for number in range(1, 7)]
    assert summary["dicom"] == ["segmentation.dcm", "heatmap.dcm", "report.dcm", *captures]
    assert read_json(tmp_path / "out" / "summary.json") == summary
    assert summary["tumour_found"] and summary["slices_by_class"] == {"no_tumour": 3, "tumour": 3}
    assert summary["mask_volume_mm3"] == pytest.approx(made.lesion.sum() * 1.5 * 0.75 * 3.25, abs=0.06)
    assert summary["reference"] == "FLAIR" and summary["series"]["FLAIR"]["series"] == 4
    assert summary["series"]["T1"]["description"] == "t1 tra"
    assert summary["series"]["T1"]["why"] == "its description says so"
    text = comments(pydicom.dcmread(tmp_path / "out" / "dicom" / "report.dcm"))
    assert "T1 is series 3 't1 tra': its description says so." in text
    assert set(summary["seconds"]) == {"read", "first_slice", "infer", "write"}
    assert summary["model"] == {"name": "bright", "version": "0.1.0", "sha256": "ab" * 32}
    with open(tmp_path / "out" / "slices.csv", newline="") as stream:
        assert [line["slice"] for line in csv.DictReader(stream)] == list("012345")
    assert pydicom.dcmread(tmp_path / "out" / "dicom" / "capture_004.dcm").pixel_array.shape[1:] == (2 * 288, 3)


def test_no_tumour_found(phantom_study, console, tmp_path):
    study = phantom_study().write(tmp_path / "study")
    summary = run_study(study, console(9.0), tmp_path / "out", empty_segmentation=True)
    assert not summary["tumour_found"] and summary["slices_with_mask"] == 0
    assert summary["dicom"][:2] == ["segmentation.dcm", "heatmap.dcm"]  # it was asked for
    assert not np.asarray(nibabel.load(tmp_path / "out" / "mask.nii.gz").dataobj).any()
    text = " ".join(comments(pydicom.dcmread(tmp_path / "out" / "dicom" / "report.dcm")))
    assert "No tumour found: none of 6 slices was called one" in text


def test_a_series_that_is_not_axial_says_how_it_was_read(phantom_study, console, tmp_path):
    summary = run_study(phantom_study("sagittal").write(tmp_path / "study"), console(), tmp_path / "out")
    assert summary["slices"] == 20 and summary["slices_by_class"]["tumour"] == made_rows(phantom_study)
    text = " ".join(comments(pydicom.dcmread(tmp_path / "out" / "dicom" / "report.dcm")))
    assert "Called tumour: 3 of 6 slices were called a tumour" in text and "the model read axial cuts" in text
    run_study(phantom_study("sagittal").write(tmp_path / "none"), console(9.0), tmp_path / "out2")
    text = " ".join(comments(pydicom.dcmread(tmp_path / "out2" / "dicom" / "report.dcm")))
    assert "No tumour found: none of 6 slices was called one" in text


def made_rows(phantom_study):
    """Rows of the source, each an axial cut of a sagittal series, that the lesion lies in."""
    return int(phantom_study().lesion.any(axis=(0, 2)).sum())


def test_a_tumour_without_a_mask_is_still_told_of(phantom_study, console, tmp_path, orientation):
    """Where the reading leaves no mask, the slices of the evidence points stand for the call."""
    loaded = console()
    change_network(loaded, readings={"zero": Reading(map="margin", rule="fixed", value=1e6)})
    summary = run_study(phantom_study(orientation).write(tmp_path / "study"), loaded, tmp_path / "out")
    assert summary["tumour_found"] and summary["slices_with_mask"] == 0
    assert "segmentation.dcm" not in summary["dicom"]
    text = " ".join(comments(pydicom.dcmread(tmp_path / "out" / "dicom" / "report.dcm")))
    assert "Called tumour" in text and "No region could be segmented" in text


def test_a_series_between_all_axes(phantom_study, console, tmp_path):
    made = phantom_study()
    half = np.sqrt(0.5)
    made.cosines = np.array([half, half, 0, -half, half, 0])
    with pytest.raises(KgpError, match="lies too obliquely to cut axial slices: a voxel axis is 45 degrees off"):
        run_study(made.write(tmp_path / "study"), console(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_slices_without_a_picture(phantom_study, console, tmp_path):
    made = phantom_study()
    for pixels in made.pixels.values():
        pixels[0] = 0
    summary = run_study(made.write(tmp_path / "study"), console(), tmp_path / "out")
    assert summary["empty_mask_reasons"] == {"black_slice": 1, "no_tumour": 2}
    for pixels in made.pixels.values():
        pixels[:] = 0
    with pytest.raises(KgpError, match="The study shows nothing: every pixel is 0"):
        run_study(made.write(tmp_path / "black"), console(), tmp_path / "out2")


def test_a_model_without_a_class_for_no_tumour(phantom_study, console, tmp_path):
    made = phantom_study()
    for pixels in made.pixels.values():
        pixels[0] = 0
    loaded = console()
    change_network(loaded, no_tumour_class=None, class_names=("glioma", "meningioma"))
    run_study(made.write(tmp_path / "study"), loaded, tmp_path / "out")
    text = " ".join(comments(pydicom.dcmread(tmp_path / "out" / "dicom" / "report.dcm")))
    assert "of 6 slices were called a tumour" in text


def test_nothing_names_the_patient(phantom_study, console, tmp_path, caplog, capfd):
    with caplog.at_level(logging.DEBUG):
        run_study(phantom_study().write(tmp_path / "study"), console(), tmp_path / "out")
    texts = [(tmp_path / "out" / name).read_text() for name in ("summary.json", "slices.csv")]
    told = caplog.text + "".join(capfd.readouterr()) + "".join(texts)
    assert "FLAIR is series 4, 6 slices: its description says so." in told
    assert "t2 flair tra" not in caplog.text
    for secret in ("Secret", "Phantom", "PHANTOM-7", "19700102"):
        assert secret not in told


def test_the_same_uids_on_request(phantom_study, console, tmp_path):
    study = phantom_study().write(tmp_path / "study")
    other = phantom_study().write(tmp_path / "other", changes={("T1", 2): {"SOPInstanceUID": "1.2.3"}})
    found = {}
    for name, source in (("a", study), ("b", study), ("c", other)):
        run_study(source, console(), tmp_path / name, deterministic=True)
        found[name] = [header.SOPInstanceUID for header in headers(tmp_path / name / "dicom")]
    assert found["a"] == found["b"] and not set(found["a"]) & set(found["c"])


def test_a_study_that_may_be_incomplete_and_the_whole_one_after_it(phantom_study, console, tmp_path):
    study = phantom_study().write(tmp_path / "study")
    summary = run_study(study, console(), tmp_path / "first", incomplete=True)
    assert summary["may_be_incomplete"]
    assert summary["remark"] == "The association that sent this study was aborted, so images may be missing."
    first = pydicom.dcmread(tmp_path / "first" / "dicom" / "report.dcm")
    assert summary["remark"] in " ".join(comments(first))
    for later, source, named in (
        ("told", [study], {"predecessor": tmp_path / "first" / "dicom" / "report.dcm"}),
        ("found", [study, tmp_path / "first" / "dicom"], {}),  # as an archive gives it back
    ):
        summary = run_study(source, console(), tmp_path / later, **named)
        assert (summary["may_be_incomplete"], summary["remark"]) == (False, "")
        report = pydicom.dcmread(tmp_path / later / "dicom" / "report.dcm")
        references = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
        assert [one.ReferencedSOPInstanceUID for one in references] == [first.SOPInstanceUID]
        assert "may be missing" not in " ".join(comments(report))


def test_one_console_for_many_studies(phantom_study, console, tmp_path):
    loaded = console()
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        for path in phantom_study(seed=1).write(tmp_path / "b").rglob("IM*"):
            archive.write(path, f"{path.parent.name}/{path.name}")
    run_study(phantom_study(seed=0).write(tmp_path / "a"), loaded, tmp_path / "out_a")
    (tmp_path / "c").mkdir()
    with pytest.raises(KgpError, match="holds no MR image"):
        run_study(tmp_path / "c", loaded, tmp_path / "out_c")
    run_study(tmp_path / "b.zip", loaded, tmp_path / "out_b")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b", "c", "b.zip", "out_a", "out_b"}
    study = headers(tmp_path / "out_b" / "dicom")[0].StudyInstanceUID
    assert study == headers(tmp_path / "b")[0].StudyInstanceUID


def test_an_earlier_result_is_kept(phantom_study, console, tmp_path):
    study = phantom_study().write(tmp_path / "study")
    (tmp_path / "out").mkdir()
    with pytest.raises(KgpError, match="out exists already; name another folder"):
        run_study(study, console(), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


# With a real LiteRT file.


def test_a_litert_file_answers_as_its_runtime_does(phantom_study, litert_files, tmp_path):
    model = litert_files("float32")[0]
    loaded = load_console(model)
    assert loaded.reference == "FLAIR" and loaded.model["sha256"] == loaded.runtime.manifest["files"][model.name]
    made = phantom_study("sagittal")
    run_study(made.write(tmp_path / "study"), loaded, tmp_path / "out")
    volume = nibabel.load(tmp_path / "out" / "heatmap.nii.gz")
    intensities = np.stack([made.pixels[name].transpose(2, 1, 0) for name in ("T1", "FLAIR")], axis=-1)
    from kgp.scans.volume import Volume, to_volume

    source = Volume(intensities.astype(np.float32), made.affine, ("T1", "FLAIR"))
    stack, spacing = axial_slices(source)
    network = loaded.runtime.description
    alone = predict_stack(load_runtime(model), stack, network.readings[network.default_reading], spacing)
    np.testing.assert_allclose(np.asarray(volume.dataobj), to_volume(alone.maps, source), atol=1e-5)


def test_models_that_cannot_be_used(tmp_path):
    with pytest.raises(UsageError, match=r"--model takes a .tflite file, not model.h5"):
        load_console(tmp_path / "model.h5")
    with pytest.raises(KgpError, match=r"model.tflite is missing"):
        load_console(tmp_path / "model.tflite")


CHILD = """
import sys, time
import serving.dicom_output.writer
written = serving.dicom_output.writer.write_dicom
def waiting(*arguments, **options):
    names = written(*arguments, **options)
    print("written", flush=True)
    time.sleep(600)
serving.dicom_output.writer.write_dicom = waiting
from kgp.console import main
main(sys.argv[1:])
"""


def command(study, model, out):
    return ["run", str(study), "--model", str(model), "--out", str(out)]


def test_a_kill_in_the_middle_of_writing_leaves_no_result(phantom_study, litert_files, tmp_path):
    model = litert_files("float32")[0]
    arguments = command(phantom_study().write(tmp_path / "study"), model, tmp_path / "results" / "out")
    child = subprocess.Popen([sys.executable, "-c", CHILD, *arguments], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "written\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    # What is left behind is hidden and never taken for a result.
    assert all(path.name.startswith(".") for path in (tmp_path / "results").iterdir())
    run_study(tmp_path / "study", load_console(model), tmp_path / "results" / "out")
    assert (tmp_path / "results" / "out" / "summary.json").is_file()


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from kgp.console import main
raise SystemExit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("largest", [100, 20_000])  # bytes: fails in the NIfTI files, and in the DICOM objects
def test_a_file_that_cannot_be_written_in_full(phantom_study, litert_files, tmp_path, largest):
    study = phantom_study().write(tmp_path / "study")
    arguments = command(study, litert_files("float32")[0], tmp_path / "results" / "out")
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(largest), *arguments], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 1, done.stderr
    assert "kgp console: " in done.stderr and "File too large" in done.stderr and "Traceback" not in done.stderr
    assert list((tmp_path / "results").iterdir()) == []


def test_neither_tensorflow_nor_keras_is_loaded(phantom_study, litert_files, tmp_path):
    arguments = command(phantom_study().write(tmp_path / "study"), litert_files("float32")[0], tmp_path / "out")
    code = (
        "import sys; from kgp.console import main; status = main(sys.argv[1:]); "
        "print(sorted({'tensorflow', 'keras', 'torch', 'jax'} & set(sys.modules))); raise SystemExit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
