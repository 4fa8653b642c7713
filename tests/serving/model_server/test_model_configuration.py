import pytest

from kgp.errors import UsageError
from serving.model_server.model_configuration import read_model_configuration

GOOD = """model_config_list { config { name: "kgp" base_path: "/models/kgp" model_platform: "tensorflow"
version_labels { key: "stable" value: 3 } } }"""


def test_a_file_is_read_as_tensorflow_serving_reads_it(tmp_path):
    (tmp_path / "models.config").write_text(GOOD)
    (name, (folder, labels)), *others = read_model_configuration(tmp_path / "models.config").items()
    assert (name, str(folder), labels, others) == ("kgp", "/models/kgp", {"stable": 3}, [])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no configuration of models"),
        ("model_config_list {}", "names no model"),
        ("models: 3", "is no configuration of models"),
        (GOOD.replace('"kgp"', '""'), "'' is no name of a model"),
        (GOOD.replace('"kgp"', '"a/b"'), "'a/b' is no name of a model"),
        (GOOD.replace('"kgp"', '"a:b"'), "'a:b' is no name of a model"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, text, message):
    (tmp_path / "models.config").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_model_configuration(tmp_path / "models.config")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_model_configuration(tmp_path / "models.config")
