import json

import numpy as np
import pytest

from kgp.errors import KgpError
from serving.model_server.version import ModelVersion


@pytest.fixture
def manifest(models):
    """Changes the manifest of version 1."""

    def change(**values):
        path = models / "1" / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_sizes": None}, "names no batch sizes"),
        ({"batch_sizes": []}, "names no batch sizes"),
        ({"batch_sizes": [0]}, "names no batch sizes"),
        ({"batch_sizes": ["1"]}, "names no batch sizes"),
        ({"batch_sizes": [True]}, "names no batch sizes"),
        ({"batch_sizes": [1, 10**8]}, "names batches of 100000000 slices where at most 256"),
        ({"files": {}, "sizes": {}}, "does not list the files"),
        ({"sizes": {}}, "does not list the files"),
    ],
)
def test_a_manifest_that_cannot_be_is_refused(models, manifest, change, message):
    manifest(**change)
    with pytest.raises(KgpError, match=message):
        ModelVersion(models / "1")


def test_a_version_whose_warm_up_fails_is_refused(models):
    version = ModelVersion(models / "1")
    sizes = []

    def run(signature, inputs):
        sizes.append(len(inputs["images"]))
        outputs = version.call(signature, inputs)
        return outputs if sizes[-1] == 1 else {name: np.full_like(value, np.nan) for name, value in outputs.items()}

    with pytest.raises(KgpError, match="answers its warm-up with values of .* that are not finite"):
        version.warm_up(run)
    assert sizes == [1, 16]


def test_a_version_without_warm_up_requests_is_refused(models, manifest):
    warmup = "assets.extra/tf_serving_warmup_requests"
    (models / "1" / warmup).unlink()
    listed = json.loads((models / "1" / "manifest.json").read_text())
    manifest(
        **{key: {name: value for name, value in listed[key].items() if name != warmup} for key in ("files", "sizes")}
    )
    with pytest.raises(KgpError, match="has no warm-up requests"):
        ModelVersion(models / "1").warm_up(lambda *_: {})
