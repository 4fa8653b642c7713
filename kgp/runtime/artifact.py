"""Exported networks on disk: version folders, and a manifest that lists every SHA-256 and size."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from kgp.errors import KgpError
from kgp.files import check_listed_file, read_json
from kgp.runtime.description import Description
from kgp.scans.hidden_files import is_hidden

FORMAT = "kgp-export-2"
MANIFEST, CARD = "manifest.json", "README.md"  # which a manifest does not list
SIGNATURES = ("serving_default", "classify", "segment", "explain", "describe")
_LARGEST_BATCH = 256
_VERSION = re.compile("[0-9]{1,19}")
_LARGEST_VERSION = 2**63 - 1


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
        KgpError: the manifest is missing or of another format, or a file is missing, lies elsewhere,
            or has another size or SHA-256.
    """
    if not manifest.is_file():
        raise KgpError(f"{manifest} is missing; without it an export cannot be checked.")
    content = read_json(manifest)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise KgpError(f"{manifest} is not the manifest of an export in format {FORMAT}.")
    files, sizes = content.get("files"), content.get("sizes")
    if not isinstance(files, dict) or not files or not isinstance(sizes, dict) or set(files) != set(sizes):
        raise KgpError(f"{manifest} does not list the files of the export with SHA-256 and size.")
    for name, expected in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise KgpError(f"{manifest} lists {name}, which does not lie in {folder}.")
        # The size first, as the sum of a file without end takes without end.
        if path.is_file() and path.stat().st_size != sizes[name]:
            raise KgpError(
                f"{path} is not the file that {manifest.name} lists (its size differs); it was changed or cut short."
            )
        check_listed_file(path, expected, manifest, "the export")
    return Description.from_dict(content.get("network"), str(manifest)), content


def read_version(folder: Path) -> tuple[Description, dict[str, Any]]:
    """Reads the manifest of a SavedModel, and checks that its folder holds what it lists and no more.

    Args:
        folder: a version folder that `kgp export` wrote.

    Returns:
        As `read_artifact`.

    Raises:
        KgpError: as `read_artifact`; a file is not listed, there is no network, or the sizes of
            batches cannot be.
    """
    manifest = folder / MANIFEST
    description, content = read_artifact(manifest, folder)
    present = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}
    unlisted = sorted(name for name in present - set(content["files"]) - {MANIFEST, CARD} if not is_hidden(name))
    if unlisted:
        raise KgpError(f"{folder / unlisted[0]} is not listed in {MANIFEST}, so the export cannot be checked.")
    if "saved_model.pb" not in content["files"]:
        raise KgpError(f"{manifest} does not list saved_model.pb, so the export cannot be checked.")
    sizes = content.get("batch_sizes")
    if not isinstance(sizes, list) or not sizes or not all(type(size) is int and size > 0 for size in sizes):
        raise KgpError(f"{manifest} names no batch sizes, so it is not the manifest of a SavedModel.")
    if max(sizes) > _LARGEST_BATCH:
        raise KgpError(f"{manifest} names batches of {max(sizes)} slices where at most {_LARGEST_BATCH} are expected.")
    return description, content


def check_signatures(folder: Path, signatures: Collection[str]) -> None:
    """Refuses a SavedModel that lacks a signature of those that every export has.

    Raises:
        KgpError: one is missing.
    """
    missing = [name for name in SIGNATURES if name not in signatures]
    if missing:
        raise KgpError(f"{folder} has no signature {missing[0]}, so it is no export of a network.")


def newest_version(models: Path) -> Path | None:
    """The highest version in a folder that a model server watches; None where there is none."""
    versions = version_folders(models)
    return versions[max(versions)] if versions else None


def version_folders(models: Path) -> dict[int, Path]:
    """The version folders in a folder that a model server watches, by number.

    A name that is no number, or one above what TensorFlow Serving counts to, is no version.
    """
    if not models.is_dir():
        return {}
    return {
        int(path.name): path
        for path in sorted(models.iterdir())
        if _VERSION.fullmatch(path.name) and int(path.name) <= _LARGEST_VERSION and path.is_dir()
    }
