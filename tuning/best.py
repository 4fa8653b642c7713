"""The best trial of a search as a run of its own."""

import shutil
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.files import atomic_folder, read_json
from kgp.report.run_report import calibrate_run, evaluate_run
from tuning.search import SEARCH, best_trial, trial_rows


def take_best(search: Path, out: Path) -> tuple[str, dict[str, Any]]:
    """Copies the run of the best trial to `out`, calibrates its readings and judges it on the test
    part.

    Returns:
        The trial's name, such as "03", and the content of the run's metrics.json.

    Raises:
        KgpError: there is no search or no complete trial, or `out` exists.
    """
    if not (search / SEARCH).is_file():
        raise KgpError(f"{search} holds no search: it has no {SEARCH}.")
    best = best_trial(trial_rows(search), read_json(search / SEARCH)["objective"])
    if best is None:
        raise KgpError(f"{search} has no complete trial.")
    with atomic_folder(out) as temporary:
        shutil.copytree(best.folder / "run", temporary, dirs_exist_ok=True)
        calibrate_run(temporary)
    return best.name, evaluate_run(out)
