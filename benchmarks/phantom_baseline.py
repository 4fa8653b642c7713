"""What intensity alone achieves on the phantom: the figures that a trained network has to beat.

    python benchmarks/phantom_baseline.py --seed 0

Draws the default phantom, splits it by patient, and prints as a table: the median Dice over test tumour slices of
Otsu's threshold on FLAIR inside the head, with clean-up; the same with the one threshold on the FLAIR z-score that is
best on the training patients, which is told their masks; and the macro-F1 on test slices of logistic regression on
intensity percentiles of each contrast.
"""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kgp.data.sources.phantom import PhantomSource
from kgp.data.sources.source import SourceSlice
from kgp.evaluation.baseline import intensity_baseline
from kgp.heatmap.cleanup import apply_cleanup
from kgp.heatmap.head_mask import head_mask
from kgp.heatmap.overlap import dice
from kgp.heatmap.reading import CLEANUP

PERCENTILES = (2, 10, 25, 50, 75, 90, 95, 99)


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=72, help="patients (default: %(default)s)")
    parser.add_argument("--size", type=int, default=64, help="side of the slices in pixels (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of phantom and split (default: %(default)s)")
    arguments = parser.parse_args()
    source = PhantomSource(patients=arguments.patients, size=arguments.size, seed=arguments.seed)
    training, test = split(source, arguments.seed)
    flair = source.contrasts.index("FLAIR")
    tumours = [item for item in test if item.label]
    otsu = [dice(intensity_baseline(item.image, flair), truth(item)) for item in tumours]
    level = best_level([item for item in training if item.label], flair)
    fixed = [dice(above(item, flair, level), truth(item)) for item in tumours]
    print(
        f"Phantom: {arguments.patients} patients, {arguments.size} x {arguments.size}, seed {arguments.seed}; "
        f"{len(test)} test slices, {len(tumours)} with a tumour.\n"
    )
    print("| intensity alone | figure |\n|---|---|")
    print(f"| Otsu on FLAIR inside the head, clean-up: median Dice | {np.median(otsu):.3f} |")
    print(
        f"| FLAIR z-score above {level:.1f} (best on the training masks), clean-up: median Dice "
        f"| {np.median(fixed):.3f} |"
    )
    print(f"| logistic regression on intensity percentiles: macro-F1 | {classify(training, test):.3f} |")


def split(source: PhantomSource, seed: int) -> tuple[list[SourceSlice], list[SourceSlice]]:
    """Slices of three patients in four for training, and of the others for testing."""
    cases = np.random.default_rng(seed).permutation(source.cases())
    parts = np.split(cases, [3 * len(cases) // 4])
    training, test = ([item for case in part for item in source.read(str(case))] for part in parts)
    return training, test


def truth(item: SourceSlice) -> np.ndarray:
    """The true mask, which every slice of the phantom has."""
    return np.zeros(item.image.shape[:2], bool) if item.mask is None else item.mask


def above(item: SourceSlice, channel: int, level: float) -> np.ndarray:
    """Where one contrast lies more than `level` standard deviations above the head's mean, after clean-up."""
    head = head_mask(item.image)
    values = item.image[..., channel].astype(np.float32)
    bright = head & (values > values[head].mean() + level * values[head].std())
    return apply_cleanup(bright, CLEANUP) & head


def best_level(slices: list[SourceSlice], channel: int) -> float:
    """The level of `above` with the best median Dice over tumour slices."""
    levels = np.arange(0.0, 3.05, 0.1)
    scores = [np.median([dice(above(item, channel, level), truth(item)) for item in slices]) for level in levels]
    return float(levels[np.argmax(scores)])


def classify(training: list[SourceSlice], test: list[SourceSlice]) -> float:
    """Macro-F1 on the test slices of a classifier that sees percentiles of each contrast inside the head."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced"))
    classifier.fit(np.array([features(item) for item in training]), [item.label for item in training])
    predicted = classifier.predict(np.array([features(item) for item in test]))
    return float(f1_score([item.label for item in test], predicted, average="macro"))


def features(item: SourceSlice) -> np.ndarray:
    """Percentiles of each contrast inside the head, over its median there."""
    values = item.image[head_mask(item.image)].astype(np.float64)
    return (np.percentile(values, PERCENTILES, axis=0) / np.median(values, axis=0)).ravel()


if __name__ == "__main__":
    main()
