"""One trial: a training in a process of its own, so that memory is given back and a crash ends
nothing else.

    python -P -m tuning.trial FOLDER

reads FOLDER/job.json, trains into FOLDER/run (an ordinary run folder; a killed training goes on
from its checkpoint) and writes FOLDER/result.json. The test part of the data is not looked at.
"""

import json
import logging
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from kgp.config import RunConfig
from kgp.errors import KgpError, UsageError
from kgp.files import read_json, read_table, write_json
from kgp.tensorflow_import import watch_import
from tuning.choices import OBJECTIVES, WITH_MASKS

_LOG = "log.txt"
_LAST_LINES = 3


def run_trial(folder: Path, config: RunConfig, source: dict[str, Any], objective: str) -> dict[str, Any]:
    """Trains in a new process and waits for it.

    Args:
        folder: the trial's folder; a result that lies there for the same configuration is taken as
            it is.
        config: the configuration.
        source: as `kgp.training.options.source_of` gives it.
        objective: one of `tuning.choices.OBJECTIVES`.

    Returns:
        The figures of the weights that were kept, and "seconds".

    Raises:
        KgpError: the training failed; the end of its log says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    job = json.loads(json.dumps({"config": config.to_dict(), "source": source, "objective": objective}))
    known = read_json(folder / "job.json") if (folder / "job.json").is_file() else None
    if known != job:
        (folder / "result.json").unlink(missing_ok=True)
        write_json(folder / "job.json", job)
    if not (folder / "result.json").is_file():
        _wait_for_process(folder, resume=known == job)
    return dict(read_json(folder / "result.json"))


def _wait_for_process(folder: Path, resume: bool) -> None:
    # -P: a folder called tuning in the working directory is not ours.
    command = [sys.executable, "-P", "-m", "tuning.trial", str(folder), *(["--resume"] if resume else [])]
    with open(folder / _LOG, "ab") as log:
        # The pipe is never written to; when it closes, the process ends, as nobody waits for it any
        # more.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        try:
            status = process.wait()
        finally:
            process.kill()
            process.wait()
    if status:
        lines = (folder / _LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        reason = f"killed by signal {-status}, perhaps for lack of memory" if status < 0 else f"exit status {status}"
        raise KgpError(f"{folder.name} failed ({reason}): {' '.join(lines[-_LAST_LINES:]).strip()}")


def train_trial(folder: Path, resume: bool) -> None:
    """What the process does.

    Raises:
        KgpError: the training failed or left numbers that are not finite.
        UsageError: the objective needs masks that the validation part does not have.
    """
    from kgp.training.job import train_from_source
    from kgp.training.loop import is_finished

    job = read_json(folder / "job.json")
    config, run = RunConfig.from_dict(job["config"]), folder / "run"
    start = time.monotonic()
    if not (resume and (run / "config.json").is_file() and is_finished(run)):
        resume = resume and (run / "config.json").is_file()
        train_from_source(config, run, job["source"], resume, overwrite=True)
    figures = _kept_figures(run)
    if job["objective"] == WITH_MASKS:
        figures[WITH_MASKS] = _validation_dice(run)
    for name, value in figures.items():
        if not math.isfinite(value):
            raise KgpError(f"{name} is {value}: the training diverged.")
    write_json(folder / "result.json", {**figures, "seconds": round(time.monotonic() - start, 1)})


def _kept_figures(run: Path) -> dict[str, float]:
    """Validation figures of the epoch whose weights the run keeps."""
    from kgp.run_folder import read_run

    kept = read_run(run).manifest["epoch_kept"]
    history = read_table(run / "history.csv").rows
    row = next(row for row in history if int(float(row["epoch"])) == kept)
    return {name: float(row[name]) for name in OBJECTIVES if name in row}


def _validation_dice(run: Path) -> float:
    """Median Dice over the tumour slices of the validation part, as delivered by the run's default
    reading.
    """
    from kgp.data.parts import part_of_run
    from kgp.evaluation.judge import judge
    from kgp.run_folder import read_run
    from kgp.runtime import load_runtime

    runtime = load_runtime(run)
    name = runtime.description.default_reading
    cohort, rows, targets = part_of_run(read_run(run), "validation")
    readings = {name: runtime.description.readings[name]}
    segmentation = judge(runtime, cohort, rows, targets, readings, name).metrics["segmentation"]
    median = segmentation[name]["as_delivered"]["all"]["dice"]["median"] if segmentation else None
    if median is None:
        raise UsageError(
            f"--objective {WITH_MASKS} needs tumour masks in the validation part, and the data have none there."
        )
    return float(median)


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def main() -> int:
    """Entry point of the process."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    watch_import(announce=False)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        train_trial(Path(sys.argv[1]), "--resume" in sys.argv[2:])
    except KgpError as error:
        logging.getLogger(__name__).error("%s", error)
        return error.exit_status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
