"""Reading a mask from a picture file: grey values, a palette's numbers, or colours."""

from pathlib import Path

import numpy as np

from kgp.data.sources.mask_values import HIGHEST_LABEL, tumour_mask
from kgp.errors import KgpError
from kgp.files import printable
from kgp.scans.pictures import JPEG_ENDINGS, Picture, open_picture

_LEAST_OF_A_JPEG = 64  # a JPEG's lower values may be labels that its coding changed
# A picture with the tumour drawn into it: coloured pixels beside grey ones of many levels between
# black and white.
_COLOURED, _GREY_LEVELS, _GREY_SHARE = 0.1, 16, 0.05


def read_mask_picture(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Where a mask [H, W] in a picture file says that there is tumour, and notes on it.

    A palette's colours are its numbers, as in other label images. Of colours the brightest channel
    counts. Transparent pixels are no tumour.

    Returns:
        bool [H, W], and sentences that each begin with a verb.

    Raises:
        KgpError: the file cannot be read, or it cannot be told which pixels are tumour.
    """
    picture = open_picture(path)
    values = _values(picture, path)
    name = printable(path.name)
    notes = [f"has a mask ({name}) that {note}" for note in picture.notes if picture.alpha is None]
    if picture.alpha is not None:
        visible = picture.alpha > 0
        if not values.any() and picture.alpha.min() < picture.alpha.max():
            raise KgpError(
                f"{path} is a black mask whose alpha channel varies, so that it cannot be told what is tumour; "
                "save it in grey without transparency."
            )
        if ((values > 0) & ~visible).any():
            notes.append(f"has a mask ({name}) with transparent pixels, which are taken for no tumour.")
        values = np.where(visible, values, 0)
    if path.suffix.lower() in JPEG_ENDINGS and 0 < values.max() < _LEAST_OF_A_JPEG:
        raise KgpError(
            f"{path} is a mask in a JPEG with values up to {values.max()}, which JPEG does not keep; save it as PNG."
        )
    mask, more = tumour_mask(values, path)
    return mask, (*notes, *more)


def _values(picture: Picture, path: Path) -> np.ndarray:
    """The one value [H, W] that each pixel of a mask stands for."""
    values = picture.values
    channels = values.shape[2]
    if channels == 1:
        return values[..., 0]
    if channels == 4 and (values[..., 3] == values[0, 0, 3]).all():  # an array of colours and opacity
        values = values[..., :3]
    elif channels != 3:
        raise KgpError(f"{path} is a mask of {channels} channels where one, or a colour, is expected.")
    brightest, darkest = values.max(axis=2), values.min(axis=2)
    is_grey = bool((brightest == darkest).all())
    if picture.palette_numbers is not None:
        return _by_palette(picture.palette_numbers, brightest, is_grey, path)
    if not is_grey:
        _refuse_overlay(brightest, darkest, path)
    return brightest


def _by_palette(numbers: np.ndarray, brightest: np.ndarray, is_grey: bool, path: Path) -> np.ndarray:
    """The numbers of a palette's colours, or the colours where only they have a background."""
    background, black = numbers == 0, brightest == 0
    if is_grey and brightest.any() and (numbers.max() > HIGHEST_LABEL or (background != black).any()):
        return brightest
    if background.any() and black.any() and not black.all() and (background != black).any():
        raise KgpError(
            f"{path} is a mask with a palette whose colour 0 is not black although another is, so that it cannot be "
            "told what is tumour; save it in grey."
        )
    return numbers if background.any() else brightest


def _refuse_overlay(brightest: np.ndarray, darkest: np.ndarray, path: Path) -> None:
    top = float(brightest.max())
    coloured = brightest.astype(np.float64) - darkest > _COLOURED * top
    grey = brightest[~coloured & (brightest > 0.1 * top) & (brightest < 0.9 * top)]
    if len(grey) > _GREY_SHARE * brightest.size and len(np.unique(grey)) > _GREY_LEVELS:
        raise KgpError(
            f"{path} is no mask but a picture with something drawn into it: it has colours beside "
            f"{len(np.unique(grey))} levels of grey."
        )
