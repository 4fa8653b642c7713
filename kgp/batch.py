"""kgp batch: segment every study of an archive on several workers; a second start resumes.

ARCHIVE is a folder with a folder for each study, at any depth; a study is what `kgp segment` takes
as one case. DIR gets studies/STUDY/ with what `kgp segment` writes, studies.csv with a line for
each, and failed.csv with the reasons where there is no result. The same command, started again,
does the studies that are missing and leaves the others untouched.
"""

import argparse
import logging
from pathlib import Path

from kgp.command import network_place, run
from kgp.errors import KgpError, UsageError

_log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp batch",
        usage="kgp batch --input ARCHIVE --model MODEL --out DIR [option ...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--input", type=Path, required=True, metavar="ARCHIVE", help="folder with the studies")
    parser.add_argument(
        "--model",
        type=network_place,
        required=True,
        metavar="MODEL",
        help="run folder, export, or address of a served model",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="studies at the same time, each with its share of the cores (default: %(default)s)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="Ray cluster that this host is a part of; every host must see ARCHIVE, MODEL and DIR under the same paths "
        "(default: processes on this host alone)",
    )
    return parser


def execute(arguments: argparse.Namespace) -> int:
    """Segments the archive; returns 1 if a study failed, else 0."""
    # Resolved: a lone study has the archive's name, and ".." would lead out of the results.
    archive, out, model = arguments.input.resolve(), arguments.out.absolute(), arguments.model
    if arguments.workers < 1:
        raise UsageError(f"--workers must be at least 1, not {arguments.workers}.")
    if not archive.is_dir():
        raise KgpError(f"{arguments.input} is not a folder.")
    if out.resolve().is_relative_to(archive):
        raise UsageError(f"--out must not lie in the archive, but {arguments.out} lies in {arguments.input}.")
    if isinstance(model, Path) and not model.exists():
        raise KgpError(f"{model} is missing.")
    from serving.archive_batch.batch import run_batch
    from serving.archive_batch.worker import BatchJob

    model_address = str(model.absolute()) if isinstance(model, Path) else model
    outcome = run_batch(BatchJob(archive, model_address, out, arguments.workers, arguments.address))
    for study, reason in sorted(outcome.failed.items()):
        _log.error("Failed: %s: %s", study, reason)
    print(f"{outcome.done} studies done, {len(outcome.failed)} failed; {arguments.out / 'studies.csv'}")
    return int(bool(outcome.failed))


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp batch` and `python -m kgp.batch`."""
    return run("batch", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
