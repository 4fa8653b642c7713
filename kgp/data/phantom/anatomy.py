"""The phantom's healthy head: tissue labels of an axial section at any level.

Lengths are millimetres. A section lies in a field of view of 210 mm, rows run from anterior to
posterior. x grows towards the right of the picture, y towards posterior, and the level upwards from
the plane of the basal ganglia. Deep structures are placed in a standard brain (half axes 60 and 76
mm) that is stretched to the patient's.
"""

import dataclasses

import numpy as np

from kgp.data.phantom.noise import lattice, layer, polar_field, smooth_field

FIELD_OF_VIEW = 210.0
LOWEST, HIGHEST = -6.0, 56.0

TISSUES = (
    "air",
    "scalp",
    "bone",
    "marrow",
    "csf",
    "grey",
    "white",
    "striatum",
    "thalamus",
    "pallidum",
    "vessel",
    "choroid",
    "dura",
)
AIR, SCALP, BONE, MARROW, CSF, GREY, WHITE, STRIATUM, THALAMUS, PALLIDUM, VESSEL, CHOROID, DURA = range(len(TISSUES))

_STANDARD_WIDTH, _STANDARD_LENGTH = 60.0, 76.0

# One lateral ventricle as a chain of five discs (x, y, radius) from the frontal horn to the
# occipital horn, at some levels; in between it is interpolated. A negative radius means that the
# chain is interrupted there.
_VENTRICLE_LEVELS = np.array([-6.0, 8.0, 18.0, 27.0, 35.0])
_VENTRICLE = np.array(
    [
        [[11, -35, 1.5], [6, -24, 2.2], [6, 0, -14], [27, 22, 3.0], [25, 38, 0.5]],
        [[13, -37, 3.2], [4, -16, 2.6], [6, 2, -9], [23, 20, 4.6], [23, 44, 1.6]],
        [[13, -36, 3.2], [5, -15, 4.2], [8, 4, 4.0], [19, 21, 5.4], [22, 38, 1.0]],
        [[12, -28, 1.8], [8, -12, 3.6], [9, 4, 3.6], [14, 17, 2.6], [16, 22, 0.2]],
        [[12, -22, -4], [9, -10, -3], [9, 2, -3], [12, 12, -4], [14, 16, -5]],
    ]
)

# Deep grey nuclei: tissue, centre (x, y, level), half axes (x, y, level), rotation in degrees.
_NUCLEI = (
    (STRIATUM, (14.5, -26.0, 9.0), (4.6, 9.5, 14.0), -22.0),
    (STRIATUM, (25.5, -15.0, 3.0), (5.0, 15.0, 15.0), 12.0),
    (PALLIDUM, (18.0, -10.0, 0.0), (4.0, 8.5, 9.5), 24.0),
    (THALAMUS, (11.0, 3.0, 7.0), (8.2, 13.0, 13.0), 24.0),
)
_SYLVIAN = np.array([[32.0, -30.0], [35.5, -16.0], [34.5, -1.0], [45.0, 6.0], [64.0, 4.0]])


@dataclasses.dataclass(frozen=True)
class Head:
    """What makes one patient's head.

    See `draw_head`. Lattices are noise that varies smoothly with the level.
    """

    half_width: float
    half_length: float
    exponent: float
    widening: float
    turn: float
    shift: tuple[float, float]
    scalp: float
    skull: float
    rim: float
    ventricles: tuple[float, float]
    gyri: int
    harmonics: np.ndarray
    outline: np.ndarray
    folding: np.ndarray
    sulcus_depth: np.ndarray
    warp: tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Section:
    """One axial section of a head, all arrays [n, n].

    Attributes:
        tissue: index into TISSUES.
        depth: millimetres below the brain's surface; negative outside the brain.
        ventricle_distance: millimetres from the lateral ventricles; negative inside.
        x, y: coordinates in the patient's own frame (not turned, not shifted), millimetres.
        side: negative in the hemisphere on the picture's left, positive in the other; millimetres
            from the midline.
    """

    tissue: np.ndarray
    depth: np.ndarray
    ventricle_distance: np.ndarray
    x: np.ndarray
    y: np.ndarray
    side: np.ndarray


def draw_head(rng: np.random.Generator) -> Head:
    """Draws the anatomy of one patient."""
    atrophy = rng.uniform(0.0, 1.0)
    ventricles = rng.uniform(-0.6, 0.9) + 1.6 * atrophy
    asymmetry = rng.normal(0.0, 0.5)
    return Head(
        half_width=float(np.clip(rng.normal(73.0, 2.5), 67.0, 79.0)),
        half_length=float(np.clip(rng.normal(91.0, 3.0), 84.0, 98.0)),
        exponent=rng.uniform(2.05, 2.4),
        widening=rng.uniform(0.03, 0.10),
        turn=float(np.deg2rad(np.clip(rng.normal(0.0, 4.0), -9.0, 9.0))),
        shift=(rng.uniform(-3.0, 3.0), rng.uniform(-3.0, 3.0)),
        scalp=rng.uniform(3.8, 6.5),
        skull=rng.uniform(5.5, 7.5),
        rim=1.4 + 1.6 * atrophy,
        ventricles=(ventricles + asymmetry, ventricles - asymmetry),
        gyri=int(rng.integers(15, 19)),
        harmonics=rng.normal(0.0, [0.009, 0.006, 0.004, 0.003], size=(2, 4)),
        outline=lattice(rng, 4, 2, 12),
        folding=lattice(rng, 7, 5, 26),
        sulcus_depth=lattice(rng, 5, 2, 44),
        warp=(lattice(rng, 4, 6, 6), lattice(rng, 4, 6, 6)),
    )


def brain_scale(level: float) -> float:
    """Size of the section at `level` relative to the head's largest section, in (0, 1]."""
    return float(np.sqrt(1.0 - ((level - 4.0) / 94.0) ** 2))


def cut_head(head: Head, level: float, pixels: int, push: np.ndarray | None = None) -> Section:
    """Cuts the head at one level.

    Args:
        head: the patient.
        level: in [LOWEST, HIGHEST] millimetres.
        pixels: side n of the section in pixels.
        push: by how many millimetres deep structures are displaced, [2, n, n] along x and y (mass
            effect of a tumour).

    Returns:
        The section without vessels.
    """
    position = (level - LOWEST) / (HIGHEST - LOWEST)
    x, y = patient_grid(head, pixels)
    surface, angle = _surface_depth(head, level, position, x, y)
    tissue, depth = _coverings(head, position, surface, angle)
    deep_x, deep_y = _deep_coordinates(head, position, x, y, push)
    lateral = np.abs(deep_x)

    sulcus = _sulcus_distance(head, level, position, depth, angle, x, y)
    fissure = np.minimum(_fissure_distance(level, lateral, deep_y), _sylvian_distance(level, lateral, deep_y))
    brain = depth > 0
    tissue[brain] = WHITE
    tissue[brain & ((depth < 2.6) | (sulcus < 3.2) | (fissure < 3.6))] = GREY
    tissue[brain & ((sulcus < 0.30 * head.rim) | (fissure < 0.5 * head.rim))] = CSF

    for kind, centre, axes, turn in _NUCLEI:
        tissue[brain & _in_nucleus(level, lateral, deep_y, centre, axes, turn)] = kind
    ventricle = ventricle_distance(head, level, deep_x, deep_y)
    third = np.maximum(np.abs(deep_y + 3.0) - 10.0, lateral - 0.8 - 0.5 * head.rim) if level < 11.0 else ventricle
    tissue[brain & ((ventricle < 0) | (third < 0))] = CSF
    tissue[(ventricle < -0.8) & (np.hypot(lateral - 22.0, deep_y - 22.0) < 4.0) & (abs(level - 10.0) < 11.0)] = CHOROID
    return Section(tissue, depth, ventricle, x, y, deep_x)


def patient_grid(head: Head, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x and y [n, n] of the pixel centres in the patient's frame, in millimetres."""
    line = ((np.arange(pixels, dtype=np.float32) + 0.5) / pixels - 0.5) * FIELD_OF_VIEW
    across, down = np.meshgrid(line - head.shift[0], line - head.shift[1])
    cosine, sine = np.float32(np.cos(head.turn)), np.float32(np.sin(head.turn))
    return cosine * across + sine * down, cosine * down - sine * across


def ventricle_distance(head: Head, level: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Millimetres from the lateral ventricles, negative inside, at points x, y of the standard
    brain.
    """
    discs = np.array(
        [
            [np.interp(level, _VENTRICLE_LEVELS, _VENTRICLE[:, disc, value]) for value in range(3)]
            for disc in range(_VENTRICLE.shape[1])
        ]
    )
    distance = np.full_like(y, 1e3)
    for start, end in zip(discs[:-1], discs[1:], strict=True):
        away, along = _segment(np.abs(x), y, start[:2], end[:2])
        distance = np.minimum(distance, away - start[2] - along * (end[2] - start[2]))
    return distance - np.where(x < 0, *head.ventricles).astype(np.float32)


def _surface_depth(
    head: Head, level: float, position: float, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Millimetres below the skin, and the angle about the head's centre (0 is to the right)."""
    scale = brain_scale(level)
    half_length, half_width = head.half_length * scale, head.half_width * scale
    across = np.abs(x) / (half_width * (1 + head.widening * np.clip(y / half_length, -1, 1)))
    ratio = (across**head.exponent + np.abs(y / half_length) ** head.exponent) ** (1 / head.exponent)
    angle = np.arctan2(y, x)
    for order, (cosine, sine) in enumerate(head.harmonics.T, start=2):
        ratio = ratio * (1 + cosine * np.cos(order * angle) + sine * np.sin(order * angle))
    return np.hypot(x, y) * (1 / np.maximum(ratio, 1e-3) - 1), angle


def _coverings(head: Head, position: float, surface: np.ndarray, angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Air, scalp, skull, and the fluid under it; with the depth below the brain's surface."""
    uneven = polar_field(layer(head.outline, position), angle, np.full_like(angle, 0.5))
    inner = head.scalp + head.skull + 0.5 * uneven
    scalp = head.scalp * (1 + 0.12 * uneven)
    tissue = np.full(surface.shape, AIR, np.uint8)
    tissue[surface > 0] = SCALP
    tissue[surface > scalp] = BONE
    tissue[(surface > scalp + 0.30 * head.skull) & (surface < inner - 0.30 * head.skull)] = MARROW
    tissue[surface > inner] = DURA
    tissue[surface > inner + 0.6] = CSF
    rim = head.rim * (1 + 0.35 * np.clip(uneven, -1.5, 1.5) + 0.25 * (np.sin(angle) < -0.6))
    return tissue, surface - inner - rim


def _deep_coordinates(
    head: Head, position: float, x: np.ndarray, y: np.ndarray, push: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in the standard brain, with the patient's irregularities."""
    coverings = head.scalp + head.skull + head.rim
    bend = [2.2 * smooth_field(layer(values, position), len(x)) for values in head.warp]
    if push is not None:
        bend = [bend[0] - push[0], bend[1] - push[1]]
    deep_x = (x + 0.7 * bend[0]) * np.float32(_STANDARD_WIDTH / (head.half_width - coverings))
    deep_y = (y + bend[1]) * np.float32(_STANDARD_LENGTH / (head.half_length - coverings))
    return deep_x, deep_y


def _sulcus_distance(
    head: Head, level: float, position: float, depth: np.ndarray, angle: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Millimetres from the nearest sulcus: lines that run inwards from the surface, meander, and
    end at some depth.
    """
    meander = polar_field(layer(head.folding, position), angle, depth / 40.0)
    phase = head.gyri * angle + 1.5 * meander
    step = FIELD_OF_VIEW / len(x)
    # The phase jumps where the angle does, and with it by whole turns only, as the number of gyri
    # is whole.
    slopes = [
        np.gradient(np.sin(phase), step, axis=axis) ** 2 + np.gradient(np.cos(phase), step, axis=axis) ** 2
        for axis in (0, 1)
    ]
    across = np.arcsin(np.abs(np.sin(phase))) / np.sqrt(slopes[0] + slopes[1] + 1e-4)
    ends = polar_field(layer(head.sulcus_depth, position), angle, np.full_like(angle, 0.5))
    beyond = np.maximum(depth - np.clip(13.0 + 6.0 * ends + 3.0 * position, 4.0, 26.0), 0)
    return np.hypot(across, beyond)


def _fissure_distance(level: float, lateral: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Millimetres from the interhemispheric fissure, which the corpus callosum and the midbrain
    interrupt.
    """
    bridge = 33.0 * np.sqrt(max(0.0, 1 - ((level - 5.0) / 26.0) ** 2))
    return np.hypot(lateral, np.maximum(bridge - np.abs(y + 10.0), 0)) if bridge else lateral


def _sylvian_distance(level: float, lateral: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Millimetres from the Sylvian fissure, with the insula along its deep part.

    It fades out above the insula.
    """
    distance = np.full_like(y, 1e3)
    if level > 20.0:
        return distance
    for start, end in zip(_SYLVIAN[:-1], _SYLVIAN[1:], strict=True):
        distance = np.minimum(distance, _segment(lateral, y, start, end)[0])
    return distance + max(0.0, level - 14.0) * 0.6


def _in_nucleus(
    level: float,
    lateral: np.ndarray,
    y: np.ndarray,
    centre: tuple[float, float, float],
    axes: tuple[float, float, float],
    turn: float,
) -> np.ndarray:
    height = ((level - centre[2]) / axes[2]) ** 2
    if height >= 1:
        return np.zeros(y.shape, bool)
    cosine, sine = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    across = cosine * (lateral - centre[0]) - sine * (y - centre[1])
    along = sine * (lateral - centre[0]) + cosine * (y - centre[1])
    return (across / axes[0]) ** 2 + (along / axes[1]) ** 2 < 1 - height


def _segment(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance of each point from a line segment, and the position in [0, 1] of the nearest point
    on it.
    """
    across, along = np.float32(end[0] - start[0]), np.float32(end[1] - start[1])
    x, y = x - np.float32(start[0]), y - np.float32(start[1])
    along_segment = np.clip((x * across + y * along) / (across**2 + along**2 + np.float32(1e-6)), 0, 1)
    return np.hypot(x - along_segment * across, y - along_segment * along), along_segment
