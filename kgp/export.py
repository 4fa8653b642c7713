"""kgp export: a run as a SavedModel for TensorFlow Serving, or as a LiteRT file.

An export is compared with its run before it appears. A SavedModel goes into the next numbered
folder below --out, which a model server may be watching. A LiteRT file takes one slice at a time
and has its manifest beside it. Both take raw intensities. With --verify nothing is written: an
export made earlier is compared with the run again.
"""

import argparse
from pathlib import Path
from typing import Any

from kgp.command import run
from kgp.errors import UsageError

FORMATS = ("savedmodel", "litert")
PRECISIONS = ("float32", "float16", "dynamic", "int8")
HEATMAPS = ("float32", "float16")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp export",
        usage="kgp export RUN --format FORMAT --out PLACE [option ...]\n       kgp export RUN --verify EXPORT",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder")
    parser.add_argument("--format", choices=FORMATS, help="what to write")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PLACE",
        help="folder of the versions of a SavedModel, or a file that ends in .tflite",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="float32",
        help="LiteRT: weights in 32 or 16 bits, weights in 8 bits (dynamic), or weights and activations in 8 bits (int8); "
        "SavedModel: float16 sends the heatmap in 16 bits, for narrow links (default: %(default)s)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing LiteRT file")
    parser.add_argument(
        "--verify", type=Path, metavar="EXPORT", help="compare this export with the run and write nothing"
    )
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Writes an export, or verifies one, and prints the comparison with the run."""
    _check(arguments)
    from export.comparison import comparison_lines

    path, comparison = _verified(arguments) if arguments.verify else _exported(arguments)
    print(f"{path} answers as {arguments.run} does:")
    print("\n".join(f"  {line}" for line in comparison_lines(comparison)))


def _verified(arguments: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """An export made earlier, and its comparison with the run."""
    from export.samples import run_samples
    from export.verify import verify
    from kgp.runtime import load_runtime
    from kgp.runtime.keras_run import KerasRun

    reference = KerasRun(arguments.run)
    samples = run_samples(reference.run, "validation")
    return arguments.verify, verify(reference, load_runtime(arguments.verify), samples)


def _exported(arguments: argparse.Namespace) -> tuple[Path, dict[str, Any]]:
    """A new export, and its comparison with the run."""
    if arguments.format == "savedmodel":
        from export.savedmodel import export_savedmodel

        return export_savedmodel(arguments.run, arguments.out, heatmap=arguments.precision)
    from export.litert import export_litert

    path = arguments.out
    return path, export_litert(arguments.run, path, precision=arguments.precision, overwrite=arguments.overwrite)


def _check(arguments: argparse.Namespace) -> None:
    """Refuses options that do not go together.

    Raises:
        UsageError: they do not.
    """
    if arguments.verify:
        if arguments.format or arguments.out:
            raise UsageError("--verify writes nothing, so it does not go with --format or --out.")
        return
    if not arguments.format or not arguments.out:
        raise UsageError("--format and --out are needed, or --verify EXPORT.")
    if arguments.format == "litert" and arguments.out.suffix != ".tflite":
        raise UsageError(f"--out must end in .tflite for --format litert, not {arguments.out.name!r}.")
    if arguments.format == "savedmodel" and arguments.precision not in HEATMAPS:
        raise UsageError(f"--precision is {' or '.join(HEATMAPS)} for --format savedmodel, not {arguments.precision}.")


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp export` and `python -m kgp.export`."""
    return run("export", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
