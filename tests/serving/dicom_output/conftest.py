"""A phantom study without any symmetry, in any orientation, as single slices or as one enhanced object, and results on it."""

import dataclasses

import numpy as np
import pydicom
import pytest
from pydicom.uid import EnhancedMRImageStorage, MRImageStorage

from serving.dicom_output.study_result import ConsoleResult

SHAPE = (7, 20, 14)  # slices, rows, columns
SPACING = (1.5, 0.75)  # between rows, between columns
STEP = 3.25
ORIGIN = np.array([-40.5, -33.25, 21.0])
TURN = np.radians(20.0)
ORIENTATIONS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "oblique": (np.cos(TURN), np.sin(TURN), 0, -0.6 * np.sin(TURN), 0.6 * np.cos(TURN), -0.8),
    "negated column": (-1, 0, 0, 0, 1, 0),
    "negated row": (1, 0, 0, 0, -1, 0),
}


def decimals(values):
    """Numbers as a scanner writes them: at most 16 characters."""
    return [pydicom.valuerep.format_number_as_ds(float(value)) for value in values]


def header(kind, uid):
    made = pydicom.Dataset()
    made.SpecificCharacterSet = "ISO_IR 100"
    made.SOPClassUID = kind
    made.SOPInstanceUID = uid
    made.StudyInstanceUID = "1.2.840.99.1"
    made.SeriesInstanceUID = "1.2.840.99.1.2"
    made.FrameOfReferenceUID = "1.2.840.99.1.3"
    made.PositionReferenceIndicator = ""
    made.PatientID = "PHANTOM-7"
    made.PatientName = "Müller^Anna"
    made.PatientBirthDate = "19700102"
    made.PatientSex = "F"
    made.PatientAge = "054Y"
    made.StudyID = "S1"
    made.StudyDate = "20240105"
    made.StudyTime = "101112"
    made.StudyDescription = "MR head"
    made.AccessionNumber = "A1"
    made.ReferringPhysicianName = "Referrer^R"
    made.Modality = "MR"
    made.Manufacturer = "Phantom works"
    made.SeriesNumber = 4
    made.SeriesDescription = "FLAIR"
    made.Rows, made.Columns = SHAPE[1:]
    return made


def single_slices(orientation):
    """Headers of a classic series."""
    across, down = np.array(orientation, float).reshape(2, 3)
    normal = np.cross(across, down)
    made = []
    for index in range(SHAPE[0]):
        one = header(MRImageStorage, f"1.2.840.99.1.2.{index + 1}")
        one.InstanceNumber = SHAPE[0] - index  # the other way round than the slices lie
        one.ImageOrientationPatient = decimals(orientation)
        one.ImagePositionPatient = decimals(ORIGIN + index * STEP * normal)
        one.PixelSpacing = decimals(SPACING)
        one.SliceThickness = "3"
        one.SpacingBetweenSlices = "0.25"  # the gap, as some scanners write it
        made.append(one)
    return made


def enhanced(orientation):
    """Header of an enhanced object whose frames lie in no order, two at each position; and the frame of each slice."""
    across, down = np.array(orientation, float).reshape(2, 3)
    normal = np.cross(across, down)
    made = header(EnhancedMRImageStorage, "1.2.840.99.1.2.77")
    order = np.random.default_rng(3).permutation(2 * SHAPE[0])
    made.NumberOfFrames = len(order)
    shared = pydicom.Dataset()
    shared.PlaneOrientationSequence = [pydicom.Dataset()]
    shared.PlaneOrientationSequence[0].ImageOrientationPatient = decimals(orientation)
    made.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for which in order:
        group = pydicom.Dataset()
        group.PlanePositionSequence = [pydicom.Dataset()]
        group.PlanePositionSequence[0].ImagePositionPatient = decimals(ORIGIN + (which // 2) * STEP * normal)
        group.PixelMeasuresSequence = [pydicom.Dataset()]
        group.PixelMeasuresSequence[0].PixelSpacing = decimals(SPACING)
        group.PixelMeasuresSequence[0].SliceThickness = "3"
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    # The second of the two frames at each position is the contrast that was read.
    return made, [int(np.flatnonzero(order == 2 * index + 1)[0]) + 1 for index in range(SHAPE[0])]


def true_affine(orientation):
    """[4, 4] from (slice, row, column) to patient millimetres."""
    across, down = np.array(orientation, float).reshape(2, 3)
    affine = np.eye(4)
    affine[:3, 0] = STEP * np.cross(across, down)
    affine[:3, 1] = SPACING[0] * down
    affine[:3, 2] = SPACING[1] * across
    affine[:3, 3] = ORIGIN
    return affine


def phantom_mask():
    """A lesion in slices 2 to 4 that no flip, turn or swap of axes maps onto itself."""
    mask = np.zeros(SHAPE, bool)
    mask[2, 3:9, 2:5] = True
    mask[3, 3:12, 2:4] = True
    mask[3, 11, 4:8] = True
    mask[4, 5, 3] = True
    return mask


def make_result(orientation="axial", kind="single", **changes):
    """The result of a study with a tumour in slices 2 to 4; `changes` replace attributes."""
    cosines = ORIENTATIONS[orientation]
    sources, frames = single_slices(cosines), [None] * SHAPE[0]
    if kind == "enhanced":
        source, frames = enhanced(cosines)
        sources = [source]
    mask = phantom_mask()
    heatmap = (np.random.default_rng(1).normal(size=SHAPE) + 5 * mask).astype(np.float32)
    probabilities = np.tile([0.9, 0.1], (SHAPE[0], 1))
    probabilities[2:5] = [[0.3, 0.7], [0.05, 0.95], [0.4, 0.6]]
    points = [[] for _ in range(SHAPE[0])]
    points[3] = [(4, 2, 3.5), (11, 7, -1.25)]
    made = ConsoleResult(
        sources=sources,
        frames=frames,
        mask=mask,
        heatmap=heatmap,
        probabilities=probabilities,
        predicted=probabilities.argmax(axis=1),
        class_names=("no tumour", "tumour"),
        no_tumour_class=0,
        points=points,
        overlays=np.random.default_rng(2).integers(0, 255, (SHAPE[0], 40, 56, 3), np.uint8),
        model={"name": "best-unet", "version": "0.1.0", "sha256": "ab" * 32},
        reading="best",
    )
    return dataclasses.replace(made, **changes)


@pytest.fixture
def console_result():
    """Makes a result; see `make_result`."""
    return make_result


@pytest.fixture
def tumour_free_result():
    """The result of a study without a tumour."""
    probabilities = np.tile([0.9, 0.1], (SHAPE[0], 1))
    probabilities[5] = [0.8, 0.2]
    return make_result(
        mask=np.zeros(SHAPE, bool),
        probabilities=probabilities,
        predicted=probabilities.argmax(axis=1),
        points=[[] for _ in range(SHAPE[0])],
    )


@pytest.fixture(params=ORIENTATIONS)
def orientation(request):
    """Each orientation by its name."""
    return request.param


@pytest.fixture(params=["single", "enhanced"])
def kind(request):
    """Classic series and enhanced object."""
    return request.param


@pytest.fixture
def affine_of():
    """Gives the true affine of an orientation."""
    return lambda name: true_affine(ORIENTATIONS[name])
