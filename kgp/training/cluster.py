"""Which of several processes of one training this is, from TensorFlow's variable TF_CONFIG."""

import json
import os

from kgp.config import OptimiserConfig
from kgp.errors import UsageError

_VARIABLE = "TF_CONFIG"
_EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


def worker_and_count(optimiser: OptimiserConfig) -> tuple[int, int]:
    """This process's index and the number of workers, (0, 1) unless the strategy is multiworker.

    Raises:
        UsageError: TF_CONFIG is missing or does not name a worker of the cluster.
    """
    if optimiser.strategy != "multiworker":
        return 0, 1
    text = os.environ.get(_VARIABLE, "")
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        index, count = int(task["index"]), len(workers)
        if task["type"] == "worker" and 0 <= index < count:
            return index, count
    except (ValueError, KeyError, TypeError):
        pass
    raise UsageError(f"--strategy multiworker needs the variable {_VARIABLE} such as '{_EXAMPLE}', not {text!r}.")
