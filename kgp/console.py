"""kgp console: DICOM in, findings out, with a LiteRT model and without TensorFlow.

`kgp console run` reads one study and writes masks and heatmap as NIfTI, pictures, summary.json, and in the folder dicom a
segmentation, a parametric map, a report and captures for viewers.
"""

import argparse
import sys
from pathlib import Path

from kgp.command import run


def build_parser() -> argparse.ArgumentParser:
    """The parser with its sub-commands."""
    parser = argparse.ArgumentParser(
        prog="kgp console", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    return parser


def _add_run(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "run",
        usage="kgp console run SERIES [SERIES ...] --model MODEL.tflite --out DIR [option ...]",
        help="read one study and write what was found",
        description="Reads one study of one patient and writes what was found into a new folder.",
    )
    parser.add_argument(
        "series",
        type=Path,
        nargs="+",
        metavar="SERIES",
        help="folder (with all below it), zip archive or files of one study",
    )
    _add_model(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of results; it must not exist")
    parser.set_defaults(execute=_run)


def _add_model(parser: argparse.ArgumentParser) -> None:
    """What every sub-command needs to work on a study."""
    parser.add_argument(
        "--model", type=Path, required=True, metavar="FILE", help="model that kgp export wrote, .tflite"
    )
    parser.add_argument(
        "--rules", type=Path, metavar="FILE", help="which series is which contrast (default: rules that come with kgp)"
    )
    parser.add_argument(
        "--fractional", action="store_true", help="write the heatmap as a fractional DICOM segmentation too"
    )
    parser.add_argument(
        "--deterministic-uids",
        action="store_true",
        help="UIDs that follow from those of the study, so that the same work has the same (default: new ones)",
    )


def execute(arguments: argparse.Namespace) -> None:
    """Runs the sub-command."""
    arguments.execute(arguments)


def _run(arguments: argparse.Namespace) -> None:
    from kgp.report.case_files import case_words
    from serving.console import load_console, run_study

    summary = run_study(
        arguments.series,
        load_console(arguments.model, arguments.rules),
        arguments.out,
        fractional=arguments.fractional,
        deterministic=arguments.deterministic_uids,
        progress=_show if sys.stderr.isatty() else None,
    )
    print(f"{case_words(summary)} -> {arguments.out}")


def _show(done: int, count: int) -> None:
    """One line on a terminal that counts slices."""
    print(f"\rslice {done} of {count}", end="\n" if done == count else "", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp console` and `python -m kgp.console`."""
    return run("console", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
