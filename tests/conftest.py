"""A tiny prepared cohort to train and judge on, a tiny run, its exports, and a runtime whose answers are known by hand."""

import csv
import dataclasses
import functools
import json
import os

import numpy as np
import pytest

from kgp.data.cohort import FORMAT, SliceRow, read_cohort
from kgp.heatmap.reading import Reading
from kgp.runtime.description import Description
from kgp.runtime.runtime import Explanation, Runtime

# Nothing here is large enough for a second thread, and several processes with several threads each hold one another up.
os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}


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
    """Time and memory of a place are measured once, in a process of its own as ever, however often it is compared."""
    from export import verify

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "_measure", functools.cache(verify._measure))
        yield


@pytest.fixture(scope="session")
def saved_model(tiny_run, tmp_path_factory, measured_once):
    """(version folder, what the comparison found) of the tiny run as a SavedModel."""
    from export.savedmodel import export_savedmodel

    return export_savedmodel(tiny_run, tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def litert_files(tiny_run, tmp_path_factory, measured_once):
    """Makes the tiny run a .tflite file in a precision, once each: (file, what the comparison found)."""
    from export.litert import export_litert

    folder = tmp_path_factory.mktemp("litert")
    made = {}

    def make(precision):
        if precision not in made:
            path = folder / f"{precision}.tflite"
            made[precision] = path, export_litert(tiny_run, path, precision=precision)
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


STUDY_SHAPE = (6, 20, 14)  # slices, rows, columns
STUDY_SPACING = (1.5, 0.75)  # between rows, between columns
STUDY_STEP = 3.25
STUDY_ORIGIN = np.array([-40.5, -33.25, 21.0])
_TURN = np.radians(20.0)
STUDY_ORIENTATIONS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "oblique": (np.cos(_TURN), np.sin(_TURN), 0, -0.9 * np.sin(_TURN), 0.9 * np.cos(_TURN), -np.sqrt(1 - 0.81)),
    "negated column": (-1, 0, 0, 0, 1, 0),
    "negated row": (1, 0, 0, 0, -1, 0),
}
_DESCRIBED = {"T1": "t1 tra", "T2": "t2_tse_tra", "T1ce": "t1_tra_ce", "FLAIR": "t2 flair tra"}


class DicomStudy:
    """A phantom study without any symmetry: noise, and in FLAIR a bright lesion in slices 2 to 4.

    Args:
        orientation: a name in STUDY_ORIENTATIONS.
        contrasts: names of the series.
        seed: of the noise and of the UIDs.
    """

    def __init__(self, orientation="axial", contrasts=("T1", "FLAIR"), seed=0):
        self.cosines = np.array(STUDY_ORIENTATIONS[orientation], float)
        self.contrasts = contrasts
        rng = np.random.default_rng(seed)
        self.root = f"1.2.840.99.{seed + 1}"
        self.pixels = {name: rng.integers(40, 120, STUDY_SHAPE).astype(np.uint16) for name in contrasts}
        self.lesion = np.zeros(STUDY_SHAPE, bool)
        self.lesion[2, 3:9, 2:5] = True
        self.lesion[3, 3:12, 2:4] = True
        self.lesion[3, 11, 4:8] = True
        self.lesion[4, 5, 3] = True
        if "FLAIR" in contrasts:
            self.pixels["FLAIR"][self.lesion] += 150

    @property
    def affine(self):
        """[4, 4] from (column, row, slice) to right-anterior-superior millimetres."""
        across, down = self.cosines.reshape(2, 3)
        affine = np.eye(4)
        affine[:3, 0], affine[:3, 1] = across * STUDY_SPACING[1], down * STUDY_SPACING[0]
        affine[:3, 2], affine[:3, 3] = STUDY_STEP * np.cross(across, down), STUDY_ORIGIN
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine

    def slice(self, contrast, index, **changes):
        """One slice as a data set; a change to None removes an attribute."""
        import pydicom

        number = 3 + self.contrasts.index(contrast)
        normal = np.cross(*self.cosines.reshape(2, 3))
        values = self._common(contrast, number) | {
            "SOPClassUID": pydicom.uid.MRImageStorage,
            "SOPInstanceUID": f"{self.root}.{number}.{index + 1}",
            "InstanceNumber": STUDY_SHAPE[0] - index,  # the other way round than the slices lie
            "ImageOrientationPatient": _decimals(self.cosines),
            "ImagePositionPatient": _decimals(STUDY_ORIGIN + index * STUDY_STEP * normal),
            "PixelSpacing": _decimals(STUDY_SPACING),
            "SliceThickness": "3",
            "EchoTime": "90",
            "RepetitionTime": "9000",
            "RescaleSlope": "1",
            "RescaleIntercept": "0",
            "PixelData": self.pixels[contrast][index].tobytes(),
        }
        return _dataset(values | changes)

    def enhanced(self, contrast, **changes):
        """A series as one enhanced object, whose frames lie in no order."""
        import pydicom

        number = 3 + self.contrasts.index(contrast)
        normal = np.cross(*self.cosines.reshape(2, 3))
        order = np.random.default_rng(3).permutation(STUDY_SHAPE[0])
        frames = []
        for index in order:
            position = _decimals(STUDY_ORIGIN + index * STUDY_STEP * normal)
            frames.append(_item(PlanePositionSequence=[_item(ImagePositionPatient=position)]))
        shared = _item(
            PlaneOrientationSequence=[_item(ImageOrientationPatient=_decimals(self.cosines))],
            PixelMeasuresSequence=[_item(PixelSpacing=_decimals(STUDY_SPACING), SliceThickness="3")],
            PixelValueTransformationSequence=[_item(RescaleSlope="2", RescaleIntercept="-5", RescaleType="US")],
        )
        values = self._common(contrast, number) | {
            "SOPClassUID": pydicom.uid.EnhancedMRImageStorage,
            "SOPInstanceUID": f"{self.root}.{number}.1",
            "NumberOfFrames": len(order),
            "SharedFunctionalGroupsSequence": [shared],
            "PerFrameFunctionalGroupsSequence": frames,
            "PixelData": self.pixels[contrast][order].tobytes(),
        }
        return _dataset(values | changes)

    def write(self, folder, enhanced=False, changes=None):
        """Writes a folder for each series, files named against their order; `changes` by (contrast, slice)."""
        for contrast in self.contrasts:
            (folder / contrast).mkdir(parents=True, exist_ok=True)
            if enhanced:
                _save(self.enhanced(contrast), folder / contrast / "IM0")
                continue
            for index in range(STUDY_SHAPE[0]):
                made = self.slice(contrast, index, **(changes or {}).get((contrast, index), {}))
                _save(made, folder / contrast / f"IM{9 - index}")
        return folder

    def _common(self, contrast, number):
        return {
            "StudyInstanceUID": f"{self.root}.1",
            "SeriesInstanceUID": f"{self.root}.1.{number}",
            "FrameOfReferenceUID": f"{self.root}.2",
            "PatientID": "PHANTOM-7",
            "PatientName": "Secret^Phantom",
            "PatientBirthDate": "19700102",
            "PatientSex": "F",
            "StudyDate": "20240105",
            "StudyTime": "101112",
            "Modality": "MR",
            "ImageType": ["ORIGINAL", "PRIMARY", "M"],
            "SeriesNumber": number,
            "SeriesDescription": _DESCRIBED[contrast],
            "Rows": STUDY_SHAPE[1],
            "Columns": STUDY_SHAPE[2],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 16,
            "BitsStored": 12,
            "HighBit": 11,
            "PixelRepresentation": 0,
        }


def _decimals(values):
    """Numbers as a scanner writes them: at most 16 characters."""
    from pydicom.valuerep import format_number_as_ds

    return [format_number_as_ds(float(value)) for value in values]


def _item(**values):
    import pydicom

    made = pydicom.Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def _dataset(values):
    import pydicom

    made = _item(**{name: value for name, value in values.items() if value is not None})
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.get("SOPClassUID", pydicom.uid.MRImageStorage)
    made.file_meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID", "1.2.3")
    return made


def _save(dataset, path):
    dataset.save_as(path, enforce_file_format=True)


@pytest.fixture(scope="session")
def phantom_study():
    """Makes a `DicomStudy`."""
    return DicomStudy
