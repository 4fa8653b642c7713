"""kgp evaluate: judge a run on a part of its own data, or a run or an export on a data set it never
saw.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kgp import default_cache
from kgp.architectures import architecture_title
from kgp.command import network_place, run
from kgp.data.sources import KINDS
from kgp.errors import UsageError

if TYPE_CHECKING:
    from kgp.data.cohort import Cohort, SliceRow
    from kgp.run_folder import Run
    from kgp.runtime import Runtime


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp evaluate", usage="kgp evaluate RUN [--part PART] [--data DATA] [option ...]", description=__doc__
    )
    parser.add_argument(
        "run", type=network_place, metavar="RUN", help="run folder, export, or address of a served model"
    )
    parser.add_argument(
        "--part",
        choices=("test", "validation", "train"),
        help="part of the run's own split (default: test, where no --data are given)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        help="judge on all of this data set instead, with classes matched by name; with --part: where the run's own data "
        "lie now",
    )
    parser.add_argument("--kind", choices=KINDS, help="kind of --data, where it cannot be seen from the folder")
    parser.add_argument("--csv", type=Path, help="table of --data, where it needs one")
    parser.add_argument(
        "--labels",
        nargs="+",
        default=(),
        metavar="NAME=LABEL[,LABEL]",
        help="the run's classes from the labels of --data (default: as the run chose them, else by name; numbers "
        'mean something else in other data, and what is "no tumour" is told there anew)',
    )
    parser.add_argument(
        "--contrasts",
        nargs="+",
        default=(),
        metavar="NAME",
        help="names of the channels of --data, in order, where it does not say",
    )
    parser.add_argument(
        "--map",
        nargs="+",
        default=(),
        metavar="CONTRAST=NAME",
        help="which channel of --data stands for a contrast of the run (default: that of the same name)",
    )
    parser.add_argument("--reading", help="reading shown first (default: the run's)")
    parser.add_argument(
        "--views", type=int, choices=(1, 8), help="views averaged by every reading (default: the reading's)"
    )
    parser.add_argument("--cache", type=Path, help=default_cache.HELP)
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the results (default: RUN/evaluations/NAME)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier evaluation")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Judges the network and writes the results folder."""
    from kgp.files import atomic_folder
    from kgp.report.facts import export_facts, installed_facts, run_facts, run_page_facts
    from kgp.report.headline import headline
    from kgp.report.run_report import report_on
    from kgp.runtime import load_runtime

    _check_options(arguments)
    runtime = load_runtime(arguments.run)
    trained = runtime.run
    if arguments.views:
        runtime.description = runtime.description.with_views(arguments.views)
    if trained is None and (arguments.data is None or arguments.part or arguments.out is None):
        raise UsageError(f"{arguments.run} is no run folder, so it has no data of its own; name --data and --out.")
    if trained and (arguments.part or arguments.data is None):
        cohort, rows, targets, facts = _own_part(trained, arguments)
        name = part = arguments.part or "test"
        channels = None
    else:
        cohort, rows, targets, channels, facts = _other_data(runtime, arguments)
        name, part = arguments.data.resolve().name, ""
    if arguments.views == 8:
        name = f"{name}-8views"
    out = arguments.out or arguments.run / "evaluations" / name
    _check_overwrite(out)
    facts |= run_facts(trained) if trained else export_facts(runtime.description, str(arguments.run))
    with atomic_folder(out, overwrite=arguments.overwrite) as folder:
        metrics = report_on(
            runtime,
            cohort,
            rows,
            targets,
            folder,
            f"{architecture_title(runtime.description.arch)} on {name}",
            facts,
            part=part,
            channels=channels,
            reading_name=arguments.reading or "",
            page_facts=run_page_facts(trained) if trained else installed_facts(),
        )
    print(headline(metrics))
    print(f"Results: {out} (report: {out / 'report.html'})")


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuses options that say something of data where there are none, or of other data where the
    run's own are judged.

    Raises:
        UsageError: there is one.
    """
    given = [name for name in ("kind", "csv", "labels", "contrasts", "map") if getattr(arguments, name)]
    if given and arguments.data is None:
        raise UsageError(f"--{given[0]} says something of other data; name them with --data.")
    of_others = [name for name in given if name in ("labels", "map")]
    if of_others and arguments.part:
        raise UsageError(f"--{of_others[0]} is for other data, and --part takes the run's own; give one of the two.")


def _own_part(
    trained: "Run", arguments: argparse.Namespace
) -> "tuple[Cohort, tuple[SliceRow, ...], tuple[int, ...], dict[str, str]]":
    """Cohort, rows, class indices and facts of a part of the run's own data."""
    from kgp.data.parts import part_of_run
    from kgp.data.run_data import cohort_from, difference
    from kgp.report.facts import part_facts

    part = arguments.part or "test"
    facts = part_facts(trained, part)
    if arguments.data is None:
        return (*part_of_run(trained, part), facts)
    cohort = cohort_from(
        trained,
        arguments.data,
        kind=arguments.kind,
        csv=arguments.csv,
        contrasts=tuple(arguments.contrasts),
        cache=arguments.cache,
    )
    if difference(trained, cohort):
        facts |= {"data": arguments.data.resolve().name, "caution": difference(trained, cohort)}
    return (*part_of_run(trained, part, cohort), facts)


def _other_data(
    runtime: "Runtime", arguments: argparse.Namespace
) -> "tuple[Cohort, tuple[SliceRow, ...], tuple[int, ...], list[int], dict[str, str]]":
    """Cohort, rows, class indices, channels and facts of all of another data set."""
    from kgp.evaluation.other_data import persons_of_training, read_other_data

    trained, network = runtime.run, runtime.description
    other = read_other_data(
        arguments.data,
        network.class_names,
        network.contrasts,
        network.size,
        no_tumour_class=network.no_tumour_class,
        labels=arguments.labels,
        trained_labels=trained.config.data.labels if trained else (),
        channel_names=arguments.contrasts,
        channel_map=arguments.map,
        cache=arguments.cache,
        kind=arguments.kind,
        csv=arguments.csv,
    )
    facts = {"data": f"{arguments.data.resolve().name}, all of it"}
    facts |= persons_of_training(trained, other.rows) if trained else {}
    return other.cohort, other.rows, other.targets, other.channels, facts


def _check_overwrite(out: Path) -> None:
    """Refuses to replace a folder, with all that is in it, which is no evaluation.

    Raises:
        UsageError: there is such a folder.
    """
    if out.exists() and not (out / "metrics.json").is_file():
        raise UsageError(f"{out} exists and is not a result of kgp evaluate; name another --out.")
    if (out / "model.weights.h5").is_file():
        raise UsageError(f"{out} is a run folder; name another --out.")


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp evaluate` and `python -m kgp.evaluate`."""
    return run("evaluate", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
