"""The built-in phantom: drawn heads in four contrasts, some with a glioma, whose truth is known."""

from collections.abc import Iterator

import numpy as np

from kgp.data.phantom.anatomy import FIELD_OF_VIEW, HIGHEST, LOWEST, Head, cut_head, draw_head
from kgp.data.phantom.scanner import CONTRASTS, Scanner, acquire, acquire_mask, add_vessels, draw_scanner, tissue_image
from kgp.data.phantom.tumour import Tumour, add_tumour, displacement, draw_tumour
from kgp.data.sources.source import DataFault, SourceSlice
from kgp.errors import KgpError, UsageError

LABEL_NAMES = ("healthy", "low_grade", "high_grade")
# Labels of the patients in turn. One in six is healthy; as a tumour shows in some seven of ten
# slices of its patient, two in five slices are healthy and the grades share the rest.
_PATIENT_LABELS = (1, 2, 0, 1, 2, 1, 2, 1, 0, 2, 1, 2)


class PhantomSource:
    """Axial slices of drawn heads with T1, T2, T1ce and FLAIR: healthy, low-grade or high-grade
    glioma.

    A low-grade tumour is an even, diffuse lesion, bright in FLAIR and T2; a high-grade tumour has
    an enhancing ring around necrosis and oedema about it, all of which count as mask. Each tumour
    patient has healthy slices too. Bright caps on the ventricles, spots in white matter, vessels,
    choroid plexus, scalp and a bias field are no tumour.

    A patient depends on `seed`, the patient's number, `slices` and `size` alone: the same slices
    come out whatever the number of patients and in whatever order they are read.

    Args:
        patients: number of patients.
        slices: slices a patient, spread from the basal ganglia to the centrum semiovale; at least
            2.
        size: side of the slices in pixels; the field of view is 210 mm.
        seed: chooses among cohorts.

    Raises:
        UsageError: an argument is out of range.
    """

    name = "phantom"
    contrasts = CONTRASTS

    def __init__(self, patients: int = 72, slices: int = 10, size: int = 64, seed: int = 0) -> None:
        for argument, value, low in (
            ("patients", patients, 1),
            ("slices", slices, 2),
            ("size", size, 32),
            ("seed", seed, 0),
        ):
            if value < low:
                raise UsageError(f"The phantom's {argument} must be at least {low}, not {value}.")
        self.patients, self.slices, self.size, self.seed = patients, slices, size, seed

    def cases(self) -> list[str]:
        """Identifiers of the patients, sorted."""
        return [f"phantom{number:04d}" for number in range(self.patients)]

    def read(self, case: str) -> Iterator[SourceSlice]:
        """Draws the slices of one patient, from below upwards; images are uint16 [size, size, 4].

        Raises:
            KgpError: there is no such patient.
        """
        if case not in self.cases():
            raise KgpError(f"The phantom has no patient {case!r}; its {self.patients} patients begin with phantom0000.")
        number = int(case.removeprefix("phantom"))
        rng = np.random.default_rng([self.seed, number])
        head, scanner = draw_head(rng), draw_scanner(rng)
        label = _PATIENT_LABELS[number % len(_PATIENT_LABELS)]
        tumour = draw_tumour(rng, head, self.slices, high_grade=label == 2) if label else None
        for index in range(self.slices):
            shown = tumour if tumour and tumour.first <= index <= tumour.last else None
            image, mask = self._slice(head, scanner, shown, index, np.random.default_rng([self.seed, number, index]))
            slice_label = label if shown else 0
            yield SourceSlice(
                id=f"{case}_{index:02d}",
                patient=case,
                group=case,
                label=slice_label,
                label_name=LABEL_NAMES[slice_label],
                image=image,
                mask=mask,
                spacing=(FIELD_OF_VIEW / self.size, FIELD_OF_VIEW / self.size),
                volume=case,
                index=index,
            )

    def check(self) -> list[DataFault]:
        """No faults: nothing lies on disk."""
        return []

    def _slice(
        self, head: Head, scanner: Scanner, tumour: Tumour | None, index: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Image uint16 [size, size, 4] and mask bool [size, size] of one slice."""
        position = index / (self.slices - 1)
        level = LOWEST + position * (HIGHEST - LOWEST)
        # Drawn finer than it is scanned, so that pixels on a border mix the tissues on both sides.
        pixels = self.size * (3 if self.size < 96 else 2)
        push = displacement(tumour, head, index, pixels) if tumour else None
        section = cut_head(head, level, pixels, push)
        add_vessels(section, level, rng)
        image = tissue_image(section, scanner, position, rng)
        mask = np.zeros((pixels, pixels), bool)
        if tumour:
            image, mask = add_tumour(image, section, tumour, index)
        return acquire(image, scanner, position, self.size, rng), acquire_mask(mask, self.size)
