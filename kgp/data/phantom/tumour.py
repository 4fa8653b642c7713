"""The phantom's gliomas: where they sit, their outline in each slice, and how they look in each
contrast.
"""

import dataclasses

import numpy as np

from kgp.data.phantom.anatomy import (
    CSF,
    GREY,
    HIGHEST,
    LOWEST,
    Head,
    Section,
    brain_scale,
    patient_grid,
    ventricle_distance,
)
from kgp.data.phantom.noise import lattice, layer, smooth_field

# A tumour slice shows at least this share of the picture as tumour: 40 pixels of 64 x 64, and some
# for the rounding.
_SMALLEST_SHARE = 50 / 64**2


@dataclasses.dataclass(frozen=True)
class Tumour:
    """One tumour; lengths in millimetres, colours in the order T1, T2, T1ce, FLAIR.

    Attributes:
        high_grade: ring enhancement around necrosis, with oedema; else a diffuse, even lesion.
        first, last: first and last slice that show it.
        centre: x and y in the patient's frame.
        drift: movement of the centre from first to last slice.
        radius: at its largest section, oedema included.
        elongation: ratio of the long to the short half axis; `direction` is the angle of the long
            one.
        ragged: size of the outline's irregularities relative to the radius.
        core: share of the radius that the enhancing core takes, `core_shift` its offset from the
            centre.
        ring: thickness of the enhancing ring.
        colour, ring_colour, core_colour: intensities of lesion (or oedema), ring, necrosis.
        enhancement: opacity of faint enhancement in a low-grade tumour.
        outline, inside: lattices of the irregular outline (coarse and fine) and of the texture.
    """

    high_grade: bool
    first: int
    last: int
    centre: tuple[float, float]
    drift: tuple[float, float]
    radius: float
    elongation: float
    direction: float
    ragged: float
    core: float
    core_shift: tuple[float, float]
    ring: float
    colour: np.ndarray
    ring_colour: np.ndarray
    core_colour: np.ndarray
    enhancement: float
    outline: tuple[np.ndarray, np.ndarray]
    inside: np.ndarray


def draw_tumour(rng: np.random.Generator, head: Head, slices: int, high_grade: bool) -> Tumour:
    """Draws a tumour of a patient of whom `slices` slices (at least 2) are made.

    At least one of them stays free of it.
    """
    count = int(np.clip(round(slices * rng.uniform(0.6, 0.84)), 1, slices - 1))
    first = int(rng.integers(0, slices - count + 1))
    middle = LOWEST + (first + (count - 1) / 2) / (slices - 1) * (HIGHEST - LOWEST)
    centre = _draw_centre(rng, head, middle)
    radius = rng.uniform(21.0, 31.0) if high_grade else rng.uniform(17.0, 28.0)
    return Tumour(
        high_grade=high_grade,
        first=first,
        last=first + count - 1,
        centre=centre,
        drift=(rng.normal(0.0, 4.0), rng.normal(0.0, 6.0)),
        radius=radius,
        elongation=rng.uniform(1.0, 1.5),
        direction=rng.uniform(0.0, np.pi),
        ragged=rng.uniform(0.10, 0.20),
        core=rng.uniform(0.50, 0.68),
        core_shift=(rng.normal(0.0, 0.07) * radius, rng.normal(0.0, 0.07) * radius),
        ring=rng.uniform(3.0, 5.0),
        colour=np.array([0.49, 0.76, 0.51, 0.77] if high_grade else [0.46, 0.77, 0.48, 0.76])
        + rng.normal(0.0, [0.03, 0.05, 0.02, 0.04]),
        ring_colour=np.array([0.50, 0.66, 1.08, 0.80]) + rng.normal(0.0, [0.03, 0.04, 0.06, 0.04]),
        core_colour=np.array([0.26, 0.92, 0.28, rng.uniform(0.42, 0.78)]),
        enhancement=rng.uniform(0.1, 0.25) if rng.random() < 0.3 else 0.0,
        outline=(lattice(rng, 4, 14, 14), lattice(rng, 5, 28, 28)),
        inside=lattice(rng, 5, 26, 26),
    )


def _draw_centre(rng: np.random.Generator, head: Head, level: float) -> tuple[float, float]:
    """A position in one hemisphere, away from midline, ventricles and surface, in the patient's
    frame.
    """
    while True:
        x, y = rng.uniform(-48.0, 48.0), rng.uniform(-60.0, 60.0)
        central = np.hypot(x / 60.0, y / 76.0) < 0.80 * brain_scale(level)
        if central and abs(x) > 15.0 and ventricle_distance(head, level, np.array(x), np.array(y)) > 9.0:
            return x * head.half_width / 73.0, y * head.half_length / 91.0


def displacement(tumour: Tumour, head: Head, index: int, pixels: int) -> np.ndarray:
    """Mass effect in one slice: how far tissue is pushed along x and y, millimetres, [2, n, n]."""
    x, y = patient_grid(head, pixels)
    centre_x, centre_y, radius = _place(tumour, index)
    x, y = x - centre_x, y - centre_y
    distance = np.hypot(x, y)
    strength = (0.42 if tumour.high_grade else 0.22) * radius * np.exp(-((distance / (1.6 * radius)) ** 2))
    return np.stack([x, y]) * np.minimum(strength / np.maximum(distance, 1e-3), 0.75)


def add_tumour(image: np.ndarray, section: Section, tumour: Tumour, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Lays the tumour over a slice.

    Args:
        image: intensities [n, n, 4]; left unchanged.
        section: its anatomy.
        tumour: the tumour.
        index: number of the slice, one of those that show the tumour.

    Returns:
        The new intensities, and the whole tumour with its oedema as bool [n, n].
    """
    centre_x, centre_y, radius = _place(tumour, index)
    position = (index - tumour.first + 0.5) / (tumour.last - tumour.first + 1)
    texture = smooth_field(layer(tumour.inside, position), len(image))
    tissue = (section.depth > 0) & (section.ventricle_distance > 0.5)
    # The falx holds most tumours back; below it they may cross by the corpus callosum.
    tissue &= section.side * np.sign(centre_x) > (-12.0 if tumour.high_grade else -1.0)
    reach = _reach(tumour, section, centre_x, centre_y, position)
    if tumour.high_grade:
        reach = reach + 2.0 * (section.tissue == GREY)
    radius = max(radius, _radius_of_area(reach[tissue], _SMALLEST_SHARE * reach.size))
    softness = 3.0 if tumour.high_grade else 5.0
    lesion = np.clip((radius - reach) / softness + 0.5, 0, 1) * tissue
    shade = 1 + 0.05 * texture
    opacity = np.where(section.tissue == GREY, 0.8, 0.94)
    opacity = np.where(section.tissue == CSF, 0.75, opacity)
    image = _mix(image, tumour.colour * shade[..., None], lesion * opacity)
    if tumour.high_grade:
        image = _add_core(image, section, tumour, (centre_x, centre_y, radius), position, texture, lesion)
    elif tumour.enhancement:
        faint = np.clip(texture, 0, 1) * tumour.enhancement * lesion
        image = _mix(image, tumour.ring_colour, faint)
    return image, (reach < radius) & tissue


def _place(tumour: Tumour, index: int) -> tuple[float, float, float]:
    """Centre and radius in one slice: the tumour is an ellipsoid with blunt ends."""
    along = 2 * (index - tumour.first + 0.5) / (tumour.last - tumour.first + 1) - 1
    radius = tumour.radius * np.sqrt(1 - 0.5 * along**2)
    return (
        tumour.centre[0] + 0.5 * along * tumour.drift[0],
        tumour.centre[1] + 0.5 * along * tumour.drift[1],
        float(radius),
    )


def _reach(tumour: Tumour, section: Section, centre_x: float, centre_y: float, position: float) -> np.ndarray:
    """Distance from the centre in which the outline is a circle: elongated and irregular,
    millimetres [n, n].
    """
    x, y = section.x - np.float32(centre_x), section.y - np.float32(centre_y)
    cosine, sine = np.float32(np.cos(tumour.direction)), np.float32(np.sin(tumour.direction))
    stretch = np.float32(np.sqrt(tumour.elongation))
    distance = np.hypot((cosine * x + sine * y) / stretch, (cosine * y - sine * x) * stretch)
    coarse = smooth_field(layer(tumour.outline[0], position), len(x))
    fine = smooth_field(layer(tumour.outline[1], position), len(x))
    return distance * (1 + tumour.ragged * coarse) + (2.0 if tumour.high_grade else 1.2) * fine


def _radius_of_area(reach: np.ndarray, pixels: float) -> float:
    """The radius at which the tumour covers at least so many of the pixels it may cover; 0 where
    there are fewer.
    """
    needed = int(np.ceil(pixels))
    return float(np.partition(reach, needed)[needed]) if needed < reach.size else 0.0


def _add_core(
    image: np.ndarray,
    section: Section,
    tumour: Tumour,
    centre_and_radius: tuple[float, float, float],
    position: float,
    texture: np.ndarray,
    lesion: np.ndarray,
) -> np.ndarray:
    """The enhancing ring and the necrosis in it."""
    centre_x, centre_y, radius = centre_and_radius
    x, y = centre_x + tumour.core_shift[0], centre_y + tumour.core_shift[1]
    reach = _reach(tumour, section, x, y, position)
    outer = max(tumour.core * radius, 8.0)
    thickness = np.clip(tumour.ring * (1 + 0.35 * texture), 2.2, outer - 2.5)
    solid = np.clip((outer - reach) / 1.2 + 0.5, 0, 1) * (lesion > 0)
    hollow = np.clip((outer - thickness - reach) / 1.2 + 0.5, 0, 1) * solid
    image = _mix(image, tumour.ring_colour * (1 + 0.04 * texture[..., None]), solid)
    return _mix(image, tumour.core_colour * (1 + 0.05 * texture[..., None]), hollow)


def _mix(image: np.ndarray, colour: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    return image + opacity[..., None].astype(np.float32) * (colour - image).astype(np.float32)
