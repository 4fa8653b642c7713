"""The prepared data of a run, wherever they lie by now."""

import dataclasses
import logging
import shlex
from pathlib import Path

from kgp.data.cache import cached_cohort
from kgp.data.cohort import Cohort, read_cohort
from kgp.data.prepared_folders import find_content
from kgp.default_cache import default_cache
from kgp.errors import KgpError
from kgp.run_folder import Run, read_source

_log = logging.getLogger(__name__)


def cohort_of_run(run: Run, part: str = "test") -> Cohort:
    """The prepared cohort that a run was trained on: in its recorded folder, or, by its content, in
    the cache. The phantom is drawn again where it is gone.

    Args:
        run: the run.
        part: of the split, which is wanted of it; for the error.

    Raises:
        KgpError: the run has no data, or they are gone; the sentence gives the command that takes
            them from elsewhere.
    """
    if not run.data:
        raise KgpError(f"{run.folder} was not trained here, so it has no {part} part; judge it with --data.")
    recorded = Path(run.data)
    cohort = read_cohort(recorded) if (recorded / "cohort.json").is_file() else None
    if cohort is None or not _is_the_trainings(run, cohort):
        found = find_content(run.data_content, [recorded.parent, default_cache()])
        cohort = read_cohort(found) if found else cohort
    if cohort is None and read_source(run.folder).get("data", "unknown") is None:
        cohort = cached_cohort(None, size=run.config.data.size, contrasts=run.config.data.contrasts)
    if cohort is None:
        raise KgpError(_gone(run, part))
    cohort = dataclasses.replace(cohort, name=run.data_name)
    _warn_of_difference(run, cohort)
    return cohort


def cohort_from(
    run: Run,
    data: Path,
    *,
    kind: str | None = None,
    csv: Path | None = None,
    contrasts: tuple[str, ...] = (),
    cache: Path | None = None,
) -> Cohort:
    """The prepared cohort of a run from where its data lie now, prepared as for the training.

    Args:
        run: the run.
        data: the data set that it was trained on, or a folder made of it by kgp prepare.
        kind, csv, contrasts: what the data are read with; default as in the training.
        cache: as for `kgp.data.cache.cached_cohort`.

    Raises:
        KgpError: the data cannot be read, the table of the training is not here, or slices and
            contrasts are not those of the run.
    """
    source = read_source(run.folder)
    cohort = cached_cohort(
        data,
        size=run.config.data.size,
        cache=cache,
        contrasts=contrasts or run.config.data.contrasts,
        kind=kind or source.get("kind"),
        csv=csv or _table_now(source, data),
    )
    if (cohort.shape, cohort.contrasts) != (run.shape, run.contrasts):
        raise KgpError(
            f"{cohort.name} has slices of {_words(cohort.shape, cohort.contrasts)} where {run.folder} was trained on "
            f"{_words(run.shape, run.contrasts)}."
        )
    _warn_of_difference(run, cohort)
    return cohort


def difference(run: Run, cohort: Cohort) -> str:
    """How data at hand differ from those of the training, in words; "" where they do not."""
    if _is_the_trainings(run, cohort):
        return ""
    if not cohort.content:
        return "prepared by an earlier version, so not compared with the data of the training"
    return "the content differs from that of the data of the training"


def _warn_of_difference(run: Run, cohort: Cohort) -> None:
    if difference(run, cohort):
        _log.warning("%s: %s.", cohort.name, difference(run, cohort))


def _is_the_trainings(run: Run, cohort: Cohort) -> bool:
    """Whether a cohort has the content of the training's, as far as the run knows it."""
    return not run.data_content or cohort.has_content(run.data_content)


def _table_now(source: dict, data: Path) -> Path | None:
    """The table that the training read: where it was, or at the same place in the folder of now."""
    if not source.get("csv") or (data / "cohort.json").is_file():
        return None
    csv, recorded = Path(source["csv"]), Path(source["data"] or "")
    if csv.is_relative_to(recorded):
        return data / csv.relative_to(recorded)
    if not csv.is_file():
        raise KgpError(f"The training read the table {csv}, which is not here; say with --csv where it lies now.")
    return csv


def _words(shape: tuple[int, int, int], contrasts: tuple[str, ...]) -> str:
    return f"{shape[0]}x{shape[1]} ({', '.join(contrasts)})"


def _gone(run: Run, part: str) -> str:
    recorded = read_source(run.folder).get("data")
    place = recorded if recorded and Path(recorded).is_dir() else f"/path/to/{run.data_name}"
    command = shlex.join(["kgp", "evaluate", str(run.folder), "--data", place, "--part", part])
    return (
        f"The prepared slices of {run.folder} are gone ({run.data}), and none in {default_cache()} have their content; "
        f"say where {run.data_name} lies now: {command}"
    )
