"""Files of rules: sections of patterns and ranges, see contrast_rules.ini."""

import configparser
import importlib.resources
import re
from collections.abc import Mapping
from pathlib import Path

from kgp.errors import UsageError

Range = tuple[float, float] | None  # milliseconds; None: the time must be missing or 0
TIMES = {"TE": "echo_time", "TR": "repetition_time", "TI": "inversion_time"}
_SHORT_RANGE = re.compile(r"(TE|TR|TI)\s+(none|[\d.]+\s*\.\.\s*[\d.]+)", re.IGNORECASE)


class RulesFile:
    """A file of rules whose sections and keys are known; each method reads one kind of value.

    Args:
        path: the file; None for the rules that come with kgp.
        keys: the keys of each section with a fixed name.
        other_keys: the keys of every other section.

    Raises:
        UsageError: the file is missing or is no such file, or a key is unknown. So do the methods
            where a value cannot be used.
    """

    def __init__(self, path: Path | None, keys: Mapping[str, set[str]], other_keys: set[str]) -> None:
        self.where = "the built-in rules" if path is None else str(path)
        self._parser = configparser.ConfigParser(
            interpolation=None, comment_prefixes=("#",), inline_comment_prefixes=None
        )
        builtin = importlib.resources.files("kgp.scans.dicom").joinpath("contrast_rules.ini")
        try:
            self._parser.read_string((builtin if path is None else path).read_text(encoding="utf-8"))
        except (configparser.Error, UnicodeDecodeError) as error:
            raise UsageError(f"{self.where} is not a file of rules: {' '.join(str(error).split())}") from None
        except OSError as error:
            raise UsageError(f"{self.where} cannot be read: {error.strerror}.") from None
        for section in self.sections:
            unknown = sorted(set(self._parser[section]) - keys.get(section, other_keys))
            if unknown:
                raise UsageError(f"{self.where}: [{section}] has the unknown key {unknown[0]}.")

    @property
    def sections(self) -> list[str]:
        return self._parser.sections()

    def text(self, section: str, key: str) -> str:
        """The value; "" where there is none."""
        return self._parser.get(section, key, fallback="").strip()

    def pattern(self, section: str, key: str) -> re.Pattern | None:
        """A regular expression whose lines are alternatives; None where there is none."""
        lines = [line.strip() for line in self.text(section, key).splitlines() if line.strip()]
        try:
            return re.compile("|".join(lines), re.IGNORECASE) if lines else None
        except re.error as error:
            raise UsageError(f"{self.where}: {key} of [{section}] is not a regular expression: {error}.") from None

    def yes_or_no(self, section: str, key: str) -> bool | None:
        """True, False, or None where there is none."""
        try:
            return self._parser.getboolean(section, key, fallback=None)
        except ValueError:
            given = self._parser[section][key]
            raise UsageError(f"{self.where}: {key} of [{section}] is {given!r}, not yes or no.") from None

    def words(self, section: str, key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        """Words with commas between them, each one of those allowed."""
        words = tuple(word.strip().lower() for word in self.text(section, key).split(",") if word.strip())
        for word in words:
            if word not in allowed:
                raise UsageError(f"{self.where}: {key} of [{section}] has {word!r}, none of {', '.join(allowed)}.")
        return words

    def ranges(self, section: str, key: str) -> tuple[Range, ...]:
        """Ranges with | between them, of which one must hold; () where there are none."""
        text = self.text(section, key)
        return tuple(self._range(part, text, section, key) for part in text.split("|")) if text else ()

    def combinations(self, section: str, key: str) -> tuple[Mapping[str, Range], ...]:
        """Lines as TE 5 .. 25, TR 250 .. 1000, TI none; by the names of TIMES."""
        lines = [line.strip() for line in self.text(section, key).splitlines() if line.strip()]
        return tuple(self._combination(line, section, key) for line in lines)

    def _combination(self, line: str, section: str, key: str) -> dict[str, Range]:
        parts = [_SHORT_RANGE.fullmatch(part.strip()) for part in line.split(",")]
        if None in parts:
            raise UsageError(
                f"{self.where}: {key} of [{section}] has {line!r} where lines as TE 5 .. 25, TR 250 .. 1000, TI none "
                "are expected."
            )
        return {TIMES[part[1].upper()]: self._range(part[2], part[2], section, key) for part in parts if part}

    def _range(self, part: str, text: str, section: str, key: str) -> Range:
        if part.strip().lower() == "none":
            return None
        try:
            low, high = (float(end) for end in part.split(".."))
        except ValueError:
            raise UsageError(
                f"{self.where}: {key} of [{section}] is {text!r} where LOW .. HIGH or none is expected."
            ) from None
        return low, high
