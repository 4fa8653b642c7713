"""What a report says of the network and the slices it is about."""

from kgp.architectures import architecture_title
from kgp.run_folder import Run, package_versions
from kgp.runtime.description import Description


def part_facts(run: Run, part: str) -> dict[str, str]:
    """The slices, where they are a part of the run's own data."""
    kind = "patient" if run.config.data.split == "patient" else "slice, which leaks between training and test"
    return {"data": run.data_name, "part": f"{part} (split by {kind})"}


def run_facts(run: Run) -> dict[str, str]:
    """The run: preset, architecture, slices, seed and training; equal for equal runs."""
    manifest = run.manifest
    facts = {
        "preset": run.config.preset,
        "architecture": architecture_title(run.config.network.arch),
        "slices": f"{run.shape[0]} x {run.shape[1]}, contrasts {', '.join(run.contrasts)}",
        "seed": str(manifest["seed"]),
    }
    if "epochs_trained" in manifest:
        facts["training"] = f"{manifest['epochs_trained']} epochs"
    if "stage1_epochs" in manifest:
        size = manifest["stage1_size"]
        facts["training"] = (
            f"{manifest['stage1_epochs']} epochs at {size} x {size}, then {facts['training']} with pixels labelled by the "
            "network itself"
        )
    return facts


def run_page_facts(run: Run) -> dict[str, str]:
    """What differs between equal runs, and so stands in the report alone: time and versions."""
    manifest = run.manifest
    facts = {}
    if "training_seconds" in manifest:
        seconds = manifest["training_seconds"] + manifest.get("stage1_seconds", 0.0)
        facts["time of training"] = f"{seconds / 60:.1f} min"
    facts["versions"] = _versions(manifest["versions"])
    return facts


def installed_facts() -> dict[str, str]:
    """The versions of the packages at hand, where no run names those it was made with."""
    return {"versions": _versions(package_versions())}


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{package} {version}" for package, version in versions.items())


def export_facts(description: Description, name: str) -> dict[str, str]:
    """An export or a served model.

    Args:
        name: its path or address.
    """
    return {
        "model": f"{name}, weights {description.weights_sha256[:12]}",
        "architecture": architecture_title(description.arch),
        "slices": f"{description.shape[0]} x {description.shape[1]}, contrasts {', '.join(description.contrasts)}",
    }
