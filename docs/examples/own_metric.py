"""A metric of one's own over the test part, with a bootstrap over patients."""

import numpy as np

import kgp
from kgp.evaluation.bootstrap import patient_bootstrap


def peak_distance(
    run: kgp.TrainedNetwork,
    reading: str = "refined",
) -> tuple[float | None, float | None, float | None]:
    """How far the highest value of the map lies from the centre of the true mask.

    Returns:
        The median over the tumour slices in pixels, and the ends of its 95 %
        interval over patients, None with fewer than five.
    """
    distances, patients = [], []
    for known in run.known_slices("test"):
        if known.truth is not None and known.truth.any():
            values = known.predictions[reading].map
            peak = np.unravel_index(values.argmax(), values.shape)
            centre = np.argwhere(known.truth).mean(axis=0)
            distances.append(float(np.linalg.norm(centre - peak)))
            patients.append(known.row.group)
    return patient_bootstrap(distances, patients)
