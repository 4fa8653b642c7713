"""`kgp.train(...)`: what `kgp train` does, from Python."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgp.config import RunConfig, read_config_file
from kgp.errors import UsageError
from kgp.run_folder import read_config
from kgp.trained_network import TrainedNetwork, load_run
from kgp.training import presets
from kgp.training.additions import Additions, checked_additions
from kgp.training.job import resumable_source, train_run
from kgp.training.options import ALL_FOLDS
from kgp.training.run_name import choose_run_folder

if TYPE_CHECKING:
    import keras


def train(
    *,
    data: str | Path | None = None,
    preset: str | None = None,
    arch: str | None = None,
    config: str | Path | RunConfig | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    kind: str | None = None,
    csv: str | Path | None = None,
    cache: str | Path | None = None,
    resume: str | Path | None = None,
    loss: "keras.losses.Loss | None" = None,
    callbacks: "Sequence[keras.callbacks.Callback]" = (),
    optimiser: "str | keras.optimizers.Optimizer | Callable[[int], keras.optimizers.Optimizer] | None" = None,
    augmentation: Callable[[Any, Any], Any] | None = None,
    **options: Any,
) -> TrainedNetwork:
    """Trains a network, calibrates its readings, judges it, and writes the run folder.

    Progress is logged by Python's `logging` (logging.basicConfig(level="INFO") shows it).

    Args:
        data: the data set; None is the built-in phantom.
        preset: "paper", "best" or "demo"; default "best" with data, else "demo".
        arch: "unet" (default), "shuffleunet", "reconresnet", or a registered one
            (`kgp.register_architecture`).
        config: a configuration, or a config.json of a run, in the place of a preset.
        out: the run folder; default runs/PRESET-ARCH, numbered when it exists.
        overwrite: replace an existing run folder.
        kind, csv, cache: as the options of `kgp train`.
        resume: folder of a training that was killed or interrupted, to go on with the same result
            as without the interruption; takes no other option but the parts of one's own, which
            must be given again.
        loss, callbacks, augmentation: of one's own; see `kgp.training.additions.Additions`.
        optimiser: the name of one, as in `--optimiser`, or one of one's own; see there too.
        **options: every field of `kgp.config`, as the options of `kgp train` with underscores:
            epochs=3, learning_rate=1e-3, labels=("no tumour=0", "tumour=*").

    Returns:
        The trained network; its `metrics` hold what the evaluation found.

    Raises:
        UsageError: an option is unknown or has a value that is not allowed, or a part of one's own
            cannot be used.
        KgpError: the data cannot be used, or the run folder exists.
    """
    if isinstance(optimiser, str):
        options["optimiser"], optimiser = optimiser, None
    additions = checked_additions(loss, callbacks, optimiser, augmentation)
    if additions.optimiser:
        _refuse_what_it_brings(options)
    if resume is not None:
        given: dict[str, Any] = {"data": data, "csv": csv, "kind": kind, "preset": preset, "arch": arch}
        given |= {"config": config, "out": out, "overwrite": overwrite or None, **options}
        return _resumed(Path(resume), [name for name, value in given.items() if value is not None], additions)
    if options.get("fold") == ALL_FOLDS:
        raise UsageError(
            'fold="all" makes several runs, and this gives one: call it for each fold, or take the command kgp train.'
        )
    chosen = _configuration(config, preset, arch, data)
    chosen = chosen.override(**{name: tuple(v) if isinstance(v, list) else v for name, v in options.items()})
    folder = choose_run_folder(Path(out) if out else None, chosen, overwrite)
    paths = {"data": data, "csv": csv, "cache": cache}
    source = {name: str(Path(path).resolve()) if path else None for name, path in paths.items()} | {"kind": kind}
    return _trained(chosen, folder, source, additions, overwrite=overwrite)


def _configuration(
    config: str | Path | RunConfig | None, preset: str | None, arch: str | None, data: str | Path | None
) -> RunConfig:
    if config is None:
        return presets.load_preset(preset or ("best" if data else "demo"), arch or "unet")
    if preset is not None:
        raise UsageError("A config stands in the place of a preset, so give one of the two.")
    known = config if isinstance(config, RunConfig) else read_config_file(Path(config))
    known = dataclasses.replace(known, left_to_data=())  # it is taken as it is
    return known.override(arch=arch) if arch else known


def _refuse_what_it_brings(options: dict[str, Any]) -> None:
    """Refuses options that an optimiser of one's own makes meaningless."""
    for name in ("learning_rate", "schedule", "weight_decay", "clip_value", "accumulation"):
        if name in options:
            raise UsageError(f"An optimiser of one's own brings its own {name}, so {name} cannot be given beside it.")


def _resumed(folder: Path, given: list[str], additions: Additions) -> TrainedNetwork:
    if given:
        raise UsageError(f"resume goes on with the run's own configuration, so {given[0]} cannot be given.")
    source = resumable_source(folder)
    return _trained(read_config(folder), folder, source, additions, resume=True)


def _trained(
    config: RunConfig, folder: Path, source: dict[str, Any], additions: Additions, **how: bool
) -> TrainedNetwork:
    if config.optimiser.strategy == "multiworker":
        raise UsageError("Workers on several hosts are started with the command kgp train, one on each.")
    train_run(config, folder, source, additions=additions, **how)
    return load_run(folder)
