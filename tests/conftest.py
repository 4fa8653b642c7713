"""A tiny prepared cohort to train and judge on, a tiny run, its exports, and a runtime whose answers are known by hand."""

import csv
import dataclasses
import json
import os
import runpy
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from kgp.data.cohort import FORMAT, SliceRow, read_cohort
from kgp.heatmap.reading import Reading
from kgp.runtime.description import Description
from kgp.runtime.runtime import Explanation, Runtime

# Nothing here is large enough for a second thread, and several processes with several threads each hold one another up.
os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}

# Prepared slices of tests stay out of the user's own cache, also those of processes that tests start.
CACHE = tempfile.mkdtemp(prefix="kgp-tests-cache-")
os.environ["XDG_CACHE_HOME"] = CACHE


def pytest_unconfigure():
    shutil.rmtree(CACHE, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def few_trees():
    """The trivial rivals of each evaluation have few trees, as three hundred take half a second."""
    from kgp.evaluation import rivals_trees

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rivals_trees, "TREES", 10)
        yield


@pytest.fixture(scope="session")
def tiny_cohort(tmp_path_factory):
    """Ten patients with two slices each, 16x16x2: noise, and in one slice of each a bright 5x5 square (label 1)."""
    return write_tiny_cohort(tmp_path_factory.mktemp("tiny"), patients=10)


def write_tiny_cohort(folder, patients, size=16, masks=True):
    """Writes the cohort into `folder` and reads it back."""
    rng = np.random.default_rng(0)
    rows = []
    for name in ("slices", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for patient in range(patients):
        for label in (0, 1):
            identifier = f"p{patient:02d}_{label}"
            image = rng.integers(80, 120, size=(size, size, 2)).astype(np.uint8)
            mask = np.zeros((size, size), np.uint8)
            if label:
                row, column = rng.integers(1, size - 6, size=2)
                mask[row : row + 5, column : column + 5] = 1
                image[mask > 0] = 240
            np.save(folder / "slices" / f"{identifier}.npy", image)
            np.save(folder / "masks" / f"{identifier}.npy", mask)
            rows.append(
                SliceRow(
                    id=identifier,
                    patient=f"p{patient:02d}",
                    group=f"p{patient:02d}",
                    label=label,
                    label_name=["no_tumour", "tumour"][label],
                    index=label,
                    image=f"slices/{identifier}.npy",
                    mask=f"masks/{identifier}.npy" if masks else "",
                )
            )
    with open(folder / "cohort.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, [field.name for field in dataclasses.fields(SliceRow)])
        writer.writeheader()
        writer.writerows(dataclasses.asdict(row) for row in rows)
    header = {
        "format": FORMAT,
        "source": "slices",
        "contrasts": ["T1", "FLAIR"],
        "shape": [size, size, 2],
        "dtype": "uint8",
    }
    (folder / "cohort.json").write_text(json.dumps(header))
    return read_cohort(folder)


@pytest.fixture(scope="session")
def write_cohort():
    """Writes a cohort such as `tiny_cohort` into a folder."""

    def write(folder, patients=10, **options):
        return write_tiny_cohort(folder, patients, **options)

    return write


@pytest.fixture(scope="session")
def resized_cohort(tmp_path_factory):
    """Six patients with a tumour-free and a tumour slice of 32 x 24 pixels of 2 x 1 mm, prepared at 16 pixels.

    FLAIR is 100 in the head and 240 in a disc of 5 to 10 mm.
    """
    from kgp.data.prepare import prepare
    from kgp.data.sources.source import SourceSlice

    rows, columns = np.mgrid[:32, :24]

    class Source:
        name, contrasts = "test", ("T1", "FLAIR")

        def cases(self):
            return [f"p{number}" for number in range(6)]

        def check(self):
            return []

        def read(self, case):
            for label in (0, 1):
                mask = np.hypot(2 * (rows - 14), columns - 12) < label * (5 + int(case[1]))
                image = np.where(np.minimum(rows, columns) > 1, 100, 0)[..., None].repeat(2, axis=2).astype(np.uint8)
                image[mask, 1] = 240
                names = (f"{case}_{label}", case, case, label, ("no_tumour", "tumour")[label])
                yield SourceSlice(*names, image, mask, (2.0, 1.0))

    return prepare(Source(), tmp_path_factory.mktemp("resized") / "cohort", size=16)


@pytest.fixture(scope="session")
def tiny_run(tiny_cohort, tmp_path_factory):
    """A finished run folder: an untrained GP-UNet of 2 filters on the tiny cohort, whose head calls every slice a tumour."""
    import keras

    from kgp.data.labels import choose_labels
    from kgp.data.split import split_cohort, write_split
    from kgp.run_folder import build_network, write_run
    from kgp.training.presets import load_preset

    folder = tmp_path_factory.mktemp("tiny_run") / "run"
    config = load_preset("demo", "unet").override(width=2, depth=2)
    labelled = choose_labels(tiny_cohort, ())
    keras.utils.set_random_seed(0)
    network = build_network(config, tiny_cohort.shape, len(labelled.class_names))
    kernel, _ = network.get_layer("head").get_weights()
    network.get_layer("head").set_weights([kernel, np.array([-20.0, 20.0])])
    folder.mkdir()
    write_split(split_cohort(labelled), folder / "split.csv")
    write_run(
        folder,
        config,
        network,
        class_names=labelled.class_names,
        no_tumour_class=labelled.no_tumour_class,
        contrasts=tiny_cohort.contrasts,
        shape=tiny_cohort.shape,
        data=str(tiny_cohort.folder),
    )
    return folder


@pytest.fixture(scope="session")
def jax_environment():
    """Variables for a process on JAX, whose compiler is kept quick: an initialiser is compiled for every shape."""
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    return {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}


@pytest.fixture(scope="session")
def measured_once():
    """Time and memory of a run, a SavedModel and a LiteRT file are measured once each, in a process of their own."""
    from export import verify

    measure, measured = verify._measure, {}

    def measure_kind_once(path):
        kind = (os.path.splitext(path)[1], os.path.isfile(os.path.join(path, "saved_model.pb")))
        if kind not in measured:
            measured[kind] = measure(path)
        return measured[kind]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "_measure", measure_kind_once)
        yield


@pytest.fixture(scope="session")
def saved_model(tiny_run, tmp_path_factory, measured_once):
    """(version folder, comparison) of the tiny run as a SavedModel."""
    from export.savedmodel import export_savedmodel

    return export_savedmodel(tiny_run, tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def litert_files(tiny_run, tmp_path_factory, measured_once):
    """Makes the tiny run a .tflite file in a precision, once each: (file, comparison). It is converted once."""
    from export import litert

    folder = tmp_path_factory.mktemp("litert")
    made = {}
    convert, contents = litert.converted, []

    def converted_once(*arguments):
        if not contents:
            contents.append(convert(*arguments))
        return contents[0]

    def make(precision):
        if precision not in made:
            path = folder / f"{precision}.tflite"
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(litert, "converted", converted_once)
                made[precision] = path, litert.export_litert(tiny_run, path, precision=precision)
        return made[precision]

    return make


class BrightRuntime(Runtime):
    """A runtime whose answers can be written down: the heatmap of "tumour" is FLAIR / 100 - 1.5, that of "no tumour" 0.

    FLAIR is the last contrast. The logit of "tumour" is the highest value of its heatmap, so a slice with FLAIR above 150
    is called a tumour.
    """

    def __init__(self, threshold=1.5, size=16, views=1, contrasts=("T1", "FLAIR")):
        description = Description(
            arch="unet",
            class_names=("no_tumour", "tumour"),
            no_tumour_class=0,
            contrasts=contrasts,
            shape=(size, size, len(contrasts)),
            normalisation="none",
            readings={
                "zero": Reading(map="margin", region="picture", rule="zero", views=views),
                "multiotsu": Reading(map="margin", region="picture", rule="multiotsu", views=views),
            },
            default_reading="zero",
            masks_used=("multiotsu",),
            weights_sha256="ab" * 32,
        )
        super().__init__("bright", description, any_size=True)
        self.threshold = threshold
        self.largest_batch = 0

    def _predict(self, images):
        self.largest_batch = max(self.largest_batch, len(images))
        heatmap = np.zeros((*images.shape[:3], 2), np.float32)
        heatmap[..., 1] = images[..., -1] / 100.0 - self.threshold
        return heatmap.max(axis=(1, 2)), heatmap

    def _explain(self, images):
        """All of the logit but the threshold comes from the brightest pixel."""
        logits, heatmaps = self._predict(images)
        contributions = np.zeros(heatmaps.shape)
        for index, image in enumerate(images):
            row, column = np.unravel_index(image[..., -1].argmax(), image.shape[:2])
            contributions[index, row, column, 1] = image[row, column, -1] / 100.0
        return Explanation(logits, heatmaps, contributions, np.array([[0.0, -self.threshold]] * len(images)))


@pytest.fixture
def bright_runtime():
    """Makes a `BrightRuntime`."""
    return BrightRuntime


@pytest.fixture(scope="session")
def dicom_builders():
    """What tests/dicom_study.py holds, by name."""
    pytest.importorskip("pydicom")
    return runpy.run_path(str(Path(__file__).with_name("dicom_study.py")))


@pytest.fixture(scope="session")
def phantom_study(dicom_builders):
    """Makes a `DicomStudy`."""
    return dicom_builders["DicomStudy"]


@pytest.fixture(params=["axial", "sagittal", "coronal", "oblique", "negated column", "negated row"])
def orientation(request):
    """Each orientation of a `DicomStudy`, for tests of geometry."""
    return request.param
