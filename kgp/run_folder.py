"""The run folder: all that a trained network needs to be used again, and nothing to be trusted.

    config.json        the complete configuration; the network is rebuilt from it and from code
    split.csv          which slice is in which part
    model.weights.h5   the weights, the only binary that is read
    history.csv        one row an epoch
    calibration.json   the readings that cut the heatmap into a mask
    metrics.json       results of the evaluation
    report.html        the same as a page
    manifest.json      versions, seed, classes, contrasts, normalisation, SHA-256 of each file

A folder without manifest.json is a run that has not finished.
"""

import dataclasses
import datetime
import importlib.metadata
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kgp
from kgp.config import RunConfig, read_config_file
from kgp.errors import KgpError
from kgp.files import atomic_path, check_listed_file, read_json, sha256, write_json
from kgp.research_use import NOTICE

if TYPE_CHECKING:
    import keras

FORMAT = "kgp-run-1"
PHANTOM = "the built-in phantom"  # what messages and reports call the data of a training that named none
WEIGHTS = "model.weights.h5"
FOLDS = "folds.json"  # of a folder with a run for each fold of a cross-validation; see `kgp.training.folds`
LISTED = (
    "config.json",
    "split.csv",
    WEIGHTS,
    "history.csv",
    "calibration.json",
    "metrics.json",
    "predictions.csv",
    "report.html",
)
_PACKAGES = ("tensorflow", "keras", "jax", "numpy", "scikit-image", "opencv-python-headless")


@dataclasses.dataclass(frozen=True)
class Run:
    """What `manifest.json` and `config.json` say of a finished run.

    Attributes:
        folder: the run folder.
        config: the complete configuration.
        class_names: names of the K classes, in the order of the logits.
        no_tumour_class: index of the class that means "no tumour", or None.
        contrasts: names of the C input channels, in order.
        shape: (H, W, C) of the slices it was trained on.
        data: folder of the prepared cohort it was trained on, or "".
        data_name: what the user calls that data, a name without its place.
        data_content: digest of that data (`kgp.data.content`), or "" where it is not known.
        manifest: the whole manifest.
    """

    folder: Path
    config: RunConfig
    class_names: tuple[str, ...]
    no_tumour_class: int | None
    contrasts: tuple[str, ...]
    shape: tuple[int, int, int]
    data: str
    data_name: str
    data_content: str
    manifest: dict[str, Any]


def write_run(
    folder: Path,
    config: RunConfig,
    model: "keras.Model",
    *,
    class_names: tuple[str, ...],
    no_tumour_class: int | None,
    contrasts: tuple[str, ...],
    shape: tuple[int, int, int],
    data: str = "",
    data_name: str = "",
    data_content: str = "",
    extra: dict[str, Any] | None = None,
) -> Run:
    """Writes configuration, weights and manifest into `folder`, each atomically, the manifest last.

    Args:
        folder: the run folder; made when missing. Other files in it are kept and listed in the
            manifest.
        model: the functional network whose weights are saved.
        data, data_name, data_content: as in `Run`.
        extra: further entries of the manifest (epochs done, where weights were imported from).

    Returns:
        The run as `read_run` sees it.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config.to_dict())
    with atomic_path(folder / WEIGHTS) as temporary:
        model.save_weights(temporary)
    manifest = {
        "format": FORMAT,
        "use": NOTICE,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": package_versions(),
        "seed": config.optimiser.seed,
        "class_names": list(class_names),
        "no_tumour_class": no_tumour_class,
        "contrasts": list(contrasts),
        "shape": list(shape),
        "normalisation": config.data.normalisation,
        "data": str(data),
        "data_name": Path(data_name).name,
        "data_content": data_content,
        **(extra or {}),
    }
    write_json(folder / "manifest.json", manifest)
    refresh_manifest(folder)
    return read_run(folder)


def refresh_manifest(folder: Path) -> None:
    """Renews the SHA-256 of every listed file after one was written."""
    folder = Path(folder)
    manifest = read_json(folder / "manifest.json")
    manifest["files"] = {name: sha256(folder / name) for name in LISTED if (folder / name).is_file()}
    write_json(folder / "manifest.json", manifest)


def read_run(folder: Path) -> Run:
    """Reads a finished run and checks configuration and weights against the manifest's SHA-256.

    Raises:
        KgpError: the folder is missing, not a run, not finished, or a file was changed or cut
            short.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise KgpError(f"{folder} is not a run folder: there is no such folder.")
    if not (folder / "manifest.json").is_file():
        if (folder / "config.json").is_file():
            raise KgpError(f"{folder} holds a run that has not finished; continue it with kgp train --resume {folder}.")
        if (folder / FOLDS).is_file():
            raise KgpError(f"{folder} holds a run for each fold; name one of them, such as {folder / 'fold-0'}.")
        raise KgpError(f"{folder} is not a run folder: it has no manifest.json.")
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise KgpError(f"{folder / 'manifest.json'} is not the manifest of a run in format {FORMAT}.")
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise KgpError(f"{folder / 'manifest.json'} is not complete: it lists no files.")
    for name in ("config.json", WEIGHTS):
        check_listed_file(folder / name, files.get(name), folder / "manifest.json", "the run")
    try:
        return Run(
            folder=folder,
            config=read_config(folder),
            class_names=tuple(manifest["class_names"]),
            no_tumour_class=manifest["no_tumour_class"],
            contrasts=tuple(manifest["contrasts"]),
            shape=tuple(manifest["shape"]),
            data=manifest["data"],
            data_name=manifest.get("data_name") or _data_name(folder, manifest["data"]),
            data_content=manifest.get("data_content", ""),
            manifest=manifest,
        )
    except (KeyError, TypeError) as error:
        raise KgpError(f"{folder / 'manifest.json'} is not complete: {error}.") from None


def _data_name(folder: Path, data: str) -> str:
    """What the user calls the data of a run that an earlier version made."""
    source = read_source(folder)
    return PHANTOM if source.get("data", data) is None else Path(source.get("data", data)).name


def read_source(folder: Path) -> dict[str, Any]:
    """Where the data of a run came from, as `kgp.training.options.source_of` gives it.

    Empty where the run does not say.
    """
    path = folder / "source.json"
    return dict(read_json(path)) if path.is_file() else {}


def read_config(folder: Path) -> RunConfig:
    """The configuration of a run, finished or not.

    Raises:
        KgpError: config.json is missing, or is not a configuration that this version knows.
    """
    return read_config_file(folder / "config.json")


def build_network(config: RunConfig, shape: tuple[int, int, int], classes: int) -> "keras.Model":
    """The untrained network of a configuration for slices of `shape` (H, W, C).

    Raises:
        KgpError: the network cannot take that size or these arguments.
    """
    from kgp import networks

    arguments = dataclasses.asdict(config.network)
    try:
        return networks.build_network(input_shape=shape, classes=classes, logit_scale=config.scales_logits, **arguments)
    except ValueError as error:
        raise KgpError(str(error)) from None


def build_run_network(run: Run, height: int | None = None, width: int | None = None) -> "keras.Model":
    """The trained network of a run for slices of `height` x `width`; default those of the training.

    Raises:
        KgpError: the network cannot take that size, or the weights do not fit the configuration.
    """
    shape = (height or run.shape[0], width or run.shape[1], run.shape[2])
    model = build_network(run.config, shape, len(run.class_names))
    try:
        model.load_weights(run.folder / WEIGHTS)
    except (ValueError, OSError, KeyError) as error:
        raise KgpError(f"{run.folder / WEIGHTS} does not fit the network in config.json: {error}") from None
    return model


def package_versions() -> dict[str, str]:
    """Versions of kgp, Python and the packages that decide about numbers."""
    versions = {"kgp": kgp.__version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
