"""What a report says of the network and the slices it is about."""

from kgp.architectures import architecture_title
from kgp.run_folder import Run, package_versions
from kgp.runtime.description import Description


def part_facts(run: Run, part: str) -> dict[str, str]:
    """The slices, where they are a part of the run's own data."""
    kind = "patient" if run.config.data.split == "patient" else "slice, which leaks between training and test"
    return {"data": run.data_name, "part": f"{part} (split by {kind})"}


def run_facts(run: Run) -> dict[str, str]:
    """The run: preset, architecture, slices, seed, training and versions."""
    manifest = run.manifest
    facts = {
        "preset": run.config.preset,
        "architecture": architecture_title(run.config.network.arch),
        "slices": f"{run.shape[0]} x {run.shape[1]}, contrasts {', '.join(run.contrasts)}",
        "seed": str(manifest["seed"]),
    }
    if "epochs_trained" in manifest:
        facts["training"] = f"{manifest['epochs_trained']} epochs, {manifest['training_seconds'] / 60:.1f} min"
    facts["versions"] = ", ".join(f"{package} {version}" for package, version in manifest["versions"].items())
    return facts


def export_facts(description: Description, name: str) -> dict[str, str]:
    """An export or a served model.

    Args:
        name: its path or address.
    """
    return {
        "model": f"{name}, weights {description.weights_sha256[:12]}",
        "architecture": architecture_title(description.arch),
        "slices": f"{description.shape[0]} x {description.shape[1]}, contrasts {', '.join(description.contrasts)}",
        "versions": ", ".join(f"{package} {version}" for package, version in package_versions().items()),
    }
