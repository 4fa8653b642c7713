"""A data set that a network never saw: its labels and channels matched to the network's by name."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

from kgp.data.cache import cached_cohort
from kgp.data.cohort import Cohort, SliceRow
from kgp.data.labels import LabelledCohort, choose_labels
from kgp.data.no_tumour import no_tumour_labels
from kgp.data.split import read_split
from kgp.errors import KgpError, UsageError
from kgp.run_folder import Run

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class OtherData:
    """Slices of a data set as a network takes them.

    Attributes:
        cohort: the prepared data.
        rows: the slices that have a class of the network.
        targets: index of each slice's class among the network's.
        channels: which channel of the cohort is each of the network's contrasts.
    """

    cohort: Cohort
    rows: tuple[SliceRow, ...]
    targets: tuple[int, ...]
    channels: list[int]


def read_other_data(
    data: Path,
    class_names: Sequence[str],
    contrasts: Sequence[str],
    size: int,
    *,
    no_tumour_class: int | None = None,
    labels: Sequence[str] = (),
    trained_labels: tuple[str, ...] = (),
    channel_names: Sequence[str] = (),
    channel_map: Sequence[str] = (),
    cache: Path | None = None,
    kind: str | None = None,
    csv: Path | None = None,
) -> OtherData:
    """Prepares a data set and matches its labels and channels to those of a network.

    Args:
        data: the data set, or a folder made by kgp prepare.
        class_names: the network's classes, in the order of the logits.
        contrasts: the network's contrasts, in order.
        size: side of the network's slices in pixels; a prepared folder keeps its own size.
        no_tumour_class: index of the network's class that means "no tumour", or None.
        labels: as --labels; without them the choice of the training where it names labels, else
            equal names.
        trained_labels: how the training chose its classes.
        channel_names: names of the channels, in order, where the data do not say.
        channel_map: CONTRAST=NAME for each contrast whose channel has another name.
        cache, kind, csv: see `kgp.data.cache.cached_cohort`.

    Raises:
        KgpError: the data cannot be read, no label is a class of the network, or a contrast has no
            channel.
        UsageError: --labels or --map names something unknown.
    """
    prepared = (data / "cohort.json").is_file()
    cohort = cached_cohort(
        data, size=0 if prepared else size, cache=cache, contrasts=tuple(channel_names), kind=kind, csv=csv
    )
    healthy = "" if no_tumour_class is None else class_names[no_tumour_class]
    chosen = (
        tuple(labels)
        or _labels_elsewhere(trained_labels, cohort, healthy)
        or _equal_names(class_names, cohort, healthy)
    )
    labelled = _labelled(data, cohort, class_names, chosen)
    targets = tuple(class_names.index(labelled.class_names[target]) for target in labelled.targets)
    return OtherData(cohort, labelled.rows, targets, _channels(data, cohort, contrasts, channel_map))


def persons_of_training(run: Run, rows: Sequence[SliceRow]) -> dict[str, str]:
    """What a report says of persons of a run's training part among other slices, with a warning
    where there are any.
    """
    if not (run.folder / "split.csv").is_file():
        return {}
    split = read_split(run.folder / "split.csv")
    trained = {split.groups[identifier] for identifier in split.parts["train"]}
    both = sorted(trained & {row.group for row in rows})
    if not both:
        return {"seen in training": "no person of it"}
    _log.warning("%d person(s) of the training part stand in this data set too, such as %s.", len(both), both[0])
    return {"caution": f"{len(both)} person(s) of the training part stand in this data set too"}


def _labelled(data: Path, cohort: Cohort, class_names: Sequence[str], labels: tuple[str, ...]) -> LabelledCohort:
    """The slices of the data that have a class of the network."""
    if not labels:
        raise KgpError(
            f"No label of {data} is called as a class of the run ({', '.join(class_names)}); name them with --labels."
        )
    labelled = choose_labels(cohort, labels, split=False)
    unknown = [name for name in labelled.class_names if name not in class_names]
    if unknown:
        raise UsageError(
            f"--labels names {unknown[0]!r}, which is no class of the run; its classes are {', '.join(class_names)}."
        )
    for message in labelled.dropped:
        _log.warning(message)
    return labelled


def _labels_elsewhere(trained_labels: tuple[str, ...], cohort: Cohort, healthy: str) -> tuple[str, ...]:
    """The training's choice of labels for other data.

    It is empty where the training went by numbers, which mean something else there. Only those of
    "no tumour" stand for what means "no tumour" there (`kgp.data.no_tumour`). Labels that the other
    data lack are left out.

    Args:
        healthy: the class that means "no tumour", or "".
    """
    names = {row.label_name for row in cohort.rows}
    without_tumour = _labels_without_tumour(cohort)
    words = []
    for word in trained_labels:
        name, _, labels = word.partition("=")
        members = labels.split(",")
        numbers = [member for member in members if member.isdecimal() and member not in names]
        if name != healthy and any(number != "0" or healthy for number in numbers):
            return ()
        kept = [member for member in members if member in names or member == "*"]
        if numbers or (name == healthy and not kept):
            kept += [label for label in without_tumour if label not in kept]
        if kept:
            words.append(f"{name}={','.join(kept)}")
    return tuple(words)


def _equal_names(class_names: Sequence[str], cohort: Cohort, healthy: str) -> tuple[str, ...]:
    """Labels that are called as classes, and beside them what means "no tumour" under any name."""
    names = {row.label_name for row in cohort.rows}
    words = [f"{name}={name}" for name in class_names if name in names]
    if words and healthy and healthy not in names:
        other = [label for label in _labels_without_tumour(cohort) if label not in class_names]
        words += [f"{healthy}={','.join(other)}"] if other else []
    return tuple(words)


def _labels_without_tumour(cohort: Cohort) -> list[str]:
    """Names of the labels of the data that mean "no tumour"."""
    names = {row.label: row.label_name for row in cohort.rows}
    return [names[label] for label in sorted(no_tumour_labels(names))]


def _channels(data: Path, cohort: Cohort, contrasts: Sequence[str], channel_map: Sequence[str]) -> list[int]:
    """Which channel of the data is each contrast of the network."""
    name_of = {}
    for word in channel_map:
        contrast, equals, name = word.partition("=")
        if not equals or contrast not in contrasts:
            raise UsageError(
                f"--map takes CONTRAST=NAME with a contrast of the run ({', '.join(contrasts)}), not {word!r}."
            )
        name_of[contrast] = name
    channels = []
    for contrast in contrasts:
        name = name_of.get(contrast, contrast)
        if name not in cohort.contrasts:
            raise KgpError(
                f"{data} has no channel {name!r} for the run's contrast {contrast}; its channels are "
                f"{', '.join(cohort.contrasts)} (see --contrasts and --map)."
            )
        channels.append(cohort.contrasts.index(name))
    return channels
