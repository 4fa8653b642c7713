"""The state of a training after an epoch, in one file, from which a killed training goes on and
ends with equal weights.
"""

import dataclasses
import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kgp.errors import KgpError
from kgp.files import atomic_path

NAME = "checkpoint.npz"
BEST_NAME = "best.npz"


@dataclasses.dataclass
class TrainingState:
    """Where a training stands.

    Attributes:
        epoch: epochs done.
        best: best validation macro-F1 so far, and the epoch (from 1) it was reached in.
        history: one row an epoch, as in history.csv.
        seconds: training time so far.
    """

    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = dataclasses.field(default_factory=list)


def save_checkpoint(folder: Path, model: keras.Model, state: TrainingState) -> None:
    """Writes weights, optimiser variables, random states and the state of the training to one file,
    atomically.
    """
    text = np.frombuffer(json.dumps(dataclasses.asdict(state)).encode(), dtype=np.uint8)
    save_arrays(folder / NAME, [*model.variables, *model.optimizer.variables], progress=text)


def load_checkpoint(folder: Path, model: keras.Model) -> TrainingState:
    """Puts the state that `save_checkpoint` wrote back into a compiled model.

    Raises:
        KgpError: the file is missing, damaged, or of another network.
    """
    path = folder / NAME
    if not model.optimizer.built:  # a LossScaleOptimizer built twice has its variables twice
        model.optimizer.build(model.trainable_variables)
    stored = load_arrays(path, [*model.variables, *model.optimizer.variables])
    return TrainingState(**json.loads(stored["progress"].tobytes().decode()))


def digest(variables: list) -> str:
    """The SHA-256, in hexadecimal, of the values of variables in order."""
    hasher = hashlib.sha256()
    for variable in variables:
        hasher.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).tobytes())
    return hasher.hexdigest()


def save_arrays(path: Path, variables: list, **extra: np.ndarray) -> None:
    """Writes the values of `variables` in order, and named arrays, as an .npz file, atomically."""
    arrays = {f"{index:05d}": keras.ops.convert_to_numpy(variable) for index, variable in enumerate(variables)}
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **arrays, **extra)  # type: ignore[arg-type]


def load_arrays(path: Path, variables: list) -> dict[str, Any]:
    """Assigns the arrays of `save_arrays` to `variables` and returns everything in the file.

    Raises:
        KgpError: the file is missing, damaged, or does not fit the variables.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise KgpError(f"{path} is missing, so there is nothing to resume; start the training anew.") from None
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise KgpError(f"{path} is damaged ({error}); start the training anew.") from None
    expected = {f"{index:05d}": tuple(variable.shape) for index, variable in enumerate(variables)}
    shapes = {name: stored[name].shape for name in stored if name.isdigit()}
    if expected != shapes:
        raise KgpError(f"{path} belongs to another network than config.json describes; start the training anew.")
    for index, variable in enumerate(variables):
        variable.assign(stored[f"{index:05d}"])
    return stored
