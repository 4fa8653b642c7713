"""Synthetic DICOM studies for tests and benchmarks: the one place that writes MR images."""

import numpy as np
import pydicom
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import format_number_as_ds

SHAPE = (6, 20, 14)  # slices, rows, columns
SPACING = (1.5, 0.75)  # between rows, between columns
STEP = 3.25
ORIGIN = np.array([-40.5, -33.25, 21.0])
_TURN = np.radians(20.0)
ORIENTATIONS = {
    "axial": (1, 0, 0, 0, 1, 0),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "coronal": (1, 0, 0, 0, 0, -1),
    "oblique": (np.cos(_TURN), np.sin(_TURN), 0, -0.9 * np.sin(_TURN), 0.9 * np.cos(_TURN), -np.sqrt(1 - 0.81)),
    "negated column": (-1, 0, 0, 0, 1, 0),
    "negated row": (1, 0, 0, 0, -1, 0),
    "prone": (-1, 0, 0, 0, -1, 0),
    "on the side": (0, 1, 0, -1, 0, 0),
}
_DESCRIPTIONS = {"T1": "t1 tra", "T2": "t2_tse_tra", "T1ce": "t1_tra_ce", "FLAIR": "t2 flair tra"}
_TIMES = {"T1": ("14", "500"), "T1ce": ("14", "500")}  # echo and repetition time, where they are not those of T2
_PATIENT = {
    "PatientID": "PHANTOM-7",
    "PatientName": "Secret^Phantom",
    "PatientBirthDate": "19700102",
    "PatientSex": "F",
    "StudyDate": "20240105",
    "StudyTime": "101112",
}


def mr_image(pixels, **attributes):
    """A data set with a file meta header.

    Args:
        pixels: uint16 [rows, columns] or [frames, rows, columns].
        attributes: by keyword, on top of those that describe the pixels; None removes one.
    """
    values = {
        "SOPClassUID": MRImageStorage,
        "Modality": "MR",
        "Rows": pixels.shape[-2],
        "Columns": pixels.shape[-1],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "PixelData": np.ascontiguousarray(pixels, np.uint16).tobytes(),
    } | attributes
    made = item(**{name: value for name, value in values.items() if value is not None})
    made.file_meta = pydicom.dataset.FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.get("SOPClassUID", MRImageStorage)
    made.file_meta.MediaStorageSOPInstanceUID = made.get("SOPInstanceUID", "1.2.3")
    return made


def item(**values):
    """An item of a sequence."""
    made = pydicom.Dataset()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def decimals(values):
    """Numbers as a scanner writes them: at most 16 characters."""
    return [format_number_as_ds(float(value)) for value in values]


class DicomStudy:
    """A study without any symmetry: noise, and in FLAIR a bright lesion in slices 2 to 4.

    Args:
        orientation: a name in ORIENTATIONS.
        contrasts: names of the series.
        seed: of the noise and of the UIDs.
        pixels: uint16 [slices, rows, columns] of each contrast, in place of the noise.
        spacing: millimetres between rows and between columns.
        step: millimetres between slices.
    """

    def __init__(self, orientation="axial", contrasts=("T1", "FLAIR"), seed=0, pixels=None, spacing=SPACING, step=STEP):
        self.cosines = np.array(ORIENTATIONS[orientation], float)
        self.contrasts, self.spacing, self.step = contrasts, spacing, step
        self.root = f"1.2.840.99.{seed + 1}"
        self.lesion = np.zeros(SHAPE, bool)
        self.lesion[2, 3:9, 2:5] = True
        self.lesion[3, 3:12, 2:4] = True
        self.lesion[3, 11, 4:8] = True
        self.lesion[4, 5, 3] = True
        rng = np.random.default_rng(seed)
        self.pixels = pixels or {name: rng.integers(40, 120, SHAPE).astype(np.uint16) for name in contrasts}
        if pixels is None and "FLAIR" in contrasts:
            self.pixels["FLAIR"][self.lesion] += 150

    @property
    def affine(self):
        """[4, 4] from (column, row, slice) to right-anterior-superior millimetres."""
        across, down = self.cosines.reshape(2, 3)
        affine = np.eye(4)
        affine[:3, 0], affine[:3, 1] = across * self.spacing[1], down * self.spacing[0]
        affine[:3, 2], affine[:3, 3] = self.step * np.cross(across, down), ORIGIN
        return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine

    def slice(self, contrast, index, **changes):
        """One slice as a data set; a change to None removes an attribute."""
        number = self._series_number(contrast)
        values = self._common(contrast) | {
            "SOPInstanceUID": f"{self.root}.{number}.{index + 1}",
            "InstanceNumber": len(self.pixels[contrast]) - index,  # the other way round than the slices lie
            "ImageOrientationPatient": decimals(self.cosines),
            "ImagePositionPatient": self._position(index),
            "PixelSpacing": decimals(self.spacing),
            "SliceThickness": "3",
            "EchoTime": _TIMES.get(contrast, ("90", "9000"))[0],
            "RepetitionTime": _TIMES.get(contrast, ("90", "9000"))[1],
            "RescaleSlope": "1",
            "RescaleIntercept": "0",
        }
        return mr_image(self.pixels[contrast][index], **values | changes)

    def enhanced(self, contrast, echoes=1, **changes):
        """A series as one enhanced object with `echoes` frames at each position, all in no order."""
        pixels = self.pixels[contrast]
        order = self.frame_order(contrast, echoes) // echoes
        measures = item(PixelSpacing=decimals(self.spacing), SliceThickness="3")
        frames = [
            item(
                PlanePositionSequence=[item(ImagePositionPatient=self._position(index))],
                PixelMeasuresSequence=[measures],
            )
            for index in order
        ]
        shared = item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=decimals(self.cosines))],
            PixelValueTransformationSequence=[item(RescaleSlope="2", RescaleIntercept="-5", RescaleType="US")],
        )
        values = self._common(contrast) | {
            "SOPClassUID": EnhancedMRImageStorage,
            "SOPInstanceUID": f"{self.root}.{self._series_number(contrast)}.1",
            "NumberOfFrames": len(order),
            "SharedFunctionalGroupsSequence": [shared],
            "PerFrameFunctionalGroupsSequence": frames,
        }
        return mr_image(pixels[order], **values | changes)

    def frame_order(self, contrast, echoes=1):
        """For each frame of `enhanced` its slice times `echoes`, plus the number of its echo from
        0.
        """
        return np.random.default_rng(3).permutation(echoes * len(self.pixels[contrast]))

    def write(self, folder, enhanced=False, changes=None):
        """Writes a folder for each series, files named against their order.

        Args:
            folder: the folder of the study.
            enhanced: write one enhanced object a series.
            changes: attributes of single slices by (contrast, slice).
        """
        for contrast in self.contrasts:
            (folder / contrast).mkdir(parents=True, exist_ok=True)
            if enhanced:
                self.enhanced(contrast).save_as(folder / contrast / "IM0", enforce_file_format=True)
                continue
            last = len(self.pixels[contrast]) + 3
            for index in range(len(self.pixels[contrast])):
                made = self.slice(contrast, index, **(changes or {}).get((contrast, index), {}))
                made.save_as(folder / contrast / f"IM{last - index}", enforce_file_format=True)
        return folder

    def _position(self, index):
        return decimals(ORIGIN + index * self.step * np.cross(*self.cosines.reshape(2, 3)))

    def _series_number(self, contrast):
        return 3 + self.contrasts.index(contrast)

    def _common(self, contrast):
        number = self._series_number(contrast)
        return _PATIENT | {
            "StudyInstanceUID": f"{self.root}.1",
            "SeriesInstanceUID": f"{self.root}.1.{number}",
            "FrameOfReferenceUID": f"{self.root}.2",
            "ImageType": ["ORIGINAL", "PRIMARY", "M"],
            "SeriesNumber": number,
            "SeriesDescription": _DESCRIPTIONS[contrast],
            "BitsStored": 12,
            "HighBit": 11,
        }
