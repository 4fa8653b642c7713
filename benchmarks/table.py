"""The main figures of runs as a markdown table, from their manifest.json and metrics.json.

python benchmarks/table.py runs/best-unet runs/paper-unet
"""

import argparse
from pathlib import Path

from kgp.files import read_json
from kgp.run_folder import read_run

HEAD = (
    "| run | test slices (patients) | epochs | minutes | macro-F1 | tumour against none, F1 | accuracy on tumour slices | "
    "reading | median Dice as delivered | whatever predicted |"
)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    print(f"{HEAD}\n|{'---|' * (HEAD.count('|') - 1)}")
    for folder in parser.parse_args().runs:
        for line in _lines(folder):
            print(f"| {' | '.join(line)} |")


def _lines(folder: Path) -> list[list[str]]:
    """One line a reading."""
    manifest, metrics = read_run(folder).manifest, read_json(folder / "metrics.json")
    found = metrics["classification"]
    spans = found["intervals"]
    start = [
        folder.name,
        f"{found['slices']} ({found['patients']})",
        str(manifest["epochs_trained"]),
        f"{manifest['training_seconds'] / 60:.0f}",
        *(_value(found[name], spans[name]) for name in ("macro_f1", "detection_f1", "tumour_only_accuracy")),
    ]
    if metrics["segmentation"] is None:
        return [[*start, "–", "–", "–"]]
    lines = []
    for name, reading in metrics["segmentation"].items():
        dices = [reading[key]["all"]["dice"] for key in ("as_delivered", "any_prediction")]
        lines.append([*start, name, *(_value(dice["median"], [dice["low"], dice["high"]]) for dice in dices)])
    return lines


def _value(value: float | None, span: list | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" + (f" ({span[0]:.3f}–{span[1]:.3f})" if span and None not in span else "")


if __name__ == "__main__":
    main()
