"""The stored values of an image: which bits of a pixel they are, and which of them are padding."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from kgp.errors import KgpError
from kgp.scans.dicom.values import whole_number

_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
_OVERLAY_BIT = 0x0102  # element of OverlayBitPosition


def stored_values(dataset: Any, frames: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Decodes the pixels.

    Args:
        dataset: a whole image (pydicom) of one value of 8 or 16 bits a pixel, with its transfer
            syntax.
        frames: number of frames.
        name: how messages call the image.

    Returns:
        The stored values, integers [frames, rows, columns], and which of them are padding, bool.

    Raises:
        KgpError: the bits of a pixel are described in a way that cannot be, or PixelPaddingValue is
            no number.
    """
    allocated, stored, high = _bits(dataset, name)
    dataset.pixel_array_options(correct_unused_bits=False)
    raw = dataset.pixel_array.reshape(frames, int(dataset.Rows), int(dataset.Columns))
    lowest = high + 1 - stored
    if lowest:
        _check_bits_below(dataset, raw, lowest, name)
    # To the left, out of the container, and back: bits above are lost, and the sign is carried on.
    above = allocated - 1 - high
    values = np.right_shift(np.left_shift(raw, above), above + lowest)
    padded = np.zeros(values.shape, bool)
    for frame in range(frames):
        ends = _padding(dataset, frame, np.issubdtype(raw.dtype, np.signedinteger), name)
        if ends is not None:
            # Scanners pad with values that do not fit into the stored bits, too.
            fits = all(_fits(end, stored, raw.dtype) for end in ends)
            compared = values[frame] if fits else raw[frame]
            padded[frame] = (compared >= ends[0]) & (compared <= ends[1])
    return values, padded


def _bits(dataset: Any, name: str) -> tuple[int, int, int]:
    """BitsAllocated, BitsStored and HighBit."""
    allocated = whole_number(dataset, "BitsAllocated", name)
    stored = whole_number(dataset, "BitsStored", name)
    high = whole_number(dataset, "HighBit", name, stored - 1)
    if not (1 <= stored <= allocated and stored - 1 <= high < allocated):
        raise KgpError(
            f"{name} says BitsAllocated {allocated}, BitsStored {stored} and HighBit {high}, which cannot all be true."
        )
    if high != stored - 1 and dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        raise KgpError(
            f"{name} holds compressed pixels whose HighBit is {high} and not BitsStored - 1, which is {stored - 1}; "
            "such pixels are not read."
        )
    return allocated, stored, high


def _check_bits_below(dataset: Any, raw: np.ndarray, lowest: int, name: str) -> None:
    """Refuses pixels below whose lowest bit something stands that is no overlay."""
    below = (1 << lowest) - 1
    for group in _OVERLAY_GROUPS:
        if (group, _OVERLAY_BIT) in dataset:
            below &= ~(1 << int(dataset[group, _OVERLAY_BIT].value))
    if np.bitwise_and(raw, below).any():
        raise KgpError(
            f"{name} says that its pixels end at bit {lowest} (HighBit and BitsStored), and something stands below it; "
            "which of the bits are the pixels is not known."
        )


def _padding(dataset: Any, frame: int, signed: bool, name: str) -> tuple[int, int] | None:
    """The lowest and the highest value of the padding in one frame, both included."""
    for group in _groups(dataset, frame):
        first = _padding_end(group, "PixelPaddingValue", signed, name)
        if first is not None:
            last = _padding_end(group, "PixelPaddingRangeLimit", signed, name)
            last = first if last is None else last
            return min(first, last), max(first, last)
    return None


def _groups(dataset: Any, frame: int) -> Iterator[Any]:
    """The functional groups of a frame, own before shared, and then the image."""
    own = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for item in (*own[frame : frame + 1], *shared[:1]):
        for element in item:
            if element.VR == "SQ":
                yield from element.value[:1]
    yield dataset


def _padding_end(dataset: Any, attribute: str, signed: bool, name: str) -> int | None:
    """One end of the padding in the representation of the pixels, whatever that of the header."""
    value = dataset.get(attribute)
    if value is None or value == "":
        return None
    is_binary = isinstance(value, bytes)  # where the kind of value is not known
    value = int.from_bytes(value[:2], "little") if is_binary else whole_number(dataset, attribute, name)
    if not -(1 << 15) <= value < 1 << 16:
        raise KgpError(f"{name} has the {attribute} {value} where 16 bits are expected.")
    value &= 0xFFFF
    return value - (1 << 16) if signed and value >> 15 else value


def _fits(value: int, stored: int, kind: np.dtype) -> bool:
    """Whether a value can be stored in so many bits."""
    if np.issubdtype(kind, np.signedinteger):
        return -(1 << (stored - 1)) <= value < 1 << (stored - 1)
    return value < 1 << stored
