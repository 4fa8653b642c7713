"""Texts of a header as messages and results may show them: without what tells who the patient is."""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from kgp.scans.dicom.files import shown_text

ATTRIBUTES = ["PatientID", "PatientName", "OtherPatientIDs", "PatientBirthDate", "AccessionNumber"]
_LONGEST = 64  # characters of a text that is shown
_SHORTEST = 3  # characters that tell a patient
_GERMAN = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}


def patient_values(dataset: Any) -> tuple[str, ...]:
    """What tells who the patient is: names, numbers, and the birth date in its usual forms.

    Args:
        dataset: a header with the elements ATTRIBUTES (pydicom).
    """
    name, birth = str(dataset.get("PatientName") or ""), str(dataset.get("PatientBirthDate") or "")
    others = dataset.get("OtherPatientIDs") or ()
    values = [str(dataset.get(keyword) or "") for keyword in ("PatientID", "AccessionNumber")]
    values += [others] if isinstance(others, str) else [str(value) for value in others]
    values += re.split(r"[\^= ,;-]+", name)
    if len(birth) == 8:
        year, month, day = birth[:4], birth[4:6], birth[6:]
        for written in (year, year[2:]):
            values += [written + month + day, day + month + written, month + day + written]
            values += (
                [f"{int(day)}{int(month)}{written}", f"{int(month)}{int(day)}{written}"] if birth.isdigit() else []
            )
    return tuple(value for value in values if value)


def without_patient(text: str, values: tuple[str, ...]) -> str:
    """A text in which each of the values is replaced by "...", however it is written.

    Capitals, accents, umlauts written out, and signs between the letters make no difference.

    Args:
        text: of a header.
        values: `patient_values` of it; those of fewer than three letters and digits tell nobody.
    """
    shown = unicodedata.normalize("NFC", shown_text(text))[:_LONGEST]
    hidden = [False] * len(shown)
    folded_values = {"".join(letters) for value in values for letters in _foldings(value)}
    for letters in _foldings(shown):
        together = "".join(letters)
        owners = [index for index, part in enumerate(letters) for _ in part]
        for value in folded_values:
            start = together.find(value) if len(value) >= _SHORTEST else -1
            while start >= 0:
                first, last = owners[start], owners[start + len(value) - 1]
                hidden[first : last + 1] = [True] * (last + 1 - first)
                start = together.find(value, start + 1)
    pieces = itertools.groupby(zip(hidden, shown, strict=True), key=lambda pair: pair[0])
    return "".join("..." if secret else "".join(letter for _, letter in pairs) for secret, pairs in pieces)


def _foldings(text: str) -> Iterator[list[str]]:
    """The text letter by letter without capitals, accents and signs: umlauts written out, and not."""
    lowered = [letter.lower() for letter in unicodedata.normalize("NFC", text)]
    for umlauts in (_GERMAN, {}):
        yield [
            "".join(part for part in unicodedata.normalize("NFKD", umlauts.get(letter, letter)) if part.isalnum())
            for letter in lowered
        ]
