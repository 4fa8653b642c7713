import pytest

from serving.ray_engine import Share, share_of


@pytest.mark.parametrize(
    ("cpus", "gpus", "workers", "expected"),
    [
        ([2], 0, 1, Share(2, 0, 2)),
        ([2], 0, 2, Share(1, 0, 1)),
        ([2], 0, 3, Share(0, 0, 1)),
        ([8], 0, 3, Share(2, 0, 2)),
        ([16, 16, 16], 0, 4, Share(8, 0, 8)),  # 12 each would leave room for three only
        ([0, 16], 0, 1, Share(16, 0, 16)),
        ([16], 1, 2, Share(8, 0.5, 8)),
        ([16], 4, 2, Share(8, 1.0, 8)),
        ([16], 2, 3, Share(5, 0.5, 5)),  # two thirds of a GPU each would leave room for two only
    ],
)
def test_shares(cpus, gpus, workers, expected):
    assert share_of(cpus, gpus, workers) == expected


def test_a_share_limits_the_threads():
    options = Share(3, 0.5, 3).options()
    assert (options["num_cpus"], options["num_gpus"]) == (3, 0.5)
    variables = options["runtime_env"]["env_vars"]
    assert variables["TF_NUM_INTRAOP_THREADS"] == variables["OMP_NUM_THREADS"] == "3"
