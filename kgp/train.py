"""kgp train: fit a network on labelled slices, calibrate and judge it, and write the run folder.

Without --data the built-in phantom is used with the preset `demo`.
"""

import argparse
import logging
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgp.command import run
from kgp.config import RunConfig
from kgp.errors import UsageError
from kgp.files import read_json
from kgp.run_folder import FOLDS, read_config
from kgp.training.options import ALL_FOLDS, add_options, configuration, source_of
from kgp.training.run_name import choose_run_folder

if TYPE_CHECKING:
    from kgp.trained_network import TrainedNetwork
    from kgp.training.folds import Folds

_log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """Every field of the configuration is an option of the same name."""
    parser = argparse.ArgumentParser(
        prog="kgp train",
        usage="kgp train [--arch NAME] [--data DATA] [--out RUN] [option ...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Where presets differ, the default of each is given; all are those of --arch unet, and kgp info --json "
        "lists those of every architecture.",
    )
    parser.add_argument("--out", type=Path, help="run folder (default: runs/PRESET-ARCH, numbered when it exists)")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing run folder")
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with an unfinished run; takes no other option"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print the configuration, the slices of each part, the size of the network and the estimated time; "
        "train nothing",
    )
    add_options(parser)
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Trains, or with --dry-run only says what a training would do."""
    all_folds = arguments.fold == ALL_FOLDS
    if arguments.dry_run and not arguments.resume:
        from kgp.training.dry_run import dry_run

        print(dry_run(configuration(arguments), source_of(arguments), all_folds))
        return
    if arguments.resume:
        _refuse_other_options(arguments)
        folder = arguments.resume
        if (folder / FOLDS).is_file():
            _go_on_with_folds(folder)
            return
        from kgp.training.job import resumable_source

        source, config = resumable_source(folder), read_config(folder)
    else:
        config, source = configuration(arguments), source_of(arguments)
        folder = choose_run_folder(arguments.out, config, arguments.overwrite)
        if all_folds:
            _train_folds(config, folder, source, arguments.overwrite)
            return
    from kgp.report.headline import headline
    from kgp.training.job import train_run

    trained = train_run(config, folder, source, bool(arguments.resume), arguments.overwrite)
    if trained is not None:
        print(headline(read_json(trained.folder / "metrics.json")))
        print(f"Run folder: {trained.folder} (report: {trained.folder / 'report.html'})")


def _train_folds(config: RunConfig, folder: Path, source: dict[str, Any], overwrite: bool) -> None:
    from kgp.training.folds import begin_folds

    _finish_folds(begin_folds(config, folder, source, overwrite))


def _go_on_with_folds(folder: Path) -> None:
    from kgp.training.folds import read_folds

    _finish_folds(read_folds(folder))


def _finish_folds(folds: "Folds") -> None:
    """Trains the folds that are missing, pools all, and says what came out."""
    from kgp.report.headline import headline
    from kgp.training.folds import pool_folds, train_folds

    try:
        for run in train_folds(folds):
            print(f"{run.folder}:\n{headline(read_json(run.folder / 'metrics.json'))}", flush=True)
        metrics = pool_folds(folds)
    except KeyboardInterrupt:
        _log.info("kgp train --resume %s goes on with all folds.", folds.folder)
        raise
    print(f"All {len(folds.runs)} folds pooled:\n{headline(metrics)}")
    print(f"Run folders: {folds.runs[0]} to {folds.runs[-1].name} (report: {folds.folder / 'report.html'})")


def _refuse_other_options(arguments: argparse.Namespace) -> None:
    """Refuses options beside --resume.

    Raises:
        UsageError: there is one.
    """
    defaults = vars(build_parser().parse_args([]))
    given = [name for name, value in vars(arguments).items() if name != "resume" and value != defaults[name]]
    if given:
        raise UsageError(
            f"--resume goes on with the run's own configuration, so --{given[0].replace('_', '-')} cannot be given."
        )


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp train` and `python -m kgp.train`."""
    return run("train", build_parser, execute, argv)


class _CallableModule(types.ModuleType):
    """Lets `kgp.train(...)` train from Python, where `kgp.train` names this module."""

    def __call__(self, **options: Any) -> "TrainedNetwork":
        """See `kgp.training.from_python.train`."""
        from kgp.training.from_python import train

        return train(**options)


sys.modules[__name__].__class__ = _CallableModule

if __name__ == "__main__":
    raise SystemExit(main())
