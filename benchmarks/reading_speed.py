"""How long it takes to cut a mask, by reading, on one core.

    python benchmarks/reading_speed.py
    python benchmarks/reading_speed.py --size 240 --graph

Drawn slices with four contrasts and a map that is the blurred true outline with noise; the least time of many turns,
in which the readings take turns. `--graph` times the TensorFlow graph of the signature `segment` too.
"""

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
from scipy import ndimage

from kgp.data.sources.phantom import PhantomSource
from kgp.heatmap.head_mask import head_mask
from kgp.heatmap.reading import HYSTERESIS, NAMED, Reading
from kgp.heatmap.threshold import cut_mask

READINGS = {"hysteresis": HYSTERESIS, **NAMED}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=240, help="side of the slices in pixels (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=10, help="times each is done (default: %(default)s)")
    parser.add_argument("--graph", action="store_true", help="time the TensorFlow graph too")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    slices = drawn(arguments.size)
    tasks: dict[str, Callable[[], object]] = {
        "head mask alone": lambda: [head_mask(image) for image, _ in slices],
        **{f"{name}, head mask included": cutter(slices, reading) for name, reading in READINGS.items()},
    }
    if arguments.graph:
        tasks |= {
            f"{name}, graph, batch of {len(slices)}": graph(slices, reading) for name, reading in READINGS.items()
        }
    least = dict.fromkeys(tasks, np.inf)
    for _ in range(arguments.turns):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            least[name] = min(least[name], (time.perf_counter() - start) / len(slices))
    print("| what | ms a slice |\n|---|---|")
    for name, seconds in least.items():
        print(f"| {name} | {1000 * seconds:.2f} |")


def drawn(size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Slices with a tumour: image [H, W, 4] and heatmap [H, W, 2] of no tumour and tumour."""
    source, random = PhantomSource(patients=4, size=size), np.random.default_rng(0)
    pieces = [source.read(case) for case in source.cases()]
    largest = [max(slices, key=lambda piece: int(piece.mask.sum())) for slices in pieces]
    result = []
    for piece in largest:
        if piece.mask.any():
            noise = ndimage.gaussian_filter(random.normal(size=piece.mask.shape), size / 60) * size / 60
            tumour = 6.0 * ndimage.gaussian_filter(piece.mask.astype(float), size / 60) - 2.0 + noise
            result.append((piece.image.astype(np.float32), np.stack([-tumour / 2, tumour / 2], axis=-1)))
    return result


def cutter(slices: list[tuple[np.ndarray, np.ndarray]], reading: Reading) -> Callable[[], object]:
    """A task that cuts every slice with NumPy."""
    return lambda: [cut_mask(heatmap, 1, reading, image=image, no_tumour_class=0).mask for image, heatmap in slices]


def graph(slices: list[tuple[np.ndarray, np.ndarray]], reading: Reading) -> Callable[[], object]:
    """A task that cuts every slice in a TensorFlow graph on one core."""
    import tensorflow as tf

    from export.graph.reading import cut_masks

    if not tf.config.threading.get_intra_op_parallelism_threads():
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    images, heatmaps = (np.stack(arrays).astype(np.float32) for arrays in zip(*slices, strict=True))
    logits = np.tile(np.array([[0.0, 1.0]], np.float32), (len(slices), 1))
    cut = tf.function(lambda heatmaps, logits, images: cut_masks(heatmaps, logits, images, reading, 0))
    inputs = [tf.constant(array) for array in (heatmaps, logits, images)]
    cut(*inputs)
    return lambda: cut(*inputs).numpy()


if __name__ == "__main__":
    main()
