"""A sheet of augmented slices, to see what a training will see."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from kgp.config import RunConfig
from kgp.data.augment import augment_pair
from kgp.data.cohort import Cohort, SliceRow, read_image, read_mask
from kgp.data.normalise import scale_intensities
from kgp.data.pipeline import slice_seed
from kgp.errors import KgpError, UsageError
from kgp.files import atomic_path

_TILE = 160  # smallest side of a tile in pixels
_STRIP = 18  # height of a caption
_GAP = 4
_TEXT = (255, 255, 255)
_OUTLINE = (0, 255, 255)  # yellow, as OpenCV orders colours (blue, green, red)


def write_preview(cohort: Cohort, path: Path, config: RunConfig, rows: int = 6, columns: int = 5) -> Path:
    """Draws a sheet of slices: in each row one slice as it is and as several epochs of a training
    would change it.

    A tile shows the first three contrasts as red, green and blue (a single one in grey), normalised
    as `config` says. All tiles of a row share one window, so that changes of intensity are seen.
    True masks are outlined in yellow.

    Args:
        cohort: the prepared slices; the ones drawn are spread evenly over its labels.
        path: PNG file to write.
        config: normalisation, augmentation and seed.
        rows: slices to draw, at most as many as there are.
        columns: changed versions of each.

    Raises:
        UsageError: `path` does not end in .png, or `rows` or `columns` is not positive.
        KgpError: a slice cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise UsageError(f"--preview writes a .png file, not {path.name!r}.")
    if rows < 1 or columns < 1:
        raise UsageError(f"A preview needs at least one row and one column, not {rows} and {columns}.")
    pieces = [_slice_row(cohort, row, index, config, columns) for index, row in _chosen(cohort.rows, rows)]
    head = _captions(_title(cohort, config), pieces[0].shape[1])
    names = ["as it is", *(f"epoch {number + 1}" for number in range(columns))]
    labels = np.concatenate([_strip(name, pieces[0].shape[1] // (columns + 1)) for name in names], axis=1)
    done, content = cv2.imencode(".png", np.concatenate([head, labels, *pieces]))
    if not done:
        raise KgpError(f"{path} cannot be encoded as PNG.")
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.tobytes())
    return path


def _chosen(rows: Sequence[SliceRow], count: int) -> list[tuple[int, SliceRow]]:
    """Slices with their indices in the cohort, evenly spread after sorting by label."""
    ordered = sorted(enumerate(rows), key=lambda pair: pair[1].label)
    positions = (np.arange(min(count, len(ordered))) + 0.5) * len(ordered) / min(count, len(ordered))
    return [ordered[int(position)] for position in positions]


def _slice_row(cohort: Cohort, row: SliceRow, index: int, config: RunConfig, columns: int) -> np.ndarray:
    """One captioned row of tiles, uint8 [h, w, 3]."""
    original = tf.convert_to_tensor(scale_intensities(read_image(cohort, row), config.data.normalisation))
    true = read_mask(cohort, row)
    mask = None if true is None else tf.constant(true.astype(np.uint8))
    versions = [(original, mask)]
    for epoch in range(columns):
        versions.append(augment_pair(original, mask, config.augment, slice_seed(config.optimiser.seed, epoch, index)))
    low, high = np.percentile(original, (0.5, 99.5), axis=(0, 1))
    tiles = [_tile(image.numpy(), None if moved is None else moved.numpy(), low, high) for image, moved in versions]
    picture = np.concatenate(tiles, axis=1)
    return np.concatenate([_strip(f"{row.id}   {row.label_name}", picture.shape[1]), picture])


def _tile(image: np.ndarray, mask: np.ndarray | None, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """One picture in colour with its outline and a margin, uint8 [h, w, 3]."""
    shown = np.clip((image - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)[..., :3]
    if shown.shape[-1] == 1:
        shown = np.repeat(shown, 3, axis=-1)
    colours = np.zeros((*shown.shape[:2], 3), np.uint8)
    colours[..., : shown.shape[-1]] = np.round(255.0 * shown)
    zoom = max(1, -(-_TILE // min(shown.shape[:2])))
    size = (shown.shape[1] * zoom, shown.shape[0] * zoom)
    picture = cv2.resize(np.ascontiguousarray(colours[..., ::-1]), size, interpolation=cv2.INTER_LINEAR)
    if mask is not None:
        enlarged = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
        contours = cv2.findContours(enlarged, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]
        cv2.drawContours(picture, contours, -1, _OUTLINE, 1)
    return np.pad(picture, [(0, _GAP), (0, _GAP), (0, 0)])


def _title(cohort: Cohort, config: RunConfig) -> str:
    changes = [
        f"{name.replace('_', ' ')} {value:g}" for name, value in dataclasses.asdict(config.augment).items() if value
    ]
    return (
        f"{Path(cohort.name).name}: {len(cohort.rows)} slices of {'x'.join(map(str, cohort.shape))}; "
        f"shown {', '.join(cohort.contrasts[:3])}; "
        f"normalisation {config.data.normalisation}; {', '.join(changes) or 'no augmentation'}"
    )


def _captions(text: str, width: int) -> np.ndarray:
    """Text in as many strips as it needs, broken between words."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and _text_width(longer) > width - 2 * _GAP:
            lines.append(word)
        else:
            lines[-1] = longer
    return np.concatenate([_strip(line, width) for line in lines])


def _strip(text: str, width: int) -> np.ndarray:
    """One line of text on black, uint8 [h, width, 3].

    What OpenCV's font lacks becomes a question mark.
    """
    strip = np.zeros((_STRIP, width, 3), np.uint8)
    cv2.putText(
        strip,
        text.encode("ascii", "replace").decode(),
        (_GAP, _STRIP - 5),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.4,
        _TEXT,
        1,
        cv2.LINE_AA,
    )
    return strip


def _text_width(text: str) -> int:
    return cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.4, 1)[0][0]
