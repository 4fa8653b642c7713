"""Pictures of one slice: the slice, its map with evidence points, and its mask and true outline."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from kgp.errors import KgpError
from kgp.files import atomic_path, printable
from kgp.heatmap.evidence import EvidencePoint
from kgp.prediction.stack import StackPoint
from kgp.scans.fit import fit_image, fit_map, fit_mask, fit_points

PANEL = 288
_BAND = 26
_GAP = 6
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45
_MASK = (255, 170, 30)
_TRUTH = (60, 220, 120)
_POINT = (255, 255, 255)
_JOINED_DISTANCE = 0.05  # evidence points closer than this share of the picture's height are drawn as one
_SMALL_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 6]  # 9 takes ten times as long for an eighth less


@dataclasses.dataclass(frozen=True)
class Picture:
    """What is drawn of one slice.

    Attributes:
        image: raw intensities [H, W, C].
        channel: which contrast is shown.
        map: the map that is cut, [H, W].
        mask: bool [H, W].
        truth: true mask bool [H, W], or None.
        points: evidence points, on the grid of the map.
        title: one short line.
        limit: value at which the map's colours are full; None for its own largest.
    """

    image: np.ndarray
    channel: int
    map: np.ndarray
    mask: np.ndarray
    truth: np.ndarray | None = None
    points: Sequence[EvidencePoint] = ()
    title: str = ""
    limit: float | None = None


def panel_picture(
    contrast: np.ndarray,
    values: np.ndarray,
    mask: np.ndarray,
    points: Sequence[StackPoint],
    spacing: tuple[float, float] | None,
    *,
    truth: np.ndarray | None = None,
    title: str = "",
    limit: float | None = None,
) -> Picture:
    """A slice on its own grid, fitted to the size of a panel.

    Args:
        contrast: the contrast that is shown, [H, W].
        values: the map, [H, W].
        mask: bool [H, W].
        points: evidence points in pixels of the slice.
        spacing: millimetres between rows and between columns, or None for square pixels.
        truth, title, limit: see `Picture`.
    """
    positions = np.array([(point.row, point.column) for point in points]).reshape(-1, 2)
    height, width = mask.shape
    fitted = fit_points(positions, height, width, PANEL, spacing)
    return Picture(
        image=fit_image(contrast[..., None], PANEL, spacing),
        channel=0,
        map=fit_map(values, PANEL, spacing),
        mask=fit_mask(mask, PANEL, spacing),
        truth=None if truth is None else fit_mask(truth, PANEL, spacing),
        points=[
            EvidencePoint(round(row), round(column), point.contribution)
            for (row, column), point in zip(fitted.tolist(), points, strict=True)
        ],
        title=title,
        limit=limit,
    )


def draw_picture(picture: Picture) -> np.ndarray:
    """Three panels side by side with a line of text above, RGB uint8 [H', W', 3]."""
    grey = grey_panel(picture.image[..., picture.channel])
    panels = [grey, map_panel(grey, picture), mask_panel(grey, picture)]
    gap = np.full((grey.shape[0], _GAP, 3), 255, np.uint8)
    row = np.concatenate([panels[0], gap, panels[1], gap, panels[2]], axis=1)
    band = np.full((_BAND, row.shape[1], 3), 255, np.uint8)
    _text(band, picture.title, (4, 18))
    return np.concatenate([band, row])


def grey_panel(contrast: np.ndarray) -> np.ndarray:
    """One contrast [H, W], grey from its 1st to 99.5th percentile, RGB uint8 of PANEL pixels."""
    low, high = np.percentile(contrast, (1.0, 99.5))
    scaled = np.clip((contrast - low) / max(high - low, 1e-6), 0.0, 1.0)
    return np.repeat(_enlarged((255 * scaled).astype(np.uint8), cv2.INTER_CUBIC)[..., None], 3, axis=2)


def diverging_colours(values: np.ndarray, limit: float) -> np.ndarray:
    """Values in -limit .. limit as blue over light grey to red, RGB uint8."""
    share = np.clip(values / max(limit, 1e-9), -1.0, 1.0)[..., None]
    middle = np.array([235.0, 235.0, 235.0])
    towards = np.where(share > 0, np.array([190.0, 10.0, 30.0]), np.array([30.0, 70.0, 180.0]))
    return (middle + (towards - middle) * np.abs(share)).astype(np.uint8)


def overlay_sheet(pictures: Sequence[np.ndarray], path: Path) -> None:
    """Writes pictures below each other as a PNG, atomically.

    Raises:
        KgpError: there is nothing to draw.
    """
    if not pictures:
        raise KgpError(f"There is no picture to draw into {path}.")
    write_png(path, stacked(pictures))


def stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """RGB pictures below each other, the narrower ones padded with white at the right."""
    width = max(picture.shape[1] for picture in pictures)
    return np.concatenate(
        [np.pad(picture, ((0, 0), (0, width - picture.shape[1]), (0, 0)), constant_values=255) for picture in pictures]
    )


def write_png(path: Path, rgb: np.ndarray) -> None:
    """Writes RGB uint8 [H, W, 3] or grey [H, W] (uint8, uint16) as a PNG, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(encode_png(rgb))


def encode_png(rgb: np.ndarray) -> bytes:
    """The bytes of a PNG."""
    ordered = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR) if rgb.ndim == 3 else rgb
    return cv2.imencode(".png", ordered, _SMALL_PNG)[1].tobytes()


def map_panel(grey: np.ndarray, picture: Picture) -> np.ndarray:
    """The map over the slice, red for the class, blue against it; circles for evidence."""
    limit = float(np.abs(picture.map).max()) if picture.limit is None else picture.limit
    values = cv2.resize(picture.map.astype(np.float32), grey.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    panel = (0.35 * grey + 0.65 * diverging_colours(values, limit)).astype(np.uint8)
    points = merged(picture.points, _JOINED_DISTANCE * picture.map.shape[0])
    largest = max((abs(point.contribution) for point in points), default=1.0) or 1.0
    scale = grey.shape[0] / picture.map.shape[0], grey.shape[1] / picture.map.shape[1]
    for point in points:
        centre = (round((point.column + 0.5) * scale[1]), round((point.row + 0.5) * scale[0]))
        radius = max(2, round(7 * (abs(point.contribution) / largest) ** 0.5))
        cv2.circle(panel, centre, radius, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.circle(panel, centre, radius, _POINT if point.contribution >= 0 else (120, 160, 255), 1, cv2.LINE_AA)
    return _colour_bar(panel, limit)


def merged(points: Sequence[EvidencePoint], distance: float) -> list[EvidencePoint]:
    """Joins points of one sign that lie close together, so that circles do not hide a peak.

    A point within `distance` of a stronger one adds its contribution to that one.

    Args:
        points: by falling absolute contribution.
        distance: in pixels of the feature map.
    """
    kept: list[EvidencePoint] = []
    for point in points:
        for index, other in enumerate(kept):
            is_close = np.hypot(point.row - other.row, point.column - other.column) <= distance
            if is_close and point.contribution * other.contribution > 0:
                total = other.contribution + point.contribution
                kept[index] = dataclasses.replace(other, contribution=total)
                break
        else:
            kept.append(point)
    return kept


def mask_panel(grey: np.ndarray, picture: Picture) -> np.ndarray:
    """The mask filled, and the true outline where it is known."""
    panel = grey.copy()
    mask = _enlarged(picture.mask.astype(np.uint8), cv2.INTER_NEAREST) > 0
    panel[mask] = (0.55 * panel[mask] + 0.45 * np.array(_MASK)).astype(np.uint8)
    if picture.truth is not None:
        truth = _enlarged(picture.truth.astype(np.uint8), cv2.INTER_NEAREST)
        outlines, _ = cv2.findContours(truth, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(panel, outlines, -1, _TRUTH, 2, cv2.LINE_AA)
    legend = "mask" if picture.truth is None else "mask (orange), truth (green)"
    _text(panel, legend, (6, panel.shape[0] - 8), (255, 255, 255))
    return panel


def caption_bar(panel: np.ndarray, caption: str) -> np.ndarray:
    """The panel with a line of text above it and a white margin at its right."""
    band = np.full((_BAND, panel.shape[1], 3), 255, np.uint8)
    _text(band, caption, (4, 18))
    return np.pad(np.concatenate([band, panel]), ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255)


def _colour_bar(panel: np.ndarray, limit: float) -> np.ndarray:
    height, width = panel.shape[0] // 2, 8
    top, left = panel.shape[0] // 4, panel.shape[1] - width - 6
    ramp = np.repeat(np.linspace(limit, -limit, height)[:, None], width, axis=1)
    panel[top : top + height, left : left + width] = diverging_colours(ramp, limit)
    for value, row in ((limit, top - 4), (-limit, top + height + 12)):
        label, start = f"{value:+.1f}", panel.shape[1] - 44
        (length, tall), _ = cv2.getTextSize(label, _FONT, _FONT_SCALE, 1)
        panel[row - tall - 2 : row + 3, start - 2 : start + length + 2] = 235  # legible on full colours too
        _text(panel, label, (start, row), (20, 20, 20))
    return panel


def _enlarged(values: np.ndarray, interpolation: int) -> np.ndarray:
    factor = max(PANEL / max(values.shape), 1.0)
    size = (round(values.shape[1] * factor), round(values.shape[0] * factor))
    return cv2.resize(values, size, interpolation=interpolation)


def _text(panel: np.ndarray, text: str, start: tuple[int, int], colour: tuple[int, int, int] = (0, 0, 0)) -> None:
    # OpenCV ends the process over a name that is no UTF-8.
    text = shortened(printable(text), panel.shape[1] - start[0])
    cv2.putText(panel, text, start, _FONT, _FONT_SCALE, colour, 1, cv2.LINE_AA)


def shortened(text: str, width: int) -> str:
    """The text without its middle where it does not fit `width` pixels; its end matters most."""
    kept = len(text)
    short = text
    while kept > 2 and cv2.getTextSize(short, _FONT, _FONT_SCALE, 1)[0][0] > width:
        kept -= 1
        short = f"{text[: kept // 2]}...{text[len(text) - (kept - kept // 2) :]}"
    return short


def shown_contrast(contrasts: Sequence[str]) -> int:
    """FLAIR where there is one, else the first contrast."""
    return contrasts.index("FLAIR") if "FLAIR" in contrasts else 0
