"""A search shared by several processes on this host: KerasTuner's chief, who proposes, and its
workers, who train.
"""

import logging
import os
import socket
import subprocess
import sys
import time

from kgp.errors import KgpError, UsageError

_log = logging.getLogger(__name__)
_RESTARTS = 3
_PAUSE = 0.5
_PATIENCE = 60.0
_VARIABLES = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


def is_part_of_search() -> bool:
    """Whether KerasTuner's environment variables make this process a chief or a worker.

    Raises:
        UsageError: some of them are missing, or the port is not a number.
    """
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if len(missing) == len(_VARIABLES):
        return False
    if missing:
        raise UsageError(
            f"A search on several hosts needs the variables {', '.join(_VARIABLES)}; {missing[0]} is not set."
        )
    port = os.environ["KERASTUNER_ORACLE_PORT"]
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"KERASTUNER_ORACLE_PORT must be a port such as 8000, not {port!r}.")
    return True


def is_chief() -> bool:
    """Whether this process is the chief."""
    return "chief" in os.environ.get("KERASTUNER_TUNER_ID", "")


def wait_for_chief() -> None:
    """Waits until the chief listens.

    Raises:
        KgpError: it does not within a minute.
    """
    address = (os.environ["KERASTUNER_ORACLE_IP"], int(os.environ["KERASTUNER_ORACLE_PORT"]))
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            with socket.create_connection(address, timeout=5):
                return
        except OSError as error:
            if time.monotonic() > end:
                raise KgpError(
                    f"The chief of the search cannot be reached at {address[0]}:{address[1]}: {error}."
                ) from None
            time.sleep(_PAUSE)


def run_workers(words: list[str], workers: int) -> None:
    """Runs the search that the words of `kgp tune` describe with a chief and workers on the
    loopback interface.

    A worker that dies is started again and goes on with the trial it had. Each has its share of the
    cores.

    Raises:
        KgpError: the chief or a worker ends with an error, or a worker dies again and again.
    """
    environment = {
        **os.environ,
        "KERASTUNER_ORACLE_IP": "127.0.0.1",
        "KERASTUNER_ORACLE_PORT": str(_free_port()),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    shares = {"TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": threads}
    # Otherwise the first of them takes nearly all memory of a GPU.
    shares |= {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    chief = _start(words, {**environment, "KERASTUNER_TUNER_ID": "chief"})
    environments = {f"worker{number}": {**environment, **shares} for number in range(workers)}
    running = {name: _start(words, {**own, "KERASTUNER_TUNER_ID": name}) for name, own in environments.items()}
    deaths = 0
    try:
        while running:
            time.sleep(_PAUSE)
            if chief.poll() not in (None, 0):
                raise KgpError("The chief of the search ended with an error; see above.")
            for name, process in list(running.items()):
                status = process.poll()
                if status == 0:
                    del running[name]
                elif status is not None:
                    deaths += 1
                    if status > 0 or deaths > _RESTARTS:
                        raise KgpError(f"{name} of the search ended with status {status}; see above.")
                    _log.warning("%s was killed by signal %d; starting it again.", name, -status)
                    running[name] = _start(words, {**environments[name], "KERASTUNER_TUNER_ID": name})
    finally:
        for process in (chief, *running.values()):
            process.terminate()
            process.wait()


def _start(words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "kgp.tune", *words], env=environment, stdin=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
