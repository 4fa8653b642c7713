"""The conditions under which a series is one contrast."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kgp.scans.dicom.header import ImageHeader
from kgp.scans.dicom.rules_file import Range
from kgp.scans.dicom.slab import slab_of


@dataclass(frozen=True)
class Words:
    """A pattern that must match and one that must not; None for one that is not given."""

    words: re.Pattern | None = None
    not_words: re.Pattern | None = None

    def match(self, text: str) -> bool:
        """Whether a text says it."""
        return found(self.words, text) and not found(self.not_words, text)


@dataclass(frozen=True)
class ContrastRule:
    """The conditions for one contrast.

    Attributes:
        words: of the description.
        agent: whether a contrast agent must be given (True), must not be given (False), or does not
            matter (None).
        limits: ranges of the times in milliseconds by name; a time that the header has must lie in
            one of its ranges.
        plain_times: of which one must hold in whole, where nothing but the times says what it is.
        planes: that the series may lie in; () for any.
        acquisition_contrast: pattern of AcquisitionContrast.
        not_sequence: pattern of ScanningSequence.
    """

    words: Words
    agent: bool | None
    limits: Mapping[str, tuple[Range, ...]]
    plain_times: tuple[Mapping[str, Range], ...]
    planes: tuple[str, ...]
    acquisition_contrast: re.Pattern | None
    not_sequence: re.Pattern | None

    def contradiction(self, header: ImageHeader) -> str:
        """What speaks against this contrast although the words do not, or ""."""
        contrast = header.acquisition.contrast
        for name, ranges in self.limits.items():
            value = _time(header, name)
            if value is not None and not _in_one(value, ranges):
                return "its times do not agree"
        if contrast and self.acquisition_contrast and not self.acquisition_contrast.fullmatch(contrast):
            return "its AcquisitionContrast does not agree"
        if found(self.not_sequence, " ".join(header.acquisition.scanning_sequence)):
            return "its ScanningSequence does not agree"
        if self.planes and slab_of(header.places).plane not in self.planes:
            return "it lies in another plane"
        return ""

    def is_plain_by_times(self, header: ImageHeader) -> bool:
        """Whether the times alone say that it is this contrast."""
        lines = self.plain_times
        if lines:
            return any(all(_in_one(_time(header, name), (one,)) for name, one in line.items()) for line in lines)
        return bool(self.limits) and all(_in_one(_time(header, name), ranges) for name, ranges in self.limits.items())


def found(pattern: re.Pattern | None, text: str) -> bool:
    """Whether a pattern is given and matches somewhere."""
    return pattern is not None and pattern.search(text) is not None


def whole(pattern: re.Pattern | None, text: str) -> bool:
    """Whether a pattern is given and matches the whole text."""
    return pattern is not None and pattern.fullmatch(text) is not None


def _time(header: ImageHeader, name: str) -> float | None:
    """A time in milliseconds; that of a gradient echo is None where it is none."""
    if name != "gradient_echo_time":
        return getattr(header, name)
    sequence = header.acquisition.scanning_sequence
    return header.echo_time if "GR" in sequence and "SE" not in sequence else None


def _in_one(value: float | None, ranges: tuple[Range, ...]) -> bool:
    """Whether a time lies in one of the ranges; the range None asks for none."""
    return any(not value if one is None else value is not None and one[0] <= value <= one[1] for one in ranges)
