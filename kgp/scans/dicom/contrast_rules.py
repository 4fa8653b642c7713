"""Rules by which the headers of a series say which contrast it is; see contrast_rules.ini."""

import configparser
import importlib.resources
import re
from dataclasses import dataclass
from pathlib import Path

from kgp.errors import UsageError
from kgp.scans.dicom.header import ImageHeader

_LEAVE_OUT, _AGENT = "leave out", "agent"
_RANGES = ("echo_time", "repetition_time", "inversion_time")
_KEYS = {_LEAVE_OUT: {"words", "image_type"}, _AGENT: {"words", "not_words"}}
_CONTRAST_KEYS = {"words", "not_words", "agent", *_RANGES}


@dataclass(frozen=True)
class _Words:
    """A pattern that must match and one that must not; None for one that is not given."""

    words: re.Pattern | None
    not_words: re.Pattern | None

    def match(self, text: str) -> bool:
        return bool(self.words and self.words.search(text)) and not (self.not_words and self.not_words.search(text))


@dataclass(frozen=True)
class _Rule:
    """The conditions for one contrast.

    Attributes:
        words: of the description.
        agent: whether a contrast agent must be given (True), must not be given (False), or does not
            matter (None).
        ranges: of the times in milliseconds by name; None means that the time must be missing or 0.
    """

    words: _Words
    agent: bool | None
    ranges: dict[str, tuple[float, float] | None]

    def fits_times_of(self, header: ImageHeader) -> bool:
        return bool(self.ranges) and all(
            _in_range(getattr(header, name), range_) for name, range_ in self.ranges.items()
        )


@dataclass(frozen=True)
class ContrastRules:
    """Rules for contrasts by name.

    Attributes:
        leave_out: series that are never used.
        image_types: values of ImageType that such series have.
        agent: words that say a contrast agent was given.
        contrasts: the rule of each contrast.
    """

    leave_out: _Words
    image_types: re.Pattern | None
    agent: _Words
    contrasts: dict[str, _Rule]

    def contrasts_of(self, header: ImageHeader) -> set[str]:
        """Names of the contrasts that a series could be, by the header of one of its images."""
        if self.is_left_out(header):
            return set()
        text = _plain(header.description)
        agent_given = header.agent or self.agent.match(text)
        allowed = {name: rule for name, rule in self.contrasts.items() if rule.agent in (None, agent_given)}
        if any(rule.words.match(text) for rule in self.contrasts.values()):
            return {name for name, rule in allowed.items() if rule.words.match(text)}
        # Where the description says nothing, the times decide.
        return {name for name, rule in allowed.items() if rule.fits_times_of(header)}

    def is_left_out(self, header: ImageHeader) -> bool:
        """Whether a series is a localiser or computed from others."""
        types = self.image_types
        return self.leave_out.match(_plain(header.description)) or (
            types is not None and any(types.fullmatch(value) for value in header.image_type)
        )


def _plain(description: str) -> str:
    """A description as the patterns see it."""
    return re.sub("[_-]", " ", description)


def read_rules(path: Path | None = None) -> ContrastRules:
    """Reads a file of rules.

    Args:
        path: the file; None for the rules that come with kgp.

    Raises:
        UsageError: the file is missing or is no such file, or a key, pattern or range in it cannot
            be used.
    """
    where = "the built-in rules" if path is None else str(path)
    parser = configparser.ConfigParser(interpolation=None, comment_prefixes=("#",), inline_comment_prefixes=None)
    try:
        if path is None:
            text = (
                importlib.resources.files("kgp.scans.dicom").joinpath("contrast_rules.ini").read_text(encoding="utf-8")
            )
        else:
            text = path.read_text(encoding="utf-8")
        parser.read_string(text)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{where} is not a file of rules: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise UsageError(f"{where} cannot be read: {error.strerror}.") from None
    for section in parser.sections():
        unknown = sorted(set(parser[section]) - _KEYS.get(section, _CONTRAST_KEYS))
        if unknown:
            raise UsageError(f"{where}: [{section}] has the unknown key {unknown[0]}.")
    return ContrastRules(
        leave_out=_words(parser, _LEAVE_OUT, where),
        image_types=_pattern(parser, _LEAVE_OUT, "image_type", where),
        agent=_words(parser, _AGENT, where),
        contrasts={name: _rule(parser, name, where) for name in parser.sections() if name not in _KEYS},
    )


def _rule(parser: configparser.ConfigParser, section: str, where: str) -> _Rule:
    try:
        agent = parser.getboolean(section, "agent", fallback=None)
    except ValueError:
        raise UsageError(f"{where}: agent of [{section}] is {parser[section]['agent']!r}, not yes or no.") from None
    ranges = {name: _range(parser[section][name], section, name, where) for name in _RANGES if name in parser[section]}
    return _Rule(_words(parser, section, where), agent, ranges)


def _words(parser: configparser.ConfigParser, section: str, where: str) -> _Words:
    return _Words(_pattern(parser, section, "words", where), _pattern(parser, section, "not_words", where))


def _pattern(parser: configparser.ConfigParser, section: str, key: str, where: str) -> re.Pattern | None:
    text = parser.get(section, key, fallback="")
    try:
        return re.compile(text, re.IGNORECASE) if text else None
    except re.error as error:
        raise UsageError(f"{where}: {key} of [{section}] is not a regular expression: {error}.") from None


def _range(text: str, section: str, key: str, where: str) -> tuple[float, float] | None:
    if text.strip().lower() == "none":
        return None
    try:
        low, high = (float(part) for part in text.split(".."))
    except ValueError:
        raise UsageError(f"{where}: {key} of [{section}] is {text!r} where LOW .. HIGH or none is expected.") from None
    return low, high


def _in_range(value: float | None, range_: tuple[float, float] | None) -> bool:
    if range_ is None:
        return not value
    return value is not None and range_[0] <= value <= range_[1]
