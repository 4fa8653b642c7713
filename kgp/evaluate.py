"""kgp evaluate: judge a run on a part of its own data, or a run or an export on a data set it never
saw.
"""

import argparse
from pathlib import Path

from kgp.architectures import architecture_title
from kgp.command import network_place, run
from kgp.data.sources import KINDS
from kgp.errors import UsageError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp evaluate", usage="kgp evaluate RUN [--part PART | --data DATA] [option ...]", description=__doc__
    )
    parser.add_argument(
        "run", type=network_place, metavar="RUN", help="run folder, export, or address of a served model"
    )
    judged = parser.add_mutually_exclusive_group()
    judged.add_argument(
        "--part",
        choices=("test", "validation", "train"),
        default="test",
        help="part of the run's own split (default: %(default)s)",
    )
    judged.add_argument("--data", type=Path, help="judge on all of this data set instead; classes are matched by name")
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
    parser.add_argument(
        "--cache", type=Path, default=Path("prepared"), help="where prepared slices are kept (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the results (default: RUN/evaluations/NAME)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier evaluation")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Judges the network and writes the results folder."""
    from kgp.data.parts import part_of_run
    from kgp.evaluation.other_data import persons_of_training, read_other_data
    from kgp.files import atomic_folder
    from kgp.report.facts import export_facts, part_facts, run_facts
    from kgp.report.headline import headline
    from kgp.report.run_report import report_on
    from kgp.runtime import load_runtime

    if arguments.data is None:
        given = [name for name in ("kind", "csv", "labels", "contrasts", "map") if getattr(arguments, name)]
        if given:
            raise UsageError(f"--{given[0]} says something of other data; name them with --data.")
    runtime = load_runtime(arguments.run)
    trained = runtime.run
    if arguments.views:
        runtime.description = runtime.description.with_views(arguments.views)
    if trained is None and (arguments.data is None or arguments.out is None):
        raise UsageError(f"{arguments.run} is no run folder, so it has no data of its own; name --data and --out.")
    channels = None
    if trained and arguments.data is None:
        cohort, rows, targets = part_of_run(trained, arguments.part)
        name = arguments.part
        facts = part_facts(trained, arguments.part)
    else:
        other = read_other_data(
            arguments.data,
            runtime.description.class_names,
            runtime.description.contrasts,
            runtime.description.size,
            no_tumour_class=runtime.description.no_tumour_class,
            labels=arguments.labels,
            trained_labels=trained.config.data.labels if trained else (),
            channel_names=arguments.contrasts,
            channel_map=arguments.map,
            cache=arguments.cache,
            kind=arguments.kind,
            csv=arguments.csv,
        )
        cohort, rows, targets, channels = other.cohort, other.rows, other.targets, other.channels
        name = arguments.data.resolve().name
        facts = {"data": f"{name}, all of it", **(persons_of_training(trained, rows) if trained else {})}
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
            channels=channels,
            reading_name=arguments.reading or "",
        )
    print(headline(metrics))
    print(f"Results: {out} (report: {out / 'report.html'})")


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
