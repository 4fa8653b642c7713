"""The public API: kgp.load_run, kgp.train, and what they give."""

import subprocess
import sys

import numpy as np
import pytest

import kgp
from kgp.data.cohort import read_image
from kgp.errors import KgpError, UsageError


@pytest.fixture(scope="module")
def run(tiny_run):
    return kgp.load_run(tiny_run)


@pytest.fixture
def tumour(tiny_cohort):
    return read_image(tiny_cohort, tiny_cohort.rows[1])


def test_importing_the_package_imports_nothing_heavy():
    script = (
        "import sys, kgp; dir(kgp); sys.exit(any(name in sys.modules for name in ('numpy', 'keras', 'tensorflow')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_every_public_name_is_there():
    assert all(getattr(kgp, name) for name in kgp.__all__) and set(kgp.__all__) <= set(dir(kgp))
    with pytest.raises(AttributeError, match="no attribute 'lode_run'"):
        _ = kgp.lode_run


def test_a_run_tells_what_it_is(run, tiny_run):
    assert run.class_names == ("no_tumour", "tumour") and run.contrasts == ("T1", "FLAIR")
    assert run.shape == (16, 16, 2) and run.readings == ("paper", "image_level", "refined")
    assert run.folder == tiny_run and run.metrics is None
    assert "T1" in repr(run)


def test_one_image(run, tumour):
    case = run.predict(tumour)
    assert case.label == "tumour" and case.probabilities.sum() == pytest.approx(1.0)
    assert case.heatmap.shape == (16, 16, 2) and case.map.shape == case.mask.shape == (16, 16)
    logits, heatmaps = run.runtime.predict(tumour[None])
    np.testing.assert_array_equal(case.heatmap, heatmaps[0])
    evidence = case.evidence()
    assert evidence.logit == pytest.approx(logits[0, 1], abs=1e-4)
    assert case.evidence("no_tumour").logit == pytest.approx(logits[0, 0], abs=1e-4)


def test_a_batch_is_a_list(run, tumour):
    first, second = run.predict(np.stack([tumour, 0.5 * tumour]))
    np.testing.assert_array_equal(first.heatmap, run.predict(tumour).heatmap)
    assert first.heatmap.shape == second.heatmap.shape


def test_images_of_another_size_are_fitted_and_brought_back(bright_runtime):
    image = np.full((32, 24, 2), 100.0, np.float32)
    image[10:12, 6:8, 1] = 300.0
    case = kgp.TrainedNetwork(bright_runtime()).predict(image)
    assert case.mask.shape == (32, 24) and case.heatmap.shape == (32, 24, 2)
    np.testing.assert_array_equal(np.argwhere(case.mask).mean(axis=0), [10.5, 6.5])
    (point,) = case.evidence().top(3)
    assert abs(point.row - 10.5) <= 0.5 and abs(point.column - 6.5) <= 0.5


def test_an_export_in_the_place_of_a_run(litert_files, tumour, run):
    export = kgp.load_run(litert_files("float32")[0])
    np.testing.assert_allclose(export.predict(tumour).heatmap, run.predict(tumour).heatmap, atol=1e-4)
    assert export.folder is None and export.metrics is None
    with pytest.raises(KgpError, match="is no run folder, so it has no test part"):
        export.known_slices()


def test_drawn_on_axes(run, tumour):
    import matplotlib

    matplotlib.use("agg")
    axes = run.predict(tumour).plot()
    assert [one.get_title() for one in axes][0] == "FLAIR" and "tumour" in axes[2].get_title()
    axes[0].figure.canvas.draw()


def test_a_metric_of_ones_own_over_the_test_part(run):
    with pytest.raises(KgpError, match="The part must be one of train, validation, test, not 'all'"):
        run.known_slices("all")
    known = list(run.known_slices("test"))
    assert len(known) == 4 and all(slice_.truth is not None for slice_ in known)
    assert set(known[0].predictions) == {"paper", "image_level", "refined"}


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (
            np.ones((16, 16, 3)),
            r"takes images \[H, W, 2\] with the contrasts T1, FLAIR.*not an array of shape \(16, 16, 3\)",
        ),
        (np.ones((16, 16)), r"not an array of shape \(16, 16\)"),
        (np.ones((0, 16, 16, 2)), r"not an array of shape \(0, 16, 16, 2\)"),
        (np.array([["a"]]), "An image of numbers is expected, not an array of <U1"),
        (np.full((16, 16, 2), np.nan), "not finite"),
        (np.full((16, 16, 2), 1e300), "not finite"),
        ([], r"not an array of shape \(0,\)"),
        ([np.ones((16, 16, 2)), np.ones((16, 12, 2))], r"images of one size, not of \(16, 16, 2\) and \(16, 12, 2\)"),
        ([np.ones((1, 16, 16, 2))], r"or a batch of them, not an array of shape \(1, 1, 16, 16, 2\)"),
        ("slice.png", "not 'slice.png'"),
    ],
)
def test_arrays_that_are_no_images(run, image, message):
    with pytest.raises(KgpError, match=message):
        run.predict(image)


def test_a_list_of_images_is_a_batch(run, tumour):
    listed = run.predict([tumour, tumour])
    np.testing.assert_array_equal([case.heatmap for case in listed], [run.predict(tumour).heatmap] * 2)
    np.testing.assert_array_equal(run.predict(tumour.tolist()).heatmap, listed[0].heatmap)


@pytest.mark.parametrize("spacing", [(1.0,), (1.0, 1.0, 1.0), "ab", 1.0, ("a", "b")])
def test_a_spacing_that_is_not_two_numbers(run, tumour, spacing):
    with pytest.raises(
        KgpError, match="The spacing is two numbers, millimetres between rows and between columns, not "
    ):
        run.predict(tumour, spacing=spacing)


def test_exports_refuse_what_runs_refuse(litert_files, saved_model):
    for export in (kgp.load_run(litert_files("float32")[0]), kgp.load_run(saved_model[0])):
        for images, message in (
            ([], "is expected, not an array of shape"),
            ([np.ones((16, 16, 2)), np.ones((16, 12, 2))], "of one size"),
            (np.full((16, 16, 2), np.inf), "not finite"),
        ):
            with pytest.raises(KgpError, match=message):
                export.predict(images)


def test_unknown_readings_and_labels(run, tumour):
    with pytest.raises(KgpError, match="The reading must be one of paper, image_level, refined, not 'sharp'"):
        run.predict(tumour, reading="sharp")
    with pytest.raises(KgpError, match="The reading must be one of paper, image_level, refined, not .'paper'."):
        run.predict(tumour, reading=["paper"])
    with pytest.raises(KgpError, match="The label must be one of no_tumour, tumour, not 'grade'"):
        run.predict(tumour).evidence("grade")


SMALL = {"width": 2, "depth": 1, "batch_size": 4, "equivariance": 0.0, "preset": "demo"}


def test_training_from_python_is_what_the_command_does(tiny_cohort, tmp_path):
    trained = kgp.train(arch="unet", data=tiny_cohort.folder, epochs=1, out=tmp_path / "run", **SMALL)
    assert trained.folder == tmp_path / "run"
    assert trained.metrics["classification"]["slices"] == 4
    assert trained.runtime.run.config.optimiser.epochs == 1
    with pytest.raises(KgpError, match="exists already"):
        kgp.train(data=tiny_cohort.folder, out=tmp_path / "run", **SMALL)
    again = {"config": tmp_path / "run" / "config.json", "data": tiny_cohort.folder, "out": tmp_path / "again"}
    assert kgp.train(**again).metrics["classification"] == trained.metrics["classification"]


def test_an_interrupted_training_goes_on(tiny_cohort, tmp_path):
    with pytest.raises(KgpError, match="holds no run to resume"):
        kgp.train(resume=tmp_path)
    kgp.train(data=tiny_cohort.folder, epochs=1, out=tmp_path / "run", **SMALL)
    with pytest.raises(KgpError, match="is finished"):
        kgp.train(resume=tmp_path / "run")
    with pytest.raises(UsageError, match="resume goes on with the run's own configuration, so epochs cannot be given"):
        kgp.train(resume=tmp_path / "run", epochs=2)
    with pytest.raises(UsageError, match="so overwrite cannot be given"):
        kgp.train(resume=tmp_path / "run", overwrite=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rte": 1.0}, "Unknown option 'learning_rte'"),
        ({"dropout": 1.5}, "--dropout must be at most 0.999, not 1.5"),
        ({"preset": "fast"}, "--preset must be one of paper, best, demo, not 'fast'"),
        ({"preset": "demo", "config": "config.json"}, "give one of the two"),
        ({"strategy": "multiworker", "out": "run"}, "TF_CONFIG"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        kgp.train(**options)
