"""predictions.csv read back: what a network said of slices whose truth is known."""

import dataclasses
from pathlib import Path

import numpy as np

from kgp.errors import KgpError
from kgp.files import read_json, read_table

_REQUIRED = ("id", "group", "true", "predicted")


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a network said of slices, in the order of their ids.

    Attributes:
        folder: where predictions.csv stands.
        class_names: names of the K classes, in the order of the probabilities.
        no_tumour_class: index of the class that means "no tumour", or None.
        ids: of the slices, sorted.
        groups: the patient (person) of each slice.
        targets, predicted: class indices [N].
        probabilities: [N, K].
        true_pixels: size of the true mask [N]; -1 where there is none.
        dices: by reading, Dice as delivered [N]; NaN where there is no true mask.
    """

    folder: Path
    class_names: tuple[str, ...]
    no_tumour_class: int | None
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    targets: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
    true_pixels: np.ndarray
    dices: dict[str, np.ndarray]


def predictions_folder(place: Path, part: str) -> Path:
    """The folder with the predictions of a part of a run, or `place` itself where it is no run.

    Args:
        place: a run folder, or a folder that holds metrics.json and predictions.csv.
        part: part of the run's split.

    Raises:
        KgpError: there are none.
    """
    is_run = (place / "config.json").is_file()
    if is_run and (place / "evaluations" / part / "predictions.csv").is_file():
        return place / "evaluations" / part
    if is_run and part != "test":
        raise KgpError(f"{place} was not judged on its {part} part; kgp evaluate {place} --part {part} does it.")
    if not (place / "predictions.csv").is_file():
        raise KgpError(f"{place} holds no predictions.csv; name a run that was evaluated, or a result of kgp evaluate.")
    return place


def read_predictions(folder: Path) -> Predictions:
    """Reads predictions.csv, and the classes from metrics.json beside it.

    Raises:
        KgpError: a file is missing, damaged, or of an earlier version that did not name persons.
    """
    path, metrics = folder / "predictions.csv", read_json(folder / "metrics.json")
    table = read_table(path, missing_cell=None)
    lacking = [name for name in _REQUIRED if name not in table.columns]
    if lacking:
        raise KgpError(
            f"{path} lacks the column {lacking[0]!r} (written by an earlier version?); judge again with kgp evaluate."
        )
    try:
        names = tuple(metrics["class_names"])
        rows = sorted(table.rows, key=lambda row: str(row["id"]))
        readings = [name.removeprefix("dice_") for name in table.columns if name.startswith("dice_")]
        found = Predictions(
            folder=folder,
            class_names=names,
            no_tumour_class=metrics["no_tumour_class"],
            ids=tuple(row["id"] for row in rows),
            groups=tuple(row["group"] for row in rows),
            targets=np.array([names.index(row["true"]) for row in rows], int),
            predicted=np.array([names.index(row["predicted"]) for row in rows], int),
            probabilities=np.array([[float(row[f"p_{name}"]) for name in names] for row in rows]),
            true_pixels=np.array([int(row.get("true_pixels") or -1) for row in rows], int),
            dices={reading: np.array([float(row[f"dice_{reading}"] or "nan") for row in rows]) for reading in readings},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise KgpError(f"{path} is not a table of predictions, or does not fit metrics.json: {error}.") from None
    if not rows or len(set(found.ids)) < len(rows):
        raise KgpError(f"{path} {'names a slice twice' if rows else 'lists no slice'}.")
    return found


def check_paired(first: Predictions, second: Predictions) -> None:
    """Refuses predictions that are not of the same slices, patients and truths.

    Raises:
        KgpError: they differ; says in how many slices.
    """
    if (first.class_names, first.no_tumour_class) != (second.class_names, second.no_tumour_class):
        raise KgpError(
            f"{first.folder} tells apart {', '.join(first.class_names)}, and {second.folder} "
            f"{', '.join(second.class_names)}; only networks of the same classes can be compared."
        )
    alone = [sorted(set(a.ids) - set(b.ids)) for a, b in ((first, second), (second, first))]
    if any(alone):
        raise KgpError(
            f"{first.folder} and {second.folder} do not judge the same slices: {len(alone[0])} of "
            f"{len(first.ids)} stand in the first alone and {len(alone[1])} of {len(second.ids)} in the second alone, "
            f"such as {(alone[0] + alone[1])[0]}."
        )
    for what, values in (
        ("patients", (first.groups, second.groups)),
        ("true classes", (tuple(first.targets), tuple(second.targets))),
    ):
        differing = [name for name, a, b in zip(first.ids, *values, strict=True) if a != b]
        if differing:
            raise KgpError(
                f"{first.folder} and {second.folder} name different {what} for {len(differing)} of "
                f"{len(first.ids)} slices, such as {differing[0]}."
            )
