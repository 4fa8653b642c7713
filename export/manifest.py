"""manifest.json and the model card that travel with every export."""

from pathlib import Path
from typing import Any

from kgp.architectures import architecture_title
from kgp.files import read_json, sha256, write_json, write_text
from kgp.report.headline import headline
from kgp.research_use import NOTICE
from kgp.run_folder import Run, package_versions
from kgp.runtime.artifact import FORMAT
from kgp.runtime.description import Description


def write_manifest(
    path: Path, run: Run, description: Description, export: dict[str, Any], files: dict[str, Path]
) -> None:
    """Writes the manifest of an export.

    Args:
        path: the manifest.
        export: kind and precision of the export, and its comparison with the run.
        files: the files it is made of, by the name under which the manifest lists their SHA-256 and
            size.
    """
    metrics = run.folder / "metrics.json"
    content = {
        "format": FORMAT,
        "use": NOTICE,
        "network": description.to_dict(),
        "run": {
            "name": run.folder.resolve().name,
            "preset": run.config.preset,
            "seed": run.manifest["seed"],
            "data": run.data_name,
            "versions": run.manifest["versions"],
        },
        "metrics": _main_figures(read_json(metrics)) if metrics.is_file() else None,
        "versions": package_versions(),
        **export,
        "files": {name: sha256(file) for name, file in sorted(files.items())},
        "sizes": {name: file.stat().st_size for name, file in sorted(files.items())},
    }
    write_json(path, content)


def write_model_card(path: Path, run: Run, description: Description, comparison: list[str]) -> None:
    """Writes a page for people: intended use, data, figures and limits.

    Args:
        comparison: lines that say how the export compares with the run.
    """
    metrics = run.folder / "metrics.json"
    figures = headline(read_json(metrics)).splitlines() if metrics.is_file() else ["The run was not evaluated."]
    height, width, _ = description.shape
    reading = description.readings[description.default_reading]
    moved = f", outline then moved {reading.refinements} time(s) by the image" if reading.refinements else ""
    set_on_masks = ", ".join(description.masks_used) or "none"
    lines = [
        f"# {architecture_title(description.arch)}: {', '.join(description.class_names)}",
        "",
        "## Intended use",
        "",
        f"{NOTICE} It classifies axial slices of brain MR ({', '.join(description.contrasts)}) of {height} x {width} pixels as "
        f"{', '.join(description.class_names)}, gives for each class the heatmap that the decision was made from, and cuts a "
        "mask from it. Raw intensities go in; normalisation is inside.",
        "",
        "## Data",
        "",
        f"Trained from image-level labels on {run.data_name or 'data that are not named (imported weights)'}, preset "
        f"{run.config.preset}, seed {run.manifest['seed']}, split by {run.config.data.split}. The weights fall under the terms "
        "of that data.",
        "",
        "## Figures",
        "",
        *figures,
        "",
        f"Masks are cut by the reading `{description.default_reading}` ({reading.map} map, {reading.rule}, "
        f"in the {reading.region}{moved}). "
        f"Readings that looked at masks of validation patients to be set: {set_on_masks}.",
        "",
        "## Compared with the trained network",
        "",
        *[f"- {line}" for line in comparison],
        "",
        "## Limits",
        "",
        "- It sees single slices; a tumour that one slice does not show is not found in it.",
        "- Other scanners, protocols and patients than those of the data above were not looked at.",
        "- A mask shows what the classifier used, and by a refined reading how far the image supports it; it is not what a "
        "radiologist would outline.",
        "",
    ]
    write_text(path, "\n".join(lines))


def _main_figures(metrics: dict[str, Any]) -> dict[str, Any]:
    """The main figures of a run's metrics.json, on its test part."""
    classification = metrics["classification"]
    return {
        "part": metrics["facts"].get("part"),
        **{name: classification[name] for name in ("slices", "patients", "accuracy", "macro_f1", "detection_f1")},
        "median_dice": {
            name: values["as_delivered"]["all"]["dice"] for name, values in (metrics["segmentation"] or {}).items()
        },
    }
