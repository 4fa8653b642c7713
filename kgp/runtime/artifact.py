"""Exported networks on disk: version folders, and a manifest that lists every SHA-256."""

from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.files import check_listed_file, read_json
from kgp.runtime.description import Description

FORMAT = "kgp-export-1"
MANIFEST = "manifest.json"


def litert_manifest(model: Path) -> Path:
    """Where the manifest of a .tflite file lies: beside it, as MODEL.tflite.json."""
    return model.with_name(f"{model.name}.json")


def read_artifact(manifest: Path, folder: Path) -> tuple[Description, dict[str, Any]]:
    """Reads the manifest of an export and checks every file that it lists.

    Args:
        manifest: the manifest.
        folder: the folder in which the listed files lie.

    Returns:
        The description of the network, and the whole manifest.

    Raises:
        KgpError: the manifest is missing or of another format, or a file is missing or has another
            SHA-256.
    """
    if not manifest.is_file():
        raise KgpError(f"{manifest} is missing; without it an export cannot be checked.")
    content = read_json(manifest)
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("files"), dict):
        raise KgpError(f"{manifest} is not the manifest of an export in format {FORMAT}.")
    for name, expected in content["files"].items():
        check_listed_file(folder / name, expected, manifest, "the export")
    return Description.from_dict(content.get("network"), str(manifest)), content


def newest_version(models: Path) -> Path | None:
    """The highest version in a folder that a model server watches; None where there is none."""
    versions = version_folders(models)
    return versions[max(versions)] if versions else None


def version_folders(models: Path) -> dict[int, Path]:
    """The version folders in a folder that a model server watches, by number."""
    if not models.is_dir():
        return {}
    return {int(path.name): path for path in models.iterdir() if path.is_dir() and path.name.isdecimal()}
