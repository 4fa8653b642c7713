"""kgp compare: test two networks on the same slices of the same patients, from what kgp train or
kgp evaluate found.
"""

import argparse
from pathlib import Path

from kgp.command import run
from kgp.errors import UsageError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp compare", usage="kgp compare RUN RUN [--part PART] [option ...]", description=__doc__
    )
    parser.add_argument("first", type=Path, metavar="RUN", help="run folder, or a folder that kgp evaluate wrote")
    parser.add_argument("second", type=Path, metavar="RUN", help="the other one")
    parser.add_argument(
        "--part",
        choices=("test", "validation", "train"),
        default="test",
        help="part on which the runs are compared (default: %(default)s)",
    )
    parser.add_argument("--reading", help="compare the Dice of this reading alone (default: of all that both have)")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for compare.json (default: FIRST/comparisons/SECOND-PART)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier comparison")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Compares the predictions, prints the table and writes compare.json."""
    from kgp.evaluation.comparison import compare_predictions
    from kgp.evaluation.predictions import predictions_folder, read_predictions
    from kgp.files import atomic_folder, write_json
    from kgp.report.comparison_table import comparison_table
    from kgp.research_use import NOTICE

    places = (arguments.first, arguments.second)
    first, second = (read_predictions(predictions_folder(place, arguments.part)) for place in places)
    for predictions in (first, second):
        if arguments.reading and arguments.reading not in predictions.dices:
            raise UsageError(
                f"--reading must be one of {', '.join(predictions.dices) or 'none, as no mask was judged'} in "
                f"{predictions.folder}, not {arguments.reading!r}."
            )
    out = arguments.out or arguments.first / "comparisons" / f"{arguments.second.resolve().name}-{arguments.part}"
    if out.exists() and not (out / "compare.json").is_file():
        raise UsageError(f"{out} exists and is not a result of kgp compare; name another --out.")
    comparison = {
        "use": NOTICE,
        "first": str(first.folder),
        "second": str(second.folder),
        **compare_predictions(first, second, arguments.reading),
    }
    with atomic_folder(out, overwrite=arguments.overwrite) as folder:
        write_json(folder / "compare.json", comparison)
    print(comparison_table(comparison))
    print(f"Results: {out / 'compare.json'}")


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp compare` and `python -m kgp.compare`."""
    return run("compare", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
