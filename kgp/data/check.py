"""Checks a data set before it is trained on: every fault in one list."""

import hashlib
import time
from collections import Counter, defaultdict

import numpy as np

from kgp.data.near_duplicates import find_near_duplicates, small_pictures
from kgp.data.no_tumour import no_tumour_labels
from kgp.data.persons import person_warnings
from kgp.data.sources.source import DataFault, Source, SourceSlice
from kgp.errors import KgpError
from kgp.files import printable
from kgp.progress import show_progress
from kgp.scans.fit import LONGEST_PIXEL

_FEWEST_PATIENTS = 3  # a label has to stand in training, validation and test
# Each value of a field (second) must go with one value of another field (third); the first is the
# name in faults.
_ONE_VALUE = (("label", "label", "label_name"), ("label name", "label_name", "label"), ("patient", "patient", "group"))
_SPACING_SPREAD = 1.1  # ratio of the largest to the smallest pixel spacing that is reported


def check(source: Source) -> list[DataFault]:
    """Everything that is wrong with a data set, or worth knowing.

    Every pixel is read, case by case.

    Errors are what `kgp.data.prepare.prepare` refuses or leaves out, labels that training would
    refuse, and what would leak from one patient to another; the rest are warnings.
    """
    survey = _Survey(source)
    cases, started = source.cases(), time.monotonic()
    for number, case in enumerate(cases, start=1):
        survey.add_case(case)
        show_progress("Checked", number, len(cases), started)
    return survey.faults + survey.summary()


def slice_faults(piece: SourceSlice, contrasts: tuple[str, ...]) -> list[DataFault]:
    """What is wrong with one slice: values, blank contrasts, spacing, size of the mask."""
    faults = [DataFault("warning", piece.id, note) for note in piece.notes]
    names = (piece.id, piece.patient, piece.group, piece.label_name)
    if any(name != printable(name) for name in names):
        faults.append(DataFault("error", piece.id, "has an id or name that is no text (bytes that are not UTF-8)."))
    if piece.image.shape[2] != len(contrasts):
        faults.append(
            DataFault("error", piece.id, f"has {piece.image.shape[2]} channels where {len(contrasts)} are expected.")
        )
    elif not np.isfinite(piece.image).all():
        faults.append(DataFault("error", piece.id, "holds values that are not finite (NaN or infinity)."))
    elif is_blank(piece.image):
        faults.append(DataFault("warning", piece.id, "is black (of one value all over) and will be left out."))
    else:
        flat = [name for number, name in enumerate(contrasts) if is_blank(piece.image[..., number, None])]
        if flat:
            faults.append(DataFault("warning", piece.id, f"contrast {', '.join(flat)} is of one value all over."))
    spacing = piece.spacing or (1.0, 1.0)
    if not all(0 < value < 100 for value in spacing) or max(spacing) > LONGEST_PIXEL * min(spacing):
        faults.append(DataFault("error", piece.id, f"has pixel spacing {piece.spacing} mm, which cannot be."))
    if piece.spacing_slice is not None and not 0 < piece.spacing_slice < 100:
        faults.append(
            DataFault("error", piece.id, f"lies {piece.spacing_slice} mm from the next slice, which cannot be.")
        )
    if piece.mask is not None and piece.mask.shape != piece.image.shape[:2]:
        faults.append(
            DataFault(
                "error", piece.id, f"has a mask of shape {piece.mask.shape} on a slice of {piece.image.shape[:2]}."
            )
        )
    return faults


def is_blank(image: np.ndarray) -> bool:
    """Whether every contrast of a slice [H, W, C] is of one value all over: a black slice, or
    padding.
    """
    return bool((image == image[:1, :1]).all())


class _Survey:
    """Collects, case by case, what is compared across cases."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.faults = list(source.check())
        self._reported = {fault.where for fault in self.faults if fault.severity == "error"}
        self._shapes: Counter[str] = Counter()
        self._spacings: set[float] = set()
        self._masks = 0
        self._groups: dict[str, set[str]] = defaultdict(set)
        self._persons: Counter[str] = Counter()
        self._values: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._ids: Counter[str] = Counter()
        self._owners: dict[str, tuple[str, str]] = {}
        self._names: dict[int, str] = {}
        self._masked: list[tuple[str, int, bool]] = []  # id, label, whether the mask holds anything
        self._pictures: list[np.ndarray] = []
        self._shown: list[tuple[str, str]] = []  # id and group of each picture

    def add_case(self, case: str) -> None:
        """Reads a case; a file that cannot be read is a fault."""
        try:
            for piece in self.source.read(case):
                self._add(piece)
        except KgpError as error:
            if case not in self._reported:
                self.faults.append(DataFault("error", case, str(error)))

    def _add(self, piece: SourceSlice) -> None:
        self.faults += slice_faults(piece, self.source.contrasts)
        self._shapes["x".join(map(str, piece.image.shape))] += 1
        self._spacings.update(piece.spacing or ())
        self._masks += piece.mask is not None
        self._groups[piece.label_name].add(piece.group)
        self._persons[piece.group] += 1
        for what, key, value in _ONE_VALUE:
            self._values[what, str(getattr(piece, key)), value].add(str(getattr(piece, value)))
        self._ids[piece.id] += 1
        self._names.setdefault(piece.label, piece.label_name)
        if piece.mask is not None and piece.mask.shape == piece.image.shape[:2]:
            self._masked.append((piece.id, piece.label, bool(piece.mask.any())))
        self._add_picture(piece)

    def _add_picture(self, piece: SourceSlice) -> None:
        """Notes how a slice looks; one with the pixels of another patient's is a fault."""
        if is_blank(piece.image) or not np.isfinite(piece.image).all():
            return
        digest = hashlib.sha256(repr(piece.image.shape).encode() + piece.image.tobytes()).hexdigest()
        twin, group = self._owners.setdefault(digest, (piece.id, piece.group))
        if group == piece.group:
            self._pictures.append(small_pictures(piece.image))
            self._shown.append((piece.id, piece.group))
        else:
            self.faults.append(DataFault("error", piece.id, f"has the same pixels as slice {twin} of another patient."))

    def summary(self) -> list[DataFault]:
        """The faults that show only when all cases have been read."""
        faults = self._mask_faults() + self._person_faults()
        faults += [
            DataFault("error", identifier, f"the id stands {count} times.")
            for identifier, count in self._ids.items()
            if count > 1 and identifier not in self._reported
        ]
        faults += [
            DataFault("error", f"{what} {name}", f"goes with several values of {value}: {', '.join(sorted(values))}.")
            for (what, name, value), values in self._values.items()
            if len(values) > 1
        ]
        if not self._shapes:
            faults.append(DataFault("error", "all", "no slice can be read."))
        slices = sum(self._shapes.values())
        if 0 < self._masks < slices:
            faults.append(DataFault("warning", "all", f"{slices - self._masks} of {slices} slices have no mask."))
        if len(self._shapes) > 1:
            listed = ", ".join(f"{shape} ({count})" for shape, count in self._shapes.most_common())
            faults.append(DataFault("warning", "all", f"slices are of several sizes: {listed}; training needs --size."))
        if self._spacings and max(self._spacings) > _SPACING_SPREAD * min(self._spacings):
            faults.append(
                DataFault(
                    "warning",
                    "all",
                    f"pixel spacings run from {min(self._spacings):.3g} to {max(self._spacings):.3g} mm.",
                )
            )
        for name, members in sorted(self._groups.items()):
            if len(members) < _FEWEST_PATIENTS:
                faults.append(
                    DataFault(
                        "warning",
                        f"label {name}",
                        f"has {len(members)} patient(s); {_FEWEST_PATIENTS} are "
                        "needed for training, validation and test.",
                    )
                )
        return faults

    def _mask_faults(self) -> list[DataFault]:
        """Masks that contradict the label."""
        without_tumour = no_tumour_labels(self._names)
        return [
            DataFault(
                "warning",
                identifier,
                f"has label {label} but a mask that is not empty."
                if filled
                else "has a tumour label but an empty mask.",
            )
            for identifier, label, filled in self._masked
            if filled == (label in without_tumour)
        ]

    def _person_faults(self) -> list[DataFault]:
        """What makes the persons doubtful: their names, and pictures under several names."""
        pairs = find_near_duplicates(self._pictures, [group for _, group in self._shown])
        return [
            *(DataFault("warning", "all", sentence) for sentence in person_warnings(self._persons.elements())),
            *(
                DataFault(
                    "warning",
                    self._shown[later][0],
                    f"is nearly the same picture as slice {self._shown[earlier][0]} of another patient.",
                )
                for later, earlier in pairs
            ),
        ]
