"""Which series of a study is taken for each contrast, and why."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kgp.errors import KgpError
from kgp.scans.dicom.contrast_rules import ContrastRules
from kgp.scans.dicom.header import ImageHeader
from kgp.scans.dicom.preference import preferred

_Study = Mapping[str, list[ImageHeader]]
_ADVICE = (
    "--assign CONTRAST=NUMBER takes one (kgp console run), and a file of rules (--rules) can tell them apart for good."
)


@dataclass(frozen=True)
class Choice:
    """The series taken for one contrast.

    Attributes:
        images: of the series.
        why: why it was chosen; holds no text of the header.
    """

    images: list[ImageHeader]
    why: str


def choose_series(
    study: _Study, contrasts: Sequence[str], rules: ContrastRules, assigned: Mapping[str, str]
) -> dict[str, Choice]:
    """Chooses the series of each contrast.

    Args:
        study: the images of each series by SeriesInstanceUID.
        contrasts: names of the contrasts.
        rules: which series is which contrast.
        assigned: series numbers or SeriesInstanceUIDs by contrast; they need no rule.

    Raises:
        KgpError: the rules lack a contrast; an assigned series is not there, is there twice, or
            shows another part of the body; or no series, or several between which to choose would be
            a guess, are left for a contrast.
    """
    whole = {uid: whole_series(images) for uid, images in study.items()}
    taken = {contrast: _assigned(contrast, series, whole, rules) for contrast, series in assigned.items()}
    wanted = [contrast for contrast in contrasts if contrast not in taken]
    unknown = [contrast for contrast in wanted if contrast not in rules.contrasts]
    if unknown:
        raise KgpError(
            f"The rules have no section for {', '.join(unknown)}, which the model needs; give one with --rules."
        )
    free = {uid: header for uid, header in whole.items() if uid not in taken.values()}
    if wanted and free and all(rules.is_left_out(header) for header in free.values()):
        raise _nothing_left(free, rules)
    found = _by_rules(free, wanted, contrasts, rules)
    chosen = {contrast: Choice(study[uid], "assigned with --assign") for contrast, uid in taken.items()}
    chosen |= {contrast: Choice(study[uid], why) for contrast, (uid, why) in found.items()}
    return {contrast: chosen[contrast] for contrast in contrasts}


def whole_series(images: Sequence[ImageHeader]) -> ImageHeader:
    """The first header of a series, with the places and the image types of all, and any agent."""
    first = images[0]
    types = dict.fromkeys(value for image in images for value in image.image_type)
    taken = dataclasses.replace(first.acquisition, mosaic=any(image.acquisition.mosaic for image in images))
    return dataclasses.replace(
        first,
        image_type=tuple(types),
        places=tuple(place for image in images for place in image.places),
        agent=any(image.agent for image in images),
        acquisition=taken,
    )


def _assigned(contrast: str, series: str, whole: Mapping[str, ImageHeader], rules: ContrastRules) -> str:
    """The UID of the series that a user names for a contrast."""
    fitting = [uid for uid, header in whole.items() if series in (uid, str(header.number))]
    where = f"--assign {contrast}={series}"
    if not fitting:
        numbers = sorted({header.number for header in whole.values() if header.number is not None})
        there = f"has series {', '.join(map(str, numbers))}" if numbers else "numbers none"
        raise KgpError(f"{where} names a series that is not there; the study {there}.")
    if len(fitting) > 1:
        raise KgpError(
            f"{where} names {len(fitting)} series; give a SeriesInstanceUID in place of the number: {', '.join(fitting)}."
        )
    if whole[fitting[0]].acquisition.mosaic:
        raise KgpError(
            f"{where} names a mosaic of many slices in one picture, which is not read; the scanner must send single slices."
        )
    if rules.shows_other_part(whole[fitting[0]]):
        raise KgpError(
            f"{where} names a series of another part of the body than head or brain; --any-body-part takes it."
        )
    return fitting[0]


def _by_rules(
    free: Mapping[str, ImageHeader], wanted: Sequence[str], contrasts: Sequence[str], rules: ContrastRules
) -> dict[str, tuple[str, str]]:
    """The UID and the reason for each contrast that is not assigned."""
    judged = {uid: rules.judge(header) for uid, header in free.items()}
    found, faults = {}, []
    for contrast in wanted:
        fitting = {uid: free[uid] for uid, judgement in judged.items() if contrast in judgement.contrasts}
        uid, why = preferred(contrast, fitting, free, rules)
        if uid:
            found[contrast] = (uid, "; ".join(filter(None, (judged[uid].why, why))))
        else:
            faults.append(f"{len(fitting) or 'no'} series for {contrast}")
    for uid in free:
        names = sorted(contrast for contrast, (other, _) in found.items() if other == uid)
        faults += [f"one series for {' and '.join(names)}"] if len(names) > 1 else []
    if faults:
        raise KgpError(
            f"The study has {' and '.join(faults)} where one for each of {', '.join(contrasts)} is expected; it holds "
            f"{_in_words(free, rules)}. {_ADVICE}"
        )
    return found


def _nothing_left(free: Mapping[str, ImageHeader], rules: ContrastRules) -> KgpError:
    """The error for a study of which every series is left out."""
    series = _in_words(free, rules)
    of_any_part = dataclasses.replace(rules, any_body_part=True)
    if any(of_any_part.contrasts_of(header) for header in free.values()):
        return KgpError(
            f"The study shows another part of the body than head or brain: {series}; --any-body-part takes it."
        )
    if any(header.acquisition.mosaic for header in free.values()):
        return KgpError(
            "The study holds mosaics, many slices in one picture, which are not read, and no other series that could be "
            f"used: {series}; let the scanner send single slices."
        )
    return KgpError(f"The study holds localisers and computed series only: {series}. {_ADVICE}")


def _in_words(free: Mapping[str, ImageHeader], rules: ContrastRules) -> str:
    """The series with what the rules look at and what they make of it."""
    in_words = []
    for header in sorted(free.values(), key=lambda header: (header.number or 0, header.series_uid)):
        times = {"TE": header.echo_time, "TR": header.repetition_time, "TI": header.inversion_time}
        facts = [f"{len(header.places)} slices"]
        facts += [f"{name} {value:g}" for name, value in times.items() if value is not None]
        facts += ["contrast agent"] if header.agent else []
        judgement = rules.judge(header)
        verdict = " or ".join(sorted(judgement.contrasts)) or judgement.why
        number = "without number" if header.number is None else str(header.number)
        in_words.append(f"series {number} '{header.description}' ({', '.join(facts)}: {verdict})")
    return "; ".join(in_words) or "no other series"
