"""The ladder of masks: how good they are by each reading of the same maps, and where they lose.

    python benchmarks/masks.py runs/five-folds --out masks
    python benchmarks/masks.py runs/new/fold-0 runs/new/fold-1 --against runs/old/fold-0 runs/old/fold-1 --out masks

Runs of folds are pooled: each is judged on its own test patients. A folder of folds stands for its runs. Writes into --out

    slices/        a table of slices for each run, written as they are done: a killed ladder goes on where it was
    table.md       the ladder; differences with --against; a ceiling with --ceiling (a run that was trained on masks)
    figures.json   the same figures
    sheet.png      random test cases, the outlines before and after

Masks are looked at for figures only. The rungs that choose by the very masks they are judged on stand apart as oracles.
"""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from masks_judged import ORACLES, RUNGS, RunPart, judged_slices
from masks_sheet import write_sheet

from kgp.data.cohort import on_own_grid
from kgp.data.parts import part_of_run
from kgp.data.run_data import cohort_from
from kgp.errors import KgpError
from kgp.evaluation.ladder import LadderSlice, map_figures, rung_difference, rung_figures
from kgp.evaluation.other_data import read_other_data
from kgp.evaluation.size_thirds import THIRDS
from kgp.files import write_json, write_text
from kgp.run_folder import read_run
from kgp.runtime import load_runtime

KINDS = ("delivered", "whatever was called")
HEAD = (
    "| reading | median Dice | mean | small | middle | large | below 0.1 | empty | volume Dice | HD95 |\n"
    f"{'|---' * 10}|"
)


def main() -> None:
    """Judges the runs and writes table, figures and sheet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders, or folders of folds")
    parser.add_argument("--out", type=Path, required=True, help="folder of the table")
    parser.add_argument("--against", type=Path, nargs="+", default=[], help="runs of before, on the same patients")
    parser.add_argument("--ceiling", type=Path, nargs="+", default=[], help="runs of the same network trained on masks")
    parser.add_argument("--part", default="test", help="part of each run's split (default: %(default)s)")
    parser.add_argument("--data", type=Path, help="where the runs' own data lie now; they are prepared anew in --cache")
    parser.add_argument("--other-data", type=Path, help="judge one run on all of this data set instead")
    parser.add_argument("--map", nargs="+", default=[], metavar="CONTRAST=NAME", help="as in kgp evaluate")
    parser.add_argument("--labels", nargs="+", default=[], metavar="NAME=LABEL", help="as in kgp evaluate")
    parser.add_argument("--kind", help="as in kgp evaluate")
    parser.add_argument("--cache", type=Path, help="folder of prepared data")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    (arguments.out / "slices").mkdir(parents=True, exist_ok=True)
    sets = {"runs": arguments.runs, "against": arguments.against, "ceiling": arguments.ceiling}
    parts = {name: _parts(folders, arguments) for name, folders in sets.items() if folders}
    slices = {
        name: [one for part in of_set for one in judged_slices(part, arguments.out / "slices")]
        for name, of_set in parts.items()
    }
    figures = {name: _figures(of_set) for name, of_set in slices.items()}
    differences = {
        rung: {
            kind: rung_difference(slices["against"], slices["runs"], rung, delivered=kind == "delivered")
            for kind in KINDS
        }
        for rung in (RUNGS if "against" in slices else ())
    }
    write_json(arguments.out / "figures.json", {"sets": figures, "differences": differences})
    write_text(arguments.out / "table.md", "\n".join(_lines(parts, figures, differences)) + "\n")
    write_sheet(parts["runs"], parts.get("against"), slices["runs"], arguments.out / "sheet.png")
    print((arguments.out / "table.md").read_text(encoding="utf-8"))


def _parts(folders: Sequence[Path], arguments: argparse.Namespace) -> list[RunPart]:
    """The slices of each run; of several runs no slice may stand in two parts."""
    runs = [run for folder in folders for run in _runs_of(folder)]
    parts = [_part(run, arguments) for run in runs]
    seen: set[str] = set()
    for part in parts:
        own = {row.id for row in part.rows}
        if own & seen:
            raise KgpError(f"{part.name} judges slices of another run too, such as {min(own & seen)}.")
        seen |= own
    return parts


def _runs_of(folder: Path) -> list[Path]:
    folds = sorted(path.parent for path in folder.glob("fold-*/config.json"))
    return folds if folds and not (folder / "config.json").is_file() else [folder]


def _part(folder: Path, arguments: argparse.Namespace) -> RunPart:
    run, runtime = read_run(folder), load_runtime(folder)
    name = f"{folder.resolve().parent.name}-{folder.resolve().name}"
    if arguments.other_data:
        network = runtime.description
        other = read_other_data(
            arguments.other_data,
            network.class_names,
            network.contrasts,
            network.size,
            no_tumour_class=network.no_tumour_class,
            labels=arguments.labels,
            trained_labels=run.config.data.labels,
            channel_map=arguments.map,
            kind=arguments.kind,
            cache=arguments.cache,
        )
        return RunPart(name, runtime, other.cohort, other.rows, other.channels)
    cohort = cohort_from(run, arguments.data, cache=arguments.cache) if arguments.data else None
    cohort, rows, _ = part_of_run(run, arguments.part, cohort)
    return RunPart(name, runtime, cohort, rows)


def _figures(slices: Sequence[LadderSlice]) -> dict[str, Any]:
    return {
        "slices": len(slices),
        "patients": len({one.group for one in slices}),
        "map": map_figures(slices),
        "rungs": {
            rung: {kind: rung_figures(slices, rung, delivered=kind == "delivered") for kind in KINDS} for rung in RUNGS
        },
    }


def _lines(parts: dict[str, list[RunPart]], figures: dict[str, Any], differences: dict[str, Any]) -> list[str]:
    titles = {"runs": "The ladder", "against": "Before", "ceiling": "Ceiling: the same network trained on masks"}
    lines = ["# Masks, from the map to the best level of the map", ""]
    for name, found in figures.items():
        precision = found["map"]["average_precision_in_head"]
        tumour = found["rungs"]["delivered"]["delivered"]["tumour_slices"]
        lines += [
            f"## {titles[name]}: {', '.join(part.name for part in parts[name])}",
            "",
            f"{tumour} tumour slices of {found['slices']}, {found['patients']} patients, "
            f"judged {_grid(parts[name])}. Tumour slices called a tumour {_number(found['map']['called_share'])}; "
            f"the map: precision in the head {_span(precision)}, peak in the tumour {_number(found['map']['peak_hit_rate'])}.",
            "",
        ]
        for kind in KINDS:
            lines += [f"{'As delivered' if kind == KINDS[0] else 'Whatever was called'}:", "", HEAD]
            lines += [_row(rung, found["rungs"][rung][kind]) for rung in RUNGS if rung not in ORACLES]
            lines += ["", "The same, by the level that the true mask chooses (no result):", "", HEAD]
            lines += [_row(rung, found["rungs"][rung][kind]) for rung in ORACLES]
            lines.append("")
    if differences:
        lines += ["## Differences, now less before (paired bootstrap over patients)", ""]
        lines += [
            f"| reading | {' | '.join(f'{key}, {kind}' for kind in KINDS for key in ('median', 'mean'))} |",
            "|---" * 5 + "|",
        ]
        for rung, of_kind in differences.items():
            cells = [_change(of_kind[kind][key]) for kind in KINDS for key in ("median", "mean")]
            lines.append(f"| {rung}{' (oracle)' if rung in ORACLES else ''} | {' | '.join(cells)} |")
        lines.append("")
    return lines


def _grid(parts: Sequence[RunPart]) -> str:
    if all(on_own_grid(part.cohort) for part in parts):
        return "on the data's own grid"
    return "at the prepared size of some of the data (prepare them again for their own grid)"


def _row(rung: str, found: dict[str, Any]) -> str:
    volume = found["volume_dice"]
    cells = [
        rung,
        _span(found["dice"]),
        _number(found["dice"]["mean"]),
        *(_number(found["thirds"][third]) for third in THIRDS),
        _number(found["dice_below_0.1"]),
        _number(found["empty_share"]),
        _span(volume) if volume else "–",
        _number(found["hd95"]["median"], 1),
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _span(values: dict[str, Any]) -> str:
    ends = "" if values["low"] is None else f" ({values['low']:.3f}–{values['high']:.3f})"
    return _number(values["median"]) + ends


def _change(values: dict[str, Any]) -> str:
    if values["difference"] is None:
        return "–"
    ends = "" if values["low"] is None else f" ({values['low']:+.3f} to {values['high']:+.3f})"
    return f"{values['difference']:+.3f}{ends}"


if __name__ == "__main__":
    main()
