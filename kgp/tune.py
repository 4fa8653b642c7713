"""kgp tune: search dropout, learning rate and other training options with KerasTuner.

Each trial is an ordinary run folder, trained in a process of its own; the test part is not looked
at. The same command goes on with a search that was killed. `--best SEARCH --out RUN` makes the best
trial a run of its own and judges it; `--find-lr` tries learning rates in one short training and
draws the loss over them.
"""

import argparse
import sys
from pathlib import Path

from kgp.command import run
from kgp.errors import KgpError, UsageError
from kgp.training.options import ALL_FOLDS, add_options, configuration, source_of


def build_parser() -> argparse.ArgumentParser:
    """The parser; the options of `kgp train` give the values that are not searched."""
    from tuning.choices import METHODS, OBJECTIVES, TRIALS
    from tuning.space import DEFAULT, SPACE

    parser = argparse.ArgumentParser(
        prog="kgp tune",
        usage="kgp tune --arch NAME --data DATA --out SEARCH [--trials N] [--max-epochs E] [option ...]\n"
        "       kgp tune --best SEARCH --out RUN\n"
        "       kgp tune --find-lr --arch NAME --data DATA --out DIR",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the search (with --best: of the run)")
    parser.add_argument("--trials", type=int, help=f"number of trials (default: {TRIALS}; hyperband: from the epochs)")
    parser.add_argument(
        "--max-epochs", type=int, dest="epochs", metavar="E", help="epochs of a trial (default: the preset's)"
    )
    parser.add_argument(
        "--search",
        nargs="+",
        default=list(DEFAULT),
        metavar="NAME[=VALUES]",
        help="what to search: dropout=0:0.7 (a range), width=8,16 (a choice), or a name alone for its usual values; names: "
        f"{', '.join(SPACE)} (default: {' '.join(DEFAULT)})",
    )
    parser.add_argument("--method", choices=METHODS, default="bayesian", help="(default: %(default)s)")
    parser.add_argument(
        "--objective",
        choices=[*OBJECTIVES],
        default="val_macro_f1",
        help="figure of the validation part; val_dice needs masks and the report says that they were used "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="trials at the same time on this host (default: %(default)s)"
    )
    parser.add_argument("--best", type=Path, metavar="SEARCH", help="make the best trial of a search a run in --out")
    parser.add_argument("--find-lr", action="store_true", help="learning-rate range test instead of a search")
    add_options(parser, without=("epochs",))
    return parser


def execute(arguments: argparse.Namespace, words: list[str]) -> None:
    """Searches, or with --best or --find-lr does that instead.

    Args:
        words: the command line as given, which the workers of a search get too.
    """
    if arguments.fold == ALL_FOLDS:
        raise UsageError("--fold all goes with kgp train; a search looks at the validation part of one fold.")
    if arguments.best:
        _take_best(arguments.best, arguments.out)
        return
    if arguments.find_lr:
        _find_learning_rate(arguments)
        return
    from tuning.choices import TRIALS
    from tuning.search import Search, best_trial, trial_rows
    from tuning.space import check_space, chosen_space
    from tuning.start import start_search

    if arguments.workers < 1 or (arguments.trials is not None and arguments.trials < 1):
        raise UsageError("--trials and --workers must be at least 1.")
    if arguments.method == "hyperband" and arguments.trials is not None:
        raise UsageError("--trials does not go with --method hyperband, which decides from --max-epochs.")
    config, space = configuration(arguments), chosen_space(arguments.search)
    check_space(space, config)
    search = Search(
        folder=arguments.out.resolve(),
        config=config,
        source=source_of(arguments),
        space=space,
        method=arguments.method,
        objective=arguments.objective,
        trials=arguments.trials or TRIALS,
    )
    report = start_search(search, words, arguments.workers)
    if report is None:
        return
    best = best_trial(trial_rows(search.folder), search.objective)
    if best is None:
        raise KgpError(f"No trial is complete; {report} says why.")
    print(f"Best: trial {best.name}, {search.objective} {best.score:.4f}: {best.values}")
    print(f"Report: {report}; kgp tune --best {arguments.out} --out RUN makes it a run.")


def _find_learning_rate(arguments: argparse.Namespace) -> None:
    from tuning.learning_rate import find_learning_rate, write_range_test

    result = find_learning_rate(configuration(arguments), source_of(arguments))
    write_range_test(result, arguments.out)
    print(
        f"Suggested learning rate: {result.suggestion:.1e}, a tenth of the rate with the lowest loss; see "
        f"{arguments.out / 'learning_rates.svg'}"
    )


def _take_best(search: Path, out: Path) -> None:
    from kgp.report.headline import headline
    from tuning.best import take_best

    trial, metrics = take_best(search, out)
    print(headline(metrics))
    print(f"Trial {trial} of {search} is now the run {out} (report: {out / 'report.html'})")


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp tune` and `python -m kgp.tune`."""
    words = sys.argv[1:] if argv is None else argv
    return run("tune", build_parser, lambda arguments: execute(arguments, words), argv)


if __name__ == "__main__":
    raise SystemExit(main())
