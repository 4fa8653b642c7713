"""Where a new run goes; light, so that a bad --out is refused at once."""

from pathlib import Path

from kgp.config import RunConfig
from kgp.errors import KgpError, UsageError
from kgp.training.cluster import worker_and_count


def new_run_folder(config: RunConfig, out: Path | None, overwrite: bool) -> Path:
    """The folder a run goes to: `out`, or the next free runs/PRESET-ARCH.

    Raises:
        KgpError: `out` exists and is not to be replaced.
        UsageError: `out` exists and is not a run, or several workers were given none.
    """
    worker, workers = worker_and_count(config.optimiser)
    if out is None:
        if workers > 1:
            raise UsageError(
                "--strategy multiworker needs --out, the same for all workers, on a disk that all of them see."
            )
        first = Path("runs") / f"{config.preset or 'run'}-{config.network.arch}"
        candidates = [first, *(first.with_name(f"{first.name}-{number}") for number in range(2, 10_000))]
        return next(path for path in candidates if not path.exists())
    if worker == 0 and out.exists():  # the first worker makes the folder
        if not overwrite:
            raise KgpError(f"{out} exists already; name another --out, or pass --overwrite or --resume.")
        if not (out / "config.json").is_file():
            raise UsageError(f"--overwrite: {out} is not a run folder, so it is not removed.")
    return out
