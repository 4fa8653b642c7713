"""kgp train: fit a network on labelled slices, calibrate and judge it, and write the run folder.

Without --data the built-in phantom is used with the preset `demo`.
"""

import argparse
import dataclasses
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from kgp.command import run
from kgp.errors import KgpError, UsageError
from kgp.files import read_json
from kgp.training import presets
from kgp.training.config import ARCHITECTURES, RunConfig

if TYPE_CHECKING:
    from kgp.data.cohort import Cohort
    from kgp.run_folder import Run

_log = logging.getLogger(__name__)
_SECTIONS = ("network", "data", "augment", "optimiser")


def build_parser() -> argparse.ArgumentParser:
    """The parser; every field of the configuration is an option of the same name."""
    parser = argparse.ArgumentParser(
        prog="kgp train",
        usage="kgp train [--arch NAME] [--data DATA] [--out RUN] [option ...]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Options without a default take the preset's value; kgp info --json lists the presets.",
    )
    parser.add_argument("--arch", choices=ARCHITECTURES, default="unet", help="network (default: %(default)s)")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder of slices, BraTS cases, figshare .mat files, NIfTI volumes with "
        "a CSV, or a folder made by kgp prepare (default: the built-in phantom)",
    )
    parser.add_argument("--kind", help="kind of source, where it cannot be seen from the folder")
    parser.add_argument("--csv", type=Path, help="table of cases or grades, where the source needs one")
    parser.add_argument(
        "--preset", choices=presets.NAMES, help="set of defaults (default: best with --data, else demo)"
    )
    parser.add_argument("--out", type=Path, help="run folder (default: runs/PRESET-ARCH, numbered when it exists)")
    parser.add_argument(
        "--cache", type=Path, default=Path("prepared"), help="where prepared slices are kept (default: %(default)s)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing run folder")
    parser.add_argument(
        "--resume", type=Path, metavar="RUN", help="go on with an unfinished run; takes no other option"
    )
    for section in _SECTIONS:
        _add_section(parser, section)
    return parser


def _add_section(parser: argparse.ArgumentParser, section: str) -> None:
    kind = {field.name: field.type for field in dataclasses.fields(RunConfig)}[section]
    group = parser.add_argument_group(section)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        flag = f"--{field.name.replace('_', '-')}"
        rule = field.metadata
        text = rule["help"].replace("%", "%%")
        if field.name == "arch":
            continue
        if rule["kind"] is bool:
            group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        elif isinstance(field.default, tuple):
            group.add_argument(flag, nargs="+", default=None, help=text)
        else:
            group.add_argument(
                flag,
                type=rule["kind"],
                choices=rule["choices"],
                default=None,
                help=text,
                metavar=None if rule["choices"] else rule["kind"].__name__.upper(),
            )


def configuration(arguments: argparse.Namespace) -> RunConfig:
    """The preset with the options given on the command line.

    Raises:
        UsageError: an option has a value that is not allowed.
    """
    preset = arguments.preset or ("best" if arguments.data else "demo")
    config = presets.load_preset(preset, arguments.arch)
    given = {}
    for section in _SECTIONS:
        for field in dataclasses.fields(getattr(config, section)):
            value = getattr(arguments, field.name)
            if value is not None:
                given[field.name] = tuple(value) if isinstance(value, list) else value
    return config.override(**given)


def execute(arguments: argparse.Namespace) -> None:
    """Runs the command."""
    if arguments.resume:
        folder, config, source = _resumed(arguments)
    else:
        config = configuration(arguments)
        folder = _run_folder(arguments, config)
        source = {
            name: str(getattr(arguments, name).resolve()) if getattr(arguments, name) else None
            for name in ("data", "csv", "cache")
        } | {"kind": arguments.kind}
    trained = _train(config, folder, source, bool(arguments.resume))
    _judge(trained)


def _train(config: RunConfig, folder: Path, source: dict, resume: bool) -> "Run":
    from kgp.data.labels import choose_labels
    from kgp.data.split import read_split, split_cohort
    from kgp.files import write_json
    from kgp.training.loop import train

    cohort = _cohort(config, source)
    labelled = choose_labels(cohort, config.data.labels)
    for message in labelled.dropped:
        _log.warning(message)
    if resume:
        split = read_split(folder / "split.csv")
    else:
        split = split_cohort(
            labelled, by=config.data.split, folds=config.data.folds, fold=config.data.fold, seed=config.optimiser.seed
        )
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        write_json(folder / "source.json", source)
    sizes = ", ".join(f"{name} {len(ids)}" for name, ids in split.parts.items())
    _log.info(
        "Preset %s, GP-%s, classes %s; slices of %s: %s.",
        config.preset,
        config.network.arch,
        ", ".join(labelled.class_names),
        "x".join(map(str, cohort.shape)),
        sizes,
    )
    return train(config, labelled, split, folder, resume)


def _cohort(config: RunConfig, source: dict) -> "Cohort":
    from kgp.data.prepare import cached_cohort

    if source["data"] is None:
        _log.info("No --data given: training on the built-in phantom (drawn heads, not patients).")
    data, csv = (Path(source[name]) if source[name] else None for name in ("data", "csv"))
    return cached_cohort(
        data,
        size=config.data.size,
        cache=Path(source["cache"]),
        contrasts=config.data.contrasts,
        kind=source["kind"],
        csv=csv,
    )


def _judge(trained: "Run") -> None:
    from kgp.evaluation.run_report import calibrate_run, evaluate_run
    from kgp.report.findings import headline

    calibrate_run(trained.folder)
    metrics = evaluate_run(trained.folder)
    print(headline(metrics))
    print(f"Run folder: {trained.folder} (report: {trained.folder / 'report.html'})")


def _resumed(arguments: argparse.Namespace) -> tuple[Path, RunConfig, dict]:
    from kgp.training.loop import is_finished

    folder = arguments.resume
    defaults = vars(build_parser().parse_args([]))
    given = [name for name, value in vars(arguments).items() if name != "resume" and value != defaults[name]]
    if given:
        raise UsageError(
            f"--resume goes on with the run's own configuration, so --{given[0].replace('_', '-')} cannot be given."
        )
    if not (folder / "config.json").is_file():
        raise KgpError(f"{folder} holds no run to resume: it has no config.json.")
    if is_finished(folder):
        raise KgpError(f"{folder} is finished; use another --out to train again, or kgp evaluate {folder}.")
    return folder, RunConfig.from_dict(read_json(folder / "config.json")), read_json(folder / "source.json")


def _run_folder(arguments: argparse.Namespace, config: RunConfig) -> Path:
    """The folder the run goes to; an existing one given by name is refused unless --overwrite is.

    Raises:
        KgpError: it exists. UsageError: --overwrite names something that is not a run.
    """
    if arguments.out is None:
        first = Path("runs") / f"{config.preset}-{config.network.arch}"
        candidates = [first, *(first.with_name(f"{first.name}-{number}") for number in range(2, 10_000))]
        return next(path for path in candidates if not path.exists())
    if arguments.out.exists():
        if not arguments.overwrite:
            raise KgpError(f"{arguments.out} exists already; name another --out, or pass --overwrite or --resume.")
        if not (arguments.out / "config.json").is_file():
            raise UsageError(f"--overwrite: {arguments.out} is not a run folder, so it is not removed.")
    return arguments.out


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp train` and `python -m kgp.train`."""
    return run("train", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
