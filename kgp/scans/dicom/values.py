"""Values of single attributes of a header, and what is said where one cannot be used."""

import re
from typing import Any

import numpy as np
from pydicom.datadict import keyword_for_tag
from pydicom.errors import BytesLengthException
from pydicom.multival import MultiValue

from kgp.errors import KgpError
from kgp.scans.dicom.damage import DAMAGE

# What a text that was meant for numbers is made of. Any other text is not quoted: where bytes were
# lost, it may come from another attribute.
_ONE = r"[-+.,0-9e ]*(nan|inf|[cm]?m|m?s|deg)? *"
_MEANT_AS_NUMBERS = re.compile(rf"{_ONE}(\\{_ONE})*", re.IGNORECASE)
_LONGEST = 100  # characters that are quoted


def numbers(dataset: Any, attribute: str, count: int, name: str) -> np.ndarray:
    """The numbers of an attribute that says where an image lies, [count].

    Args:
        dataset: a header (pydicom), or an empty dict where a part of it is missing.
        attribute: its keyword.
        count: how many finite numbers are expected.
        name: how messages call the image.

    Raises:
        KgpError: it is missing or empty, or holds text or other numbers.
    """
    values = all_numbers(dataset, attribute, name)
    if values.size == 0:
        raise KgpError(f"{name} has no {attribute}, so its place in space is not known.")
    if values.shape != (count,) or not np.isfinite(values).all():
        raise KgpError(f"{name} has the {attribute} {in_words(values)} where {count} finite number(s) are expected.")
    return values


def number(dataset: Any, attribute: str, name: str, default: float | None = None) -> float:
    """The one number of an attribute, or `default` where it is missing or empty.

    Raises:
        KgpError: it is missing and has no default, or is not one finite number.
    """
    values = all_numbers(dataset, attribute, name)
    if values.size == 0 and default is not None:
        return float(default)
    if values.size == 0:
        raise KgpError(f"{name} has no {attribute}.")
    if values.size != 1 or not np.isfinite(values).all():
        raise KgpError(f"{name} has the {attribute} {in_words(values)} where one finite number is expected.")
    return float(values.item())


def whole_number(dataset: Any, attribute: str, name: str, default: int | None = None) -> int:
    """The one whole number of an attribute; see `number`."""
    value = number(dataset, attribute, name, default)
    if not value.is_integer():
        raise KgpError(f"{name} has the {attribute} {value:g} where a whole number is expected.")
    return int(value)


def all_numbers(dataset: Any, attribute: str, name: str) -> np.ndarray:
    """All numbers of an attribute, none where it is missing or empty.

    Raises:
        KgpError: it holds text.
        ValueError, NotImplementedError: it is damaged; see `kgp.scans.dicom.damage`.
    """
    try:
        value = dataset.get(attribute)
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if isinstance(value, str):  # of a kind of text that is not split, which some scanners write for numbers
            value = value.rstrip("\0 ").split("\\") if value.strip("\0 ") else None
        return np.atleast_1d(np.array([] if value is None else value, float))
    except BytesLengthException:
        raise
    except (ValueError, TypeError, ArithmeticError):
        raise KgpError(
            f"{name} has text for {attribute} where numbers are expected{_quoted(dataset, attribute)}."
        ) from None


def in_words(values: np.ndarray) -> str:
    """The first eight numbers of an array."""
    return "[" + ", ".join(f"{value:g}" for value in values.ravel()[:8]) + "]"


def leave_out_unreadable(dataset: Any) -> set[str]:
    """Removes the values of a header that cannot be read.

    Returns:
        Their keywords, or their tags where they have none; never a value.

    Raises:
        ValueError, TypeError and others: a value in a sequence cannot be read, among which are
            those that describe frames; see `kgp.scans.dicom.damage`.
    """
    removed = set()
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except DAMAGE:
            removed.add(keyword_for_tag(tag) or str(tag))
            del dataset[tag]
        else:
            for item in element.value if element.VR == "SQ" else ():
                for inner in item.iterall():
                    _ = inner.value  # fails here and not when results are written
    return removed


def _quoted(dataset: Any, attribute: str) -> str:
    """The text that stands in place of numbers, where it was meant as such; otherwise ""."""
    stored = dataset.get_item(attribute).value
    if isinstance(stored, bytes):
        stored = stored.decode("latin-1")
    text = ("\\".join(map(str, stored)) if isinstance(stored, MultiValue) else str(stored)).rstrip("\0 ")
    if len(text) > _LONGEST or not _MEANT_AS_NUMBERS.fullmatch(text):
        return ""
    comma = ", with a comma in it" if "." in text else ", with a decimal comma in place of a point"
    return f": '{text}'" + (comma if "," in text else "")
