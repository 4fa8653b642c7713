"""What tests of several programs share: a server over the tiny run, NIfTI studies, waiting."""

import time

import nibabel
import numpy as np
import pytest


def until(condition, seconds=60.0, pause=0.02):
    """Asks every `pause` seconds whether something is true; fails where it does not become so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(pause)


@pytest.fixture(scope="session")
def wait_until():
    """Waits until something is true; see `until`."""
    return until


@pytest.fixture(scope="session")
def server(saved_model):
    """A model server in this process that no test changes."""
    from serving.model_server.server import ModelServer, ServerOptions

    folder = saved_model[0].parent
    server = ModelServer({folder.name: (folder, {})}, ServerOptions(grpc_port=0, rest_port=0, poll_seconds=0.05))
    server.start()
    until(lambda: server.models.ready)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def write_study():
    """Writes a study as NIfTI, 18 x 18 x 3 voxels of 1 x 1 x 2 mm: noise, and 240 in 4 x 5 pixels
    of slice 1."""

    def write(folder, contrasts=("t1", "flair"), black=False):
        folder.mkdir(parents=True)
        generator = np.random.default_rng(0)
        for contrast in contrasts:
            data = generator.uniform(50, 100, (18, 18, 3)).astype(np.float32)
            data[3:7, 9:14, 1] = 240.0
            image = nibabel.Nifti1Image(data * (not black), np.diag([-1.0, -1.0, 2.0, 1.0]))
            nibabel.save(image, folder / f"p_{contrast}.nii.gz")
        return folder

    return write
