"""One start of `kgp tune`: a whole search, or what a chief or a worker does of it."""

from pathlib import Path

from kgp.files import remove_fragments
from tuning.report import write_report
from tuning.search import Search, run_search, trial_rows
from tuning.workers import is_chief, is_part_of_search, run_workers, wait_for_chief


def start_search(search: Search, words: list[str], workers: int) -> Path | None:
    """Runs the trials that are missing and writes the report, also after an error.

    Args:
        search: the search.
        words: the command line of `kgp tune`, which its workers get too.
        workers: trials at the same time on this host.

    Returns:
        The report's path; None in a process that KerasTuner's variables make a chief or a worker.

    Raises:
        UsageError, KgpError: see `tuning.search.run_search` and `tuning.workers.run_workers`.
    """
    if is_part_of_search():
        if not is_chief():
            wait_for_chief()
        run_search(search)
        return None
    remove_fragments(search.folder)
    try:
        if workers > 1:
            run_workers(words, workers)
        else:
            run_search(search)
    finally:
        report = write_report(search) if trial_rows(search.folder) else None
    return report
