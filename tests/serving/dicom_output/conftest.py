"""Results on a phantom study, in any orientation, as single slices or as one enhanced object."""

import dataclasses

import numpy as np
import pytest

from kgp.scans.dicom.place import read_frame_places, read_place
from kgp.scans.dicom.slice_stack import stack_slices
from serving.dicom_output.study_result import StudyResult

# What a real header has on top of that of the phantom.
HEADER = {
    "SpecificCharacterSet": "ISO_IR 100",
    "PatientName": "Müller^Anna",
    "PatientAge": "054Y",
    "StudyID": "S1",
    "StudyDescription": "MR head",
    "AccessionNumber": "A1",
    "ReferringPhysicianName": "Referrer^R",
    "PositionReferenceIndicator": "",
    "Manufacturer": "Phantom works",
    "PixelData": None,
}


def single_frames(study, **changes):
    """The headers of a classic series, no frame numbers, and the geometry."""
    changes = {"SpacingBetweenSlices": "0.25"} | HEADER | changes  # the gap, as some scanners write it
    sources = [study.slice("FLAIR", index, **changes) for index in range(len(study.pixels["FLAIR"]))]
    _, geometry = stack_slices("The series", [read_place(source, "A slice") for source in sources])
    return sources, [None] * len(sources), geometry


def enhanced(study):
    """The header of an enhanced object with two frames at each position.

    The second of them is the one that was read.
    """
    source = study.enhanced("FLAIR", echoes=2, **HEADER)
    order = study.frame_order("FLAIR", echoes=2)
    frames = [int(np.flatnonzero(order == 2 * index + 1)[0]) + 1 for index in range(len(order) // 2)]
    places = read_frame_places(source, "The object")
    _, geometry = stack_slices("The series", [places[frame - 1] for frame in frames])
    return [source], frames, geometry


@pytest.fixture
def study_result(phantom_study):
    """Makes the result of a study with a tumour in slices 2 to 4; `changes` replace attributes."""

    def make(orientation="axial", kind="single", **changes):
        study = phantom_study(orientation, contrasts=("FLAIR",))
        sources, frames, geometry = enhanced(study) if kind == "enhanced" else single_frames(study)
        mask = study.lesion
        count = len(mask)
        probabilities = np.tile([0.9, 0.1], (count, 1))
        probabilities[2:5] = [[0.3, 0.7], [0.05, 0.95], [0.4, 0.6]]
        points = [[] for _ in range(count)]
        points[3] = [(4, 2, 3.5), (11, 7, -1.25)]
        values = {
            "sources": sources,
            "frames": frames,
            "geometry": geometry,
            "mask": mask,
            "heatmap": (np.random.default_rng(1).normal(size=mask.shape) + 5 * mask).astype(np.float32),
            "probabilities": probabilities,
            "predicted": probabilities.argmax(axis=1),
            "class_names": ("no tumour", "tumour"),
            "no_tumour_class": 0,
            "points": points,
            "overlays": np.random.default_rng(2).integers(0, 255, (count, 40, 56, 3), np.uint8),
            "model": {"name": "best-unet", "version": "0.1.0", "sha256": "ab" * 32},
            "reading": "best",
        }
        return StudyResult(**values | changes)

    return make


@pytest.fixture
def tumour_free_result(study_result):
    """The result of a study without a tumour."""
    result = study_result()
    probabilities = np.tile([0.9, 0.1], (len(result.mask), 1))
    probabilities[5] = [0.8, 0.2]
    return dataclasses.replace(
        result,
        mask=np.zeros_like(result.mask),
        probabilities=probabilities,
        predicted=probabilities.argmax(axis=1),
        points=[[] for _ in result.mask],
    )


@pytest.fixture(params=["single", "enhanced"])
def kind(request):
    """Classic series and enhanced object."""
    return request.param


@pytest.fixture
def affine_of(phantom_study):
    """Gives the affine [4, 4] of an orientation from (slice, row, column) to DICOM's millimetres."""

    def affine(orientation):
        to_lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ phantom_study(orientation).affine
        return to_lps[:, [2, 1, 0, 3]]

    return affine
