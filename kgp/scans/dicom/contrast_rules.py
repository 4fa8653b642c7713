"""Rules by which the headers of a series say which contrast it is; see contrast_rules.ini."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kgp.scans.dicom.contrast_conditions import ContrastRule, Words, found, whole
from kgp.scans.dicom.header import ImageHeader
from kgp.scans.dicom.rules_file import TIMES, RulesFile
from kgp.scans.dicom.slab import PLANES, SEVERAL, slab_of

_LEAVE_OUT, _AGENT, _BODY_PART = "leave out", "agent", "body part"
_KEYS = {
    _LEAVE_OUT: {"words", "image_type", "derived_image_type", "scanning_sequence", "acquisition_contrast"},
    _AGENT: {"words", "not_words", "unclear"},
    _BODY_PART: {"words", "not_words", "unknown"},
}
_LIMITS = (*TIMES.values(), "gradient_echo_time")
_CONTRAST_KEYS = {
    "words", "not_words", "agent", "plane", "acquisition_contrast", "not_scanning_sequence", "plain_times", *_LIMITS,
}  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """What the rules make of one series.

    Attributes:
        contrasts: names of those that it could be.
        why: what speaks for them, or why there is none; holds no text of the header.
        left_out: whether it can be none whatever the contrasts are.
    """

    contrasts: frozenset[str]
    why: str
    left_out: bool = False


@dataclass(frozen=True)
class ContrastRules:
    """Rules for contrasts by name.

    Attributes:
        leave_out: patterns of series that are never used, by key of the section.
        agent: words that say a contrast agent was given, and that none was.
        unclear_agent: words that say both.
        body_part: words for head and brain, and for other parts of the body.
        unknown_part: values of BodyPartExamined that say nothing.
        any_body_part: whether other parts of the body than head and brain are taken too.
        contrasts: the rule of each contrast.
    """

    leave_out: Mapping[str, re.Pattern | None]
    agent: Words
    unclear_agent: re.Pattern | None
    body_part: Words
    unknown_part: re.Pattern | None
    any_body_part: bool
    contrasts: dict[str, ContrastRule] = field(default_factory=dict)

    def judge(self, header: ImageHeader) -> Judgement:
        """What a series could be.

        Args:
            header: of one of its images, or of all of them together (`whole_series`).
        """
        reason = self._why_left_out(header)
        if reason:
            return Judgement(frozenset(), reason, left_out=True)
        text, contrast = _plain(header), header.acquisition.contrast
        rules = self.contrasts.items()
        said = {name: rule for name, rule in rules if rule.words.match(text)}
        if said:
            return self._allowed(header, said, "description")
        said = {name: rule for name, rule in rules if contrast and whole(rule.acquisition_contrast, contrast)}
        if len({rule.words for rule in said.values()}) > 1:  # as FLAIR is sometimes called T2, the times have to tell
            said = {name: rule for name, rule in said.items() if rule.is_plain_by_times(header)}
        if said:
            return self._allowed(header, said, "AcquisitionContrast")
        said = {
            name: rule
            for name, rule in rules
            if rule.is_plain_by_times(header) and not found(rule.words.not_words, text)
        }
        return self._allowed(header, said, "times") if said else Judgement(frozenset(), "no rule fits")

    def contrasts_of(self, header: ImageHeader) -> set[str]:
        """Names of the contrasts that a series could be."""
        return set(self.judge(header).contrasts)

    def is_left_out(self, header: ImageHeader) -> bool:
        """Whether a series is a localiser, computed from others, or else never used."""
        return self.judge(header).left_out

    def shows_other_part(self, header: ImageHeader) -> bool:
        """Whether a series shows another part of the body than head or brain, and that matters."""
        if self.any_body_part:
            return False
        parts = [_spaced(part) for part in header.acquisition.body_parts]
        parts = [part for part in parts if not whole(self.unknown_part, part)]
        texts = [_plain(header)]
        if not parts:
            texts += [_spaced(text) for text in header.acquisition.other_descriptions]
        head, other = self.body_part.words, self.body_part.not_words
        if head is not None and not all(self.body_part.match(part) for part in parts):
            return True
        return any(found(other, text) and not found(head, text) for text in texts)

    def agent_given(self, header: ImageHeader) -> bool | None:
        """Whether a contrast agent was given; None where the header says both."""
        text, named = _plain(header), header.acquisition.agent
        denied_by_attribute = bool(named) and found(self.agent.not_words, _spaced(named))
        given_by_attribute = not denied_by_attribute and (header.agent or header.acquisition.agent_volume > 0)
        denied_by_text = found(self.agent.not_words, text)
        given_by_text = self.agent.match(text)
        if found(self.unclear_agent, text) or (denied_by_text and found(self.agent.words, self._without_denial(text))):
            return None
        if (given_by_attribute and denied_by_text) or (denied_by_attribute and given_by_text):
            return None
        return given_by_attribute or given_by_text

    def says_without_agent(self, header: ImageHeader) -> bool:
        """Whether the header says in words that no contrast agent was given."""
        return self.agent_given(header) is False and any(
            found(self.agent.not_words, text) for text in (_plain(header), _spaced(header.acquisition.agent))
        )

    def _without_denial(self, text: str) -> str:
        """A description without the words that no contrast agent was given, "without IV contrast"."""
        if self.agent.not_words is None:
            return text
        denial = rf"(?:{self.agent.not_words.pattern})(\W*(iv|any|the|gd|gad\w*)\b)?\W*\w*"
        return re.sub(denial, " ", text, flags=re.IGNORECASE)

    def _allowed(self, header: ImageHeader, said: Mapping[str, ContrastRule], witness: str) -> Judgement:
        """Those among contrasts that something speaks for which nothing speaks against."""
        says = "say" if witness == "times" else "says"
        agent = self.agent_given(header)
        against = {name: rule.contradiction(header) for name, rule in said.items()}
        fitting = {name: rule for name, rule in said.items() if not against[name]}
        names = frozenset(name for name, rule in fitting.items() if rule.agent in (None, agent))
        if names:
            return Judgement(names, f"its {witness} {says} so")
        if not fitting:
            reason = next(iter(against.values()))
        elif agent is None:
            reason = "a contrast agent is both named and denied"
        else:
            reason = f"it is {'with' if agent else 'without'} contrast agent"
        return Judgement(names, f"its {witness} {says} {' or '.join(sorted(said))}, but {reason}")

    def _why_left_out(self, header: ImageHeader) -> str:
        taken = header.acquisition
        types = header.image_type
        derived = types[:1] == ("DERIVED",)
        if taken.mosaic:
            return "left out, a mosaic of many slices in one picture"
        if found(self.leave_out["words"], _plain(header)):
            return "left out by its description"
        if any(whole(self.leave_out["image_type"], value) for value in types) or (
            derived and any(whole(self.leave_out["derived_image_type"], value) for value in types)
        ):
            return "left out by its ImageType"
        if any(whole(self.leave_out["scanning_sequence"], value) for value in taken.scanning_sequence):
            return "left out by its ScanningSequence"
        if whole(self.leave_out["acquisition_contrast"], taken.contrast):
            return "left out by its AcquisitionContrast"
        if taken.angiography:
            return "left out, an angiography"
        if slab_of(header.places).plane == SEVERAL:
            return "left out, its slices lie in several planes"
        return "left out, another part of the body" if self.shows_other_part(header) else ""


def _plain(header: ImageHeader) -> str:
    """A description as the patterns see it."""
    return _spaced(header.acquisition.description or header.description)


def _spaced(text: str) -> str:
    return re.sub(r"_|-(?=[^\W_])", " ", text)


def read_rules(path: Path | None = None, *, any_body_part: bool = False) -> ContrastRules:
    """Reads a file of rules.

    Args:
        path: the file; None for the rules that come with kgp. Where it has no section [body part],
            theirs holds.
        any_body_part: take other parts of the body than head and brain too.

    Raises:
        UsageError: the file is missing or is no such file, or a key, pattern or range in it cannot
            be used.
    """
    file = RulesFile(path, _KEYS, _CONTRAST_KEYS)
    parts = file if _BODY_PART in file.sections else RulesFile(None, _KEYS, _CONTRAST_KEYS)
    return ContrastRules(
        leave_out={key: file.pattern(_LEAVE_OUT, key) for key in sorted(_KEYS[_LEAVE_OUT])},
        agent=_words(file, _AGENT),
        unclear_agent=file.pattern(_AGENT, "unclear"),
        body_part=_words(parts, _BODY_PART),
        unknown_part=parts.pattern(_BODY_PART, "unknown"),
        any_body_part=any_body_part,
        contrasts={name: _rule(file, name) for name in file.sections if name not in _KEYS},
    )


def _rule(file: RulesFile, section: str) -> ContrastRule:
    limits = {name: file.ranges(section, name) for name in _LIMITS}
    return ContrastRule(
        words=_words(file, section),
        agent=file.yes_or_no(section, "agent"),
        limits={name: ranges for name, ranges in limits.items() if ranges},
        plain_times=file.combinations(section, "plain_times"),
        planes=file.words(section, "plane", PLANES),
        acquisition_contrast=file.pattern(section, "acquisition_contrast"),
        not_sequence=file.pattern(section, "not_scanning_sequence"),
    )


def _words(file: RulesFile, section: str) -> Words:
    return Words(file.pattern(section, "words"), file.pattern(section, "not_words"))
