import pytest

from kgp.config import OptimiserConfig
from kgp.errors import UsageError
from kgp.training.cluster import worker_and_count

SEVERAL = OptimiserConfig(strategy="multiworker")


def test_the_place_is_that_of_tf_config(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}')
    assert worker_and_count(SEVERAL) == (1, 2)
    assert worker_and_count(OptimiserConfig()) == (0, 1)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}',
    ],
)
def test_a_worker_without_its_place_is_told(monkeypatch, config):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(UsageError, match="--strategy multiworker needs the variable TF_CONFIG such as"):
        worker_and_count(SEVERAL)
