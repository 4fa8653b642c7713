"""kgp console: DICOM in, findings out, with a LiteRT model and without TensorFlow.

`kgp console run` reads one study and writes masks and heatmap as NIfTI, pictures, summary.json, and
in the folder dicom a segmentation, a parametric map, a report and captures for viewers.

`kgp console listen` receives studies from the network and does the same with each; it continues
after a crash, and ends with SIGTERM or Ctrl-C.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kgp.command import run
from kgp.errors import UsageError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp console", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_listen(commands)
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
    parser.add_argument(
        "--assign", nargs="+", action="extend", default=[], metavar="CONTRAST=SERIES",
        help="take the series with this number (or SeriesInstanceUID) for a contrast, whatever the rules say, as T1=5",
    )  # fmt: skip
    parser.set_defaults(execute=_run)


def _add_listen(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "listen",
        help="receive studies from the network (C-STORE) and make a result of each",
        description="Receives studies from the network (C-STORE), makes a result of each, and sends it on where told to.",
    )
    parser.add_argument("--aet", default="KGP", help="AE title that senders must call (default: %(default)s)")
    parser.add_argument("--port", type=int, default=11112, help="0 for any (default: %(default)s)")
    _add_model(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of what is received, known and made"
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; others can reach only what is not loopback "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--allow", nargs="+", default=[], metavar="AET", help="AE titles that may call (default: any)")
    parser.add_argument(
        "--quiet", type=float, default=10.0, metavar="SECONDS",
        help="a study is complete when none of its senders has been connected, and nothing of it came, for so long "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--forward", metavar="AET@HOST:PORT", help="send the DICOM objects of each result there")
    parser.add_argument(
        "--waiting-studies", type=int, default=5000, metavar="COUNT",
        help="studies that may wait for their results; more are answered with 'out of resources', and the sender tries "
        "again (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--object-mb", type=int, default=256, help="largest object that is taken (default: %(default)s)"
    )
    parser.add_argument(
        "--discard-received", action="store_true", help="remove what was received once its study succeeded"
    )
    parser.set_defaults(execute=_listen)


def _add_model(parser: argparse.ArgumentParser) -> None:
    """Adds the options of both sub-commands: the model, and how its findings are written."""
    parser.add_argument(
        "--model", type=Path, required=True, metavar="FILE", help="model that kgp export wrote, .tflite"
    )
    parser.add_argument(
        "--rules", type=Path, metavar="FILE", help="which series is which contrast (default: rules that come with kgp)"
    )
    parser.add_argument(
        "--any-body-part", action="store_true", help="take series of other parts of the body than head and brain too"
    )
    parser.add_argument(
        "--fractional", action="store_true", help="write the heatmap as a fractional DICOM segmentation too"
    )
    parser.add_argument(
        "--empty-segmentation", action="store_true", help="write DICOM segmentations where no tumour was found too"
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
    from kgp.scans.dicom.study import series_in_words
    from serving.console.study import load_console, run_study

    assigned = _assigned(arguments.assign)
    summary = run_study(
        arguments.series,
        load_console(arguments.model, arguments.rules, any_body_part=arguments.any_body_part),
        arguments.out,
        assigned=assigned,
        **_dicom_options(arguments),
        progress=_show_progress if sys.stderr.isatty() else None,
    )
    for contrast, taken in summary["series"].items():
        print(f"{series_in_words(contrast, taken)}.")
    print(f"{case_words(summary)} -> {arguments.out}")


def _assigned(assignments: Sequence[str]) -> dict[str, str]:
    """Series by contrast, of CONTRAST=SERIES."""
    assigned: dict[str, str] = {}
    for assignment in assignments:
        contrast, _, series = assignment.partition("=")
        if not contrast or not series:
            raise UsageError(f"--assign takes CONTRAST=SERIES, as T1=5, not {assignment!r}.")
        if contrast in assigned:
            raise UsageError(f"--assign names two series for {contrast}: {assigned[contrast]} and {series}.")
        if series in assigned.values():
            raise UsageError(f"--assign names series {series} for two contrasts.")
        assigned[contrast] = series
    return assigned


def _listen(arguments: argparse.Namespace) -> None:
    """Listens until SIGTERM or Ctrl-C."""
    if not 0 <= arguments.port < 1 << 16:
        raise UsageError(f"--port takes 0 to 65535, not {arguments.port}.")
    if not arguments.quiet >= 0 or arguments.object_mb < 1:
        raise UsageError("--quiet must be 0 or more, and --object-mb 1 or more.")
    if arguments.waiting_studies < 1:
        raise UsageError(f"--waiting-studies must be 1 or more, not {arguments.waiting_studies}.")
    import serving.dicom_output.writer  # noqa: F401 - now, and not when files or memory may be short
    from serving.console.study import load_console, run_study
    from serving.listen.log_privacy import keep_values_out_of_logs
    from serving.listen.receiver import ReceiverOptions
    from serving.listen.sender import check_aet, parse_destination
    from serving.listen.service import ListenService, ServiceOptions, run_until_signalled

    receiver = ReceiverOptions(
        aet=check_aet(arguments.aet, "--aet"),
        host=arguments.host,
        port=arguments.port,
        allow=tuple(check_aet(title, "--allow") for title in arguments.allow),
        max_bytes=arguments.object_mb * 10**6,
    )
    options = ServiceOptions(
        quiet_seconds=arguments.quiet,
        forward=parse_destination(arguments.forward, "--forward") if arguments.forward is not None else None,
        discard_received=arguments.discard_received,
        max_waiting=arguments.waiting_studies,
    )
    console = load_console(arguments.model, arguments.rules, any_body_part=arguments.any_body_part)
    network = console.runtime.description
    keep_values_out_of_logs([*network.contrasts, *network.class_names, *console.rules.contrasts])

    def process(study: Path, result: Path, **circumstances: Any) -> None:
        run_study(study, console, result, **_dicom_options(arguments), **circumstances)

    run_until_signalled(ListenService(arguments.out, process, receiver, options))


def _dicom_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The arguments of run_study that say how DICOM objects are written."""
    return {
        "fractional": arguments.fractional,
        "empty_segmentation": arguments.empty_segmentation,
        "deterministic": arguments.deterministic_uids,
    }


def _show_progress(done: int, count: int) -> None:
    """Counts slices in one line of a terminal."""
    print(f"\rslice {done} of {count}", end="\n" if done == count else "", file=sys.stderr, flush=True)


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp console` and `python -m kgp.console`."""
    return run("console", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
