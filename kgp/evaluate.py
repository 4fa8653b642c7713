"""kgp evaluate: judge a run on a part of its own data, or a run or an export on a data set it never saw."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kgp.command import network_place, run
from kgp.config import PAPER_NAMES
from kgp.data.sources import KINDS
from kgp.errors import KgpError, UsageError

if TYPE_CHECKING:
    from kgp.data.cohort import Cohort
    from kgp.data.labels import LabelledCohort
    from kgp.run_folder import Run
    from kgp.runtime import Runtime

_log = logging.getLogger(__name__)


def build_parser() -> argparse.ArgumentParser:
    """The parser."""
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
        "other than 0 mean something else in other data)",
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
    """Runs the command."""
    from kgp.files import atomic_folder
    from kgp.report.facts import export_facts, part_facts, run_facts
    from kgp.report.headline import headline
    from kgp.report.run_report import part_of_run, report_on
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
        labelled = _labelled(arguments, runtime, trained.config.data.labels if trained else ())
        cohort, rows = labelled.cohort, labelled.rows
        targets = tuple(
            runtime.description.class_names.index(labelled.class_names[target]) for target in labelled.targets
        )
        channels, name = _channels(arguments, runtime.description.contrasts, cohort), arguments.data.resolve().name
        facts = {"data": f"{name}, all of it", **(_overlap(trained, labelled) if trained else {})}
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
            f"{PAPER_NAMES.get(runtime.description.arch, runtime.description.arch)} on {name}",
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


def _labelled(arguments: argparse.Namespace, runtime: "Runtime", own_labels: tuple[str, ...]) -> "LabelledCohort":
    """The other data set with the network's classes; `own_labels` is how the run chose them.

    Raises:
        KgpError: none of its labels is a class of the run.
    """
    from kgp.data.labels import choose_labels
    from kgp.data.prepare import cached_cohort

    prepared = (arguments.data / "cohort.json").is_file()
    cohort = cached_cohort(
        arguments.data,
        size=0 if prepared else runtime.description.size,
        cache=arguments.cache,
        contrasts=tuple(arguments.contrasts),
        kind=arguments.kind,
        csv=arguments.csv,
    )
    labels = tuple(arguments.labels) or _labels_elsewhere(own_labels, cohort)
    if not labels:
        names = {row.label_name for row in cohort.rows}
        labels = tuple(f"{name}={name}" for name in runtime.description.class_names if name in names)
    if not labels:
        raise KgpError(
            f"No label of {arguments.data} is called as a class of the run ({', '.join(runtime.description.class_names)}); "
            "name them with --labels."
        )
    labelled = choose_labels(cohort, labels, split=False)
    unknown = [name for name in labelled.class_names if name not in runtime.description.class_names]
    if unknown:
        raise UsageError(
            f"--labels names {unknown[0]!r}, which is no class of the run; its classes are "
            f"{', '.join(runtime.description.class_names)}."
        )
    for message in labelled.dropped:
        _log.warning(message)
    return labelled


def _labels_elsewhere(own_labels: tuple[str, ...], cohort: "Cohort") -> tuple[str, ...]:
    """The run's choice of labels for other data; empty where it goes by numbers, which mean something else there.

    Only 0 means the same everywhere, "no tumour". Labels that the other data lack are left out.
    """
    names = {row.label_name for row in cohort.rows}
    known = names | {"*"} | {"0" for row in cohort.rows if row.label == 0}
    words = []
    for word in own_labels:
        name, _, labels = word.partition("=")
        members = labels.split(",")
        if any(member.isdecimal() and member != "0" and member not in names for member in members):
            return ()
        kept = [member for member in members if member in known]
        if kept:
            words.append(f"{name}={','.join(kept)}")
    return tuple(words)


def _channels(arguments: argparse.Namespace, contrasts: Sequence[str], cohort: "Cohort") -> list[int]:
    """Which channel of the other data is each contrast of the run.

    Raises:
        UsageError: --map is malformed or names an unknown contrast. KgpError: a contrast has no channel.
    """
    mapping = {}
    for word in arguments.map:
        contrast, equals, name = word.partition("=")
        if not equals or contrast not in contrasts:
            raise UsageError(
                f"--map takes CONTRAST=NAME with a contrast of the run ({', '.join(contrasts)}), not {word!r}."
            )
        mapping[contrast] = name
    channels = []
    for contrast in contrasts:
        name = mapping.get(contrast, contrast)
        if name not in cohort.contrasts:
            raise KgpError(
                f"{arguments.data} has no channel {name!r} for the run's contrast {contrast}; its channels are "
                f"{', '.join(cohort.contrasts)} (see --contrasts and --map)."
            )
        channels.append(cohort.contrasts.index(name))
    return channels


def _overlap(trained: "Run", labelled: "LabelledCohort") -> dict[str, str]:
    """Whether persons of the training part stand in the other data, with a warning where they do."""
    from kgp.data.split import read_split

    if not (trained.folder / "split.csv").is_file():
        return {}
    split = read_split(trained.folder / "split.csv")
    seen = {split.groups[identifier] for identifier in split.parts["train"]}
    both = sorted(seen & {row.group for row in labelled.rows})
    if not both:
        return {"seen in training": "no person of it"}
    _log.warning("%d person(s) of the training part stand in this data set too, such as %s.", len(both), both[0])
    return {"caution": f"{len(both)} person(s) of the training part stand in this data set too"}


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp evaluate` and `python -m kgp.evaluate`."""
    return run("evaluate", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
