"""kgp info: what this installation offers, or what a run is. No weights are loaded and TensorFlow
is not imported.
"""

import argparse
import dataclasses
import importlib
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

import kgp
from kgp.architectures import ARCHITECTURES, architecture_title
from kgp.command import run
from kgp.config import RunConfig
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.heatmap import reading
from kgp.report.headline import headline
from kgp.research_use import NOTICE
from kgp.run_folder import Run, read_run
from kgp.training import presets

SOURCES = {
    "phantom": "the built-in drawn heads, four contrasts; taken without --data",
    "slices": "folder with index.csv (id, image, mask, label, label_name, patient) and pictures",
    "brats": "BraTS case folders as of 2017 to 2025, by grade",
    "brats-tumour-types": "BraTS case folders of several kinds (GLI, MEN, MET, PED, SSA), by type of tumour",
    "figshare": "folder of Cheng's .mat files (MATLAB 7.3)",
    "nifti": "NIfTI volumes and a CSV that lists them",
}
INPUTS = {
    "nifti": "volume, .nii or .nii.gz, one file a contrast",
    "slices": "picture or folder of pictures, .png, .tif or .npy",
    "dicom": "folder of one DICOM series a contrast (read only)",
}
PACKAGES = (
    "tensorflow", "keras", "jax", "torch", "numpy", "scipy", "scikit-image", "scikit-learn", "opencv-python-headless",
    "nibabel", "h5py", "pydicom", "highdicom", "safetensors", "ai-edge-litert", "tensorflow-serving-api", "ray",
)  # fmt: skip


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kgp info", description=__doc__)
    parser.add_argument("run", nargs="?", type=Path, metavar="RUN", help="run folder to describe")
    parser.add_argument("--json", action="store_true", help="print JSON, with every configuration in full")
    return parser


def installation() -> dict[str, Any]:
    """What is installed and what can be chosen, as plain JSON values."""
    config = RunConfig(preset="")
    sections = (config.network, config.data, config.augment, config.optimiser)
    fields = [field for section in sections for field in dataclasses.fields(section)]
    return {
        "version": kgp.__version__,
        "use": NOTICE,
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _installed(name))},
        "choices": {field.name: list(field.metadata["choices"]) for field in fields if field.metadata["choices"]},
        "presets": {name: _preset(name) for name in presets.NAMES},
        "readings": {name: named.to_dict() for name, named in reading.NAMED.items()},
        "sources": SOURCES,
        "inputs": INPUTS,
    }


def describe_run(folder: Path) -> dict[str, Any]:
    """What the files of a finished run say, as plain JSON values.

    Raises:
        KgpError: the folder is not a finished run, or a file of it is damaged.
    """
    described = read_run(folder)
    return {
        "folder": str(described.folder),
        "config": described.config.to_dict(),
        "class_names": list(described.class_names),
        "no_tumour_class": described.no_tumour_class,
        "contrasts": list(described.contrasts),
        "shape": list(described.shape),
        "readings": _optional(described, "calibration.json"),
        "metrics": _optional(described, "metrics.json"),
        "manifest": described.manifest,
    }


def execute(arguments: argparse.Namespace) -> None:
    if arguments.run:
        values = describe_run(arguments.run)
        lines = _run_lines(values)
    else:
        values = installation()
        lines = _installation_lines(values)
    print(json.dumps(values, indent=2) if arguments.json else "\n".join(lines))


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _preset(name: str) -> dict[str, Any]:
    """First line of a preset's text and its configuration for each architecture; below, what is
    other where every class is a tumour.
    """
    module = importlib.import_module(f"kgp.training.presets.{name}")
    return {
        "summary": (module.__doc__ or "").splitlines()[0],
        "config": {arch: presets.load_preset(name, arch).to_dict() for arch in ARCHITECTURES},
        "every_class_a_tumour": {arch: presets.where_every_class_is_a_tumour(name, arch) for arch in ARCHITECTURES},
    }


def _optional(described: Run, name: str) -> Any:
    return read_json(described.folder / name) if (described.folder / name).is_file() else None


def _table(rows: dict[str, str]) -> list[str]:
    width = max(len(name) for name in rows)
    return [f"  {name:{width}}  {text}" for name, text in rows.items()]


def _installation_lines(values: dict[str, Any]) -> list[str]:
    return [
        f"kgp {values['version']}, Python {values['python']}. {values['use']}",
        "Choices:",
        *_table({f"--{name.replace('_', '-')}": " ".join(options) for name, options in values["choices"].items()}),
        "Presets:",
        *_table({name: preset["summary"] for name, preset in values["presets"].items()}),
        "Readings:",
        *_table({name: _reading_line(rule) for name, rule in values["readings"].items()}),
        "Sources of kgp train and kgp prepare:",
        *_table(values["sources"]),
        "Inputs of kgp segment and kgp explain:",
        *_table(values["inputs"]),
        "Installed:",
        *_table(values["packages"]),
    ]


def _run_lines(values: dict[str, Any]) -> list[str]:
    config, manifest = values["config"], values["manifest"]
    network, optimiser = config["network"], config["optimiser"]
    empty = values["no_tumour_class"]
    classes = [name + (" (no tumour)" if index == empty else "") for index, name in enumerate(values["class_names"])]
    rows = {
        "network": f"{architecture_title(network['arch'])}, width {network['width']}, "
        f"depth {network['depth'] or 'of the paper'}, pooling {network['pooling']}, {network['head_order']}",
        "preset": f"{config['preset']}, {optimiser['epochs']} epochs, seed {optimiser['seed']}",
        "classes": ", ".join(classes),
        "contrasts": ", ".join(values["contrasts"]),
        "slices": f"{'x'.join(map(str, values['shape']))}, normalisation {config['data']['normalisation']}",
        "data": ", prepared in ".join(filter(None, (manifest.get("data_name"), manifest["data"]))) or "none kept",
        "created": manifest.get("created", "unknown"),
        "versions": ", ".join(f"{name} {version}" for name, version in manifest.get("versions", {}).items()),
        "readings": _readings_line(values["readings"]),
    }
    title = f"Run {values['folder']}. {manifest.get('use', '')}".rstrip()
    return [title, *_table(rows), *_metrics_lines(values["metrics"])]


def _readings_line(calibration: dict[str, Any] | None) -> str:
    if not calibration:
        return "not calibrated"
    try:
        return ", ".join(calibration["readings"]) + f" (default {calibration['default']})"
    except (KeyError, TypeError) as error:
        raise KgpError(f"calibration.json holds no readings of a run: {error}.") from None


def _metrics_lines(metrics: dict[str, Any] | None) -> list[str]:
    if not metrics:
        return ["Not evaluated."]
    try:
        return headline(metrics).splitlines()
    except (KeyError, TypeError, ValueError) as error:
        raise KgpError(f"metrics.json holds no metrics of a run: {error}.") from None


def _reading_line(values: dict[str, Any]) -> str:
    return f"{values['map']} map, {values['views']} view(s), {values['rule']} in the {values['region']}"


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp info` and `python -m kgp.info`."""
    return run("info", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
