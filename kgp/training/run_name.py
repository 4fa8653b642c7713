"""The folder that a new run goes to."""

from pathlib import Path

from kgp.config import RunConfig
from kgp.errors import KgpError, UsageError
from kgp.run_folder import FOLDS
from kgp.training.cluster import worker_and_count

_RUNS = Path("runs")


def choose_run_folder(out: Path | None, config: RunConfig, overwrite: bool = False) -> Path:
    """The folder asked for, or a new one: runs/PRESET-ARCH, numbered where that exists.

    Args:
        out: the folder asked for, or None.
        config: the run's configuration.
        overwrite: whether an earlier run in `out` may be replaced.

    Raises:
        KgpError: `out` exists and is not to be replaced.
        UsageError: `out` is to be replaced and is not a run, or several workers were given none.
    """
    worker, workers = worker_and_count(config.optimiser)
    if workers > 1 and out is None:
        raise UsageError(
            "--strategy multiworker needs --out, the same for all workers, on a disk that all of them see."
        )
    if out is None:
        first = _RUNS / f"{config.preset or 'run'}-{config.network.arch}"
        candidates = [first, *(first.with_name(f"{first.name}-{number}") for number in range(2, 10_000))]
        return next(path for path in candidates if not path.exists())
    if worker > 0:
        return out  # the first worker makes it
    if out.exists():
        if not overwrite:
            raise KgpError(f"{out} exists already; name another --out, or pass --overwrite or --resume.")
        if not any((out / name).is_file() for name in ("config.json", FOLDS)):
            raise UsageError(f"--overwrite: {out} is not a run folder, so it is not removed.")
    return out
