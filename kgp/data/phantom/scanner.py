"""From tissue to raw intensities: four contrasts, bright spots that are no tumour, bias field, gain
and noise.
"""

import dataclasses

import cv2
import numpy as np

from kgp.data.phantom.anatomy import CHOROID, CSF, GREY, SCALP, TISSUES, VESSEL, WHITE, Section
from kgp.data.phantom.noise import lattice, layer, smooth_field

CONTRASTS = ("T1", "T2", "T1ce", "FLAIR")

# Intensity of each tissue in T1, T2, T1ce, FLAIR; 1 is the brightest usual tissue of a contrast.
_INTENSITY = {
    "air": (0.00, 0.00, 0.00, 0.00),
    "scalp": (0.95, 0.76, 0.98, 0.88),
    "bone": (0.07, 0.05, 0.07, 0.06),
    "marrow": (0.42, 0.26, 0.46, 0.28),
    "csf": (0.16, 1.00, 0.17, 0.13),
    "grey": (0.50, 0.63, 0.53, 0.65),
    "white": (0.73, 0.42, 0.73, 0.51),
    "striatum": (0.56, 0.53, 0.58, 0.60),
    "thalamus": (0.61, 0.50, 0.62, 0.58),
    "pallidum": (0.66, 0.38, 0.67, 0.47),
    "vessel": (0.34, 0.14, 1.10, 0.22),
    "choroid": (0.42, 0.74, 0.98, 0.55),
    "dura": (0.36, 0.32, 0.72, 0.36),
}
_HYPERINTENSITY = np.array([0.60, 0.70, 0.61, 0.90], np.float32)


@dataclasses.dataclass(frozen=True)
class Scanner:
    """How one patient was scanned, and what of age the patient shows.

    Attributes:
        tissues: intensities [tissues, 4].
        gain: intensity units of each contrast, [4].
        bias: lattices of the logarithm of the bias field, [4, layers, cells, cells].
        noise: standard deviation of the noise in each channel of the receiver, [4], where 1 is the
            brightest tissue.
        caps: opacity of the bright caps on the ventricles, `spots` the mean number of bright spots
            in white matter.
        patches: lattice that makes the caps uneven.
    """

    tissues: np.ndarray
    gain: np.ndarray
    bias: np.ndarray
    noise: np.ndarray
    caps: float
    spots: float
    patches: np.ndarray


def draw_scanner(rng: np.random.Generator) -> Scanner:
    """Draws scanner settings and age-related changes of one patient."""
    tissues = np.array([_INTENSITY[name] for name in TISSUES]) * (1 + rng.normal(0.0, 0.03, (len(TISSUES), 4)))
    # Fat and blood vary most with the sequence.
    tissues[[SCALP, VESSEL, CHOROID]] *= 1 + rng.normal(0.0, 0.12, (3, 4))
    common = lattice(rng, 3, 3, 3)
    bias = np.stack([0.6 * common + 0.6 * lattice(rng, 3, 3, 3) for _ in CONTRASTS])
    return Scanner(
        tissues=tissues.astype(np.float32),
        gain=700.0 * np.exp(rng.normal(0.0, 0.35, 4)),
        bias=rng.uniform(0.08, 0.18) * bias,
        noise=rng.uniform(0.014, 0.030) * rng.uniform(0.8, 1.2, 4),
        caps=rng.uniform(0.2, 1.0),
        spots=rng.choice([1.0, 3.0, 7.0]),
        patches=lattice(rng, 4, 16, 16),
    )


def add_vessels(section: Section, level: float, rng: np.random.Generator) -> None:
    """Draws the sagittal sinus, deep veins and small vessels of the surface into the section's
    tissue.
    """
    surface = np.abs(section.depth + 1.5)
    posterior = np.where(section.y > 0, surface, 1e3) if level < 24.0 else surface
    section.tissue[np.hypot(section.x, 0.9 * posterior) < rng.uniform(2.6, 3.6)] = VESSEL
    if level < 18.0:
        section.tissue[np.hypot(section.side, section.y - 19.0) < rng.uniform(1.5, 2.4)] = VESSEL
    cortex = (section.tissue == CSF) | (section.tissue == GREY)
    for _ in range(int(rng.integers(5, 11))):
        angle = rng.uniform(-np.pi, np.pi)
        x, y = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        depth = np.float32(rng.uniform(-1.0, 1.5) if rng.random() < 0.6 else rng.uniform(2.0, 16.0))
        dot = (section.x * y - section.y * x) ** 2 + (section.depth - depth) ** 2 < rng.uniform(0.9, 1.9) ** 2
        section.tissue[dot & cortex & (section.x * x + section.y * y > 0)] = VESSEL


def tissue_image(section: Section, scanner: Scanner, position: float, rng: np.random.Generator) -> np.ndarray:
    """Intensities of the section, float32 [n, n, 4], with what is bright in FLAIR in many an ageing
    brain.

    Args:
        section: the anatomy, vessels included.
        scanner: the patient's scanner.
        position: of the slice in the head, in [0, 1].
        rng: places the bright spots.
    """
    image = scanner.tissues[section.tissue]
    white = section.tissue == WHITE
    patches = smooth_field(layer(scanner.patches, position), len(image))
    caps = scanner.caps * np.exp(-((section.ventricle_distance / 4.5) ** 2)) * np.clip(0.6 + 0.6 * patches, 0, 1)
    bright = caps * white
    for _ in range(int(rng.poisson(scanner.spots))):
        x, y = rng.uniform(-48.0, 48.0), rng.uniform(-62.0, 62.0)
        size, stretch = rng.uniform(1.5, 4.2), rng.uniform(0.7, 1.4)
        distance = np.sqrt(((section.x - x) * stretch) ** 2 + ((section.y - y) / stretch) ** 2)
        spot = np.clip((size - distance) / 1.5 + 0.5, 0, 1) * rng.uniform(0.6, 1.0)
        bright = np.maximum(bright, spot * white)
    return image + bright[..., None].astype(np.float32) * (_HYPERINTENSITY - image)


def acquire(image: np.ndarray, scanner: Scanner, position: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Scans intensities [n, n, 4] at `size` pixels: partial volume, bias field, Rician noise, gain;
    uint16.
    """
    signal = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    bias = np.stack([smooth_field(layer(values, position), size) for values in scanner.bias], axis=-1)
    signal = signal * np.exp(bias)
    real, imaginary = rng.normal(0.0, scanner.noise, (2, size, size, len(CONTRASTS)))
    magnitude = np.hypot(signal + real, imaginary)
    return np.clip(np.rint(magnitude * scanner.gain), 0, 65535).astype(np.uint16)


def acquire_mask(mask: np.ndarray, size: int) -> np.ndarray:
    """A mask [n, n] at `size` pixels: what is covered at least by half."""
    return cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) >= 0.5
