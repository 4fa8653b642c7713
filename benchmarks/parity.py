"""How close our networks come to the public PyTorch reference, on fixtures made by running it.

    python benchmarks/parity.py REFERENCE

REFERENCE is a folder with parity_*.npz (weights as sd/KEY in torch's layout; inputs x_HxW and the reference's logits_HxW and
heatmap_HxW) and, beside them, weight files in the published layouts. Prints the largest differences, the parameter counts
at the paper's size, and what the importer made of each weight file; exits with 1 above the tolerance.
"""

import argparse
from pathlib import Path

import numpy as np

from export.torch_weights import assign_weights, infer_network, read_torch_weights
from kgp.architectures import architecture_title
from kgp.errors import KgpError
from kgp.networks import build_network

TOLERANCE = {"unet": 2e-5, "reconresnet": 2e-5, "shuffleunet": 2e-4}
PARAMETERS = {"unet": 1_740_675, "shuffleunet": 26_371_587, "reconresnet": 17_272_918}


def main() -> int:
    """Runs all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference", type=Path, help="folder with the fixtures")
    folder = parser.parse_args().reference
    good = _fixtures(folder) & _parameters() & _files(folder)
    return int(not good)


def _fixtures(folder: Path) -> bool:
    print("| network | size | logits | heatmap | tolerance |\n|---|---|---|---|---|")
    good = True
    for arch, tolerance in TOLERANCE.items():
        with np.load(next(folder.glob(f"parity_gp{arch}_*.npz")), allow_pickle=False) as fixture:
            state = {
                key.removeprefix("sd/"): fixture[key]
                for key in fixture.files
                if key.startswith("sd/") and not key.endswith("num_batches_tracked")
            }
            for key in sorted(name for name in fixture.files if name.startswith("x_")):
                size = key.removeprefix("x_")
                outputs = _network(arch, state, fixture[key].shape[1:])(fixture[key])
                logits, heatmap = (
                    float(np.abs(np.asarray(outputs[name]) - fixture[f"{name}_{size}"]).max())
                    for name in ("logits", "heatmap")
                )
                good &= max(logits, heatmap) <= tolerance
                print(f"| {architecture_title(arch)} | {size} | {logits:.1e} | {heatmap:.1e} | {tolerance:.0e} |")
    return good


def _parameters() -> bool:
    print("\n| network | parameters | expected |\n|---|---|---|")
    good = True
    for arch, expected in PARAMETERS.items():
        model = build_network(arch, (240, 240, 4), 3)
        count = sum(int(np.prod(weight.shape)) for weight in model.trainable_variables)
        good &= count == expected
        print(f"| {architecture_title(arch)} | {count:,} | {expected:,} |")
    return good


def _files(folder: Path) -> bool:
    print("\n| file | largest difference of the heatmap from the fixture |\n|---|---|")
    good = True
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin"), *folder.glob("*.pt")]):
        arch = next(name for name in TOLERANCE if path.name.startswith(f"gp{name}"))
        try:
            state = read_torch_weights(path)
            with np.load(next(folder.glob(f"parity_gp{arch}_*.npz")), allow_pickle=False) as fixture:
                images, expected = fixture["x_64x64"], fixture["heatmap_64x64"]
            found = np.asarray(_network(arch, state, images.shape[1:])(images)["heatmap"])
        except KgpError as error:
            good = False
            print(f"| {path.name} | {error} |")
            continue
        difference = float(np.abs(found - expected).max())
        good &= difference <= TOLERANCE[arch]
        print(f"| {path.name} | {difference:.1e} |")
    return good


def _network(arch: str, state: dict[str, np.ndarray], shape: tuple[int, int, int]):  # type: ignore[no-untyped-def]
    found = infer_network(arch, state)
    model = build_network(arch, shape, found["classes"], width=found["width"], depth=found["depth"])
    assign_weights(model, arch, state)
    return model


if __name__ == "__main__":
    raise SystemExit(main())
