import json
import shutil

import pytest

from kgp.errors import KgpError
from kgp.run_folder import read_config, read_run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "kgp-run-0"}, "is not the manifest of a run in format kgp-run-1"),
        ({"files": ["config.json"]}, "is not complete: it lists no files"),
        ({"class_names": 3}, "manifest.json is not complete"),
        ({"shape": None}, "manifest.json is not complete"),
    ],
)
def test_a_manifest_that_is_none(tiny_run, tmp_path, change, message):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(KgpError, match=message):
        read_run(run)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "A configuration is an object of sections"),
        ({"network": 3}, "A section of the configuration is an object of options, not 3"),
        ({"network": {"colour": "red"}}, "Unknown option 'colour'"),
    ],
)
def test_a_configuration_of_another_version_is_no_bad_usage(tmp_path, content, message):
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(KgpError, match=message) as caught:
        read_config(tmp_path)
    assert caught.value.exit_status == 1
    assert str(tmp_path / "config.json") in str(caught.value)
