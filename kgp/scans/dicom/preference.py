"""Which of several series of one contrast is taken; the order is documented in docs/guides/console.md."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kgp.scans.dicom.contrast_rules import ContrastRules
from kgp.scans.dicom.header import ImageHeader
from kgp.scans.dicom.slab import Slab, slab_of

_Series = Mapping[str, ImageHeader]
_WHOLE = 2 / 3  # of the height of the tallest series that one must have to show as much of the head
_AS_THIN = 1.1  # times the smallest distance of slices, up to which a series is as thin
_PROCESSED = re.compile(
    r"(?<![a-z])(nd|dis[23]d|norm)(?![a-z])|[\W_]", re.IGNORECASE
)  # how often-sent copies of one series differ


@dataclass(frozen=True)
class _Step:
    """One step of the order: series that pass go before those that do not.

    Attributes:
        passes: whether a series does.
        otherwise: what is said of one that does not.
    """

    passes: Callable[[ImageHeader], bool]
    otherwise: str


def preferred(contrast: str, fitting: _Series, study: _Series, rules: ContrastRules) -> tuple[str, str]:
    """Chooses one of the series that could be a contrast.

    Args:
        contrast: its name.
        fitting: headers of whole series by UID.
        study: all series of the study, which tell when a contrast agent was given.
        rules: which series is which contrast.

    Returns:
        The UID, "" where there is none or the choice would be a guess; and before which others it
        goes and why, "" where it is the only one.
    """
    agent = rules.contrasts[contrast].agent
    left, behind = dict(fitting), []
    if len(left) > 1 and _are_alike(left) and len({header.number for header in left.values()}) < len(left):
        return "", ""  # one series in parts
    for make in (_before_agent, _axial, _whole, _original, _without_agent, _thin, _corrected, _latest):
        step = make(left, study, rules, agent) if len(left) > 1 else None
        if step is None:
            continue
        passing = {uid: header for uid, header in left.items() if step.passes(header)}
        if passing and len(passing) < len(left):
            behind += [(left[uid].number, step.otherwise) for uid in left if uid not in passing]
            left = passing
    if len(left) != 1:
        return "", ""
    others = ", ".join(f"series {number} ({otherwise})" for number, otherwise in behind)
    return next(iter(left)), f"taken before {others}" if others else ""


def _before_agent(left: _Series, study: _Series, rules: ContrastRules, agent: bool | None) -> _Step | None:
    """What has to be without contrast agent is best taken before the first series with it."""
    given = [header for header in study.values() if rules.agent_given(header)]
    if agent is not False or not given:
        return None
    return _Step(
        lambda header: rules.says_without_agent(header) or not any(_is_later(header, other) for other in given),
        "after a contrast agent was given",
    )


def _axial(left: _Series, study: _Series, rules: ContrastRules, agent: bool | None) -> _Step:
    return _Step(lambda header: slab_of(header.places).plane == "axial", "not axial")


def _whole(left: _Series, study: _Series, rules: ContrastRules, agent: bool | None) -> _Step:
    tallest = max(slab_of(header.places).height for header in left.values())
    return _Step(lambda header: slab_of(header.places).height >= _WHOLE * tallest, "covers less of the head")


def _original(left: _Series, study: _Series, rules: ContrastRules, agent: bool | None) -> _Step:
    return _Step(lambda header: header.image_type[:1] != ("DERIVED",), "derived")


def _without_agent(left: _Series, study: _Series, rules: ContrastRules, agent: bool | None) -> _Step | None:
    return (
        None if agent is not None else _Step(lambda header: rules.agent_given(header) is False, "with contrast agent")
    )


def _thin(left: _Series, study: _Series, rules: ContrastRules, agent: bool | None) -> _Step:
    slabs: dict[str, Slab] = {uid: slab_of(header.places) for uid, header in left.items()}
    thinnest = min(slab.distance for slab in slabs.values())
    return _Step(
        lambda header: thinnest == 0 or slabs[header.series_uid].distance <= _AS_THIN * thinnest, "thicker slices"
    )


def _corrected(left: _Series, study: _Series, rules: ContrastRules, agent: bool | None) -> _Step | None:
    """Of copies of one series the one that is corrected for distortion."""
    step = _Step(lambda header: bool({"DIS2D", "DIS3D"} & set(header.image_type)), "not corrected for distortion")
    return step if _are_alike(left) else None


def _latest(left: _Series, study: _Series, rules: ContrastRules, agent: bool | None) -> _Step | None:
    """Of repetitions the last; not where it could be one after a contrast agent that nobody named."""
    if agent is False or not _are_alike(left):
        return None
    return _Step(lambda header: not any(_is_later(other, header) for other in left.values()), "repeated later")


def _are_alike(series: _Series) -> bool:
    """Whether series differ in nothing that says what they show."""
    said = {
        (_PROCESSED.sub("", one.description).lower(), one.echo_time, one.repetition_time, one.inversion_time)
        for one in series.values()
    }
    return len(said) == 1


def _is_later(header: ImageHeader, other: ImageHeader) -> bool:
    """Whether a series was acquired after another; by their numbers where they do not say when."""
    times = (header.acquisition.acquired, other.acquisition.acquired)
    if all(times) and times[0] != times[1]:
        return times[0] > times[1]
    return (header.number or 0) > (other.number or 0)
