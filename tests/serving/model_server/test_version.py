import json

import pytest

from kgp.errors import KgpError
from serving.model_server.version import ModelVersion


@pytest.mark.parametrize("sizes", [None, [], [0], ["1"]])
def test_a_manifest_without_batch_sizes(models, sizes):
    manifest = json.loads((models / "1" / "manifest.json").read_text())
    (models / "1" / "manifest.json").write_text(json.dumps({**manifest, "batch_sizes": sizes}))
    with pytest.raises(KgpError, match="names no batch sizes"):
        ModelVersion(models / "1")
