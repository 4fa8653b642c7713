"""What a training takes from Python beside its configuration, and that a resumed one gets it again."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from kgp.errors import UsageError
from kgp.files import read_json, write_json

RECORD = "own_parts.json"  # in a run folder until the training is finished
Names = dict[str, str | list[str]]


@dataclasses.dataclass(frozen=True)
class Additions:
    """Parts of one's own. A run records their names, not their code.

    Attributes:
        loss: in the place of the weighted cross-entropy: of one-hot labels and logits, both [B, K].
            Class weights do not apply to it; `val_loss` stays the weighted cross-entropy. One
            device only.
        callbacks: called by Keras after the package's own. What they hold is not kept for a
            resumed training.
        optimiser: in the place of the configuration's, whose learning rate, schedule, weight decay,
            clipping and accumulation do not apply to it; or a function that makes one from the
            number of batches in the whole training, which is what a Keras schedule counts. Its
            state is kept for a resumed training. One device only.
        augmentation: a change of each training slice after the configured ones; see
            `kgp.data.own_augmentation.apply_augmentation`.
    """

    loss: Any = None
    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    optimiser: Any = None
    augmentation: Callable[[Any, Any], Any] | None = None

    def names(self) -> Names:
        """What each part that is given is called."""
        parts = {"loss": self.loss, "optimiser": self.optimiser, "augmentation": self.augmentation}
        names: Names = {kind: name_of(part) for kind, part in parts.items() if part is not None}
        if self.callbacks:
            names["callbacks"] = [name_of(callback) for callback in self.callbacks]
        return names


NO_ADDITIONS = Additions()


def name_of(part: Any) -> str:
    """The name of a function, or of the class of an object."""
    function = getattr(part, "func", part)  # of functools.partial
    return str(getattr(function, "__name__", type(function).__name__))


def checked_additions(
    loss: Any = None, callbacks: Sequence[Any] = (), optimiser: Any = None, augmentation: Any = None
) -> Additions:
    """The parts, once each is of a type that can be used.

    Raises:
        UsageError: one is not.
    """
    if loss is not None and not isinstance(loss, keras.losses.Loss) and not _is_function(loss):
        raise UsageError(f"loss is a keras.losses.Loss of one-hot labels and logits, not {_shown(loss)}.")
    if not isinstance(callbacks, list | tuple):
        raise UsageError(f"callbacks is a list of keras.callbacks.Callback, not {_shown(callbacks)}.")
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise UsageError(f"callbacks is a list of keras.callbacks.Callback, and {_shown(callback)} is none.")
    if optimiser is not None and not isinstance(optimiser, keras.optimizers.Optimizer) and not _is_function(optimiser):
        raise UsageError(
            "optimiser is the name of one, a keras.optimizers.Optimizer, or a function that makes one from the number "
            f"of batches, not {_shown(optimiser)}."
        )
    if augmentation is not None and (not callable(augmentation) or isinstance(augmentation, type)):
        raise UsageError(f"augmentation is a function of a slice and a seed, not {_shown(augmentation)}.")
    return Additions(loss, tuple(callbacks), optimiser, augmentation)


def made_additions(additions: Additions, strategy: str, batches: int) -> Additions:
    """The same parts, with the optimiser itself where a function makes it.

    Args:
        strategy: of the configuration.
        batches: in the whole training.

    Raises:
        UsageError: the function makes something else, or a part cannot be used here.
    """
    if strategy != "single" and (additions.loss or additions.optimiser):
        part = "A loss" if additions.loss else "An optimiser"
        raise UsageError(f"{part} of one's own goes with the strategy single, not {strategy}.")
    optimiser = additions.optimiser
    if optimiser is None:
        return additions
    if not isinstance(optimiser, keras.optimizers.Optimizer):
        made = optimiser(batches)
        if not isinstance(made, keras.optimizers.Optimizer):
            raise UsageError(f"optimiser: {name_of(optimiser)} makes {_shown(made)}, not a keras.optimizers.Optimizer.")
        optimiser = made
    if optimiser.built:
        raise UsageError(
            f"The optimiser {name_of(optimiser)} has trained another network already; give a new one, or a function that "
            "makes one."
        )
    if optimiser.use_ema:
        raise UsageError(
            f"The optimiser {name_of(optimiser)} has use_ema=True, which changes weights after they were validated; "
            "that is not supported."
        )
    return dataclasses.replace(additions, optimiser=optimiser)


def record(folder: Path, additions: Additions) -> None:
    """Writes the names of the parts into a run folder, for `check_same`."""
    if additions.names():
        write_json(folder / RECORD, additions.names())


def check_same(folder: Path, additions: Additions) -> None:
    """Refuses to resume a training with other parts of one's own than it was begun with.

    Raises:
        UsageError: a part is missing, is another, or was not there.
    """
    begun = read_json(folder / RECORD) if (folder / RECORD).is_file() else {}
    given = additions.names()
    for kind in sorted({*begun, *given}):
        if begun.get(kind) == given.get(kind):
            continue
        if kind not in begun:
            raise UsageError(f"{folder} was begun without {kind} of one's own, so {kind} cannot be given to resume it.")
        given_word = _words(given[kind]) if kind in given else "none"
        raise UsageError(
            f"{folder} was begun with {kind} of one's own, {_words(begun[kind])}, and is resumed with the same only: "
            f"kgp.train(resume=..., {kind}=...), not with {given_word}."
        )


def _words(names: str | list[str]) -> str:
    return names if isinstance(names, str) else ", ".join(names)


def _is_function(part: Any) -> bool:
    return callable(part) and not isinstance(part, type)


def _shown(part: Any) -> str:
    if isinstance(part, type):
        return f"the class {part.__name__} itself (write {part.__name__}(...))"
    return " ".join(repr(part).split())[:80]
