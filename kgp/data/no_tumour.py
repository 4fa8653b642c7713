"""Which labels mean "no tumour": the one definition, for sources, training and checks.

A label means it by its name (healthy, no_tumour, Normal, ...). Where no name says so, label 0 means
it, unless its name is that of a tumour or of a kind of tumour (tumour, glioma, HGG, mutant, ...).
A class means it by its own name, or by its labels. `--no-tumour` overrules all this.
"""

import re
import unicodedata
from collections.abc import Mapping

from kgp.errors import UsageError

NAME = "no_tumour"  # of the label of slices without tumour where the data do not name one
NO_CLASS = "none"  # as --no-tumour: every class is a tumour

_NOT = "(?:no|non|not|without|zero)"
_ANY = "(?:a|any|visible|evident|detectable|apparent|sign of|signs of|evidence of)?"
_ILLNESS = (
    "(?:brain )?(?:tumou?rs?|tumou?rous|tumou?ral|lesions?|cancers?|cancerous|mass|neoplasms?|neoplastic|disease|diseased|"
    "patholog(?:y|ies|ical)|abnormal|abnormality|abnormalities|findings?|malignancy)"
)
_KIND = "(?:gliomas?|glioblastomas?|meningiomas?|metastas[ei]s)"
_WHERE = (
    "(?: (?:brains?|tissues?|slices?|images?|scans?|class|cases?|patients?|subjects?|controls?|volunteers?|mri|mr))*"
)
_FREE = (
    "healthy|normal|norm|none|nothing|nil|no|neg|negatives?|false|absent|background|bg|controls?|ctrl|hc|nc|clean|clear|empty|"
    "unaffected|unremarkable|tumou?rless"
)
# Of a name in words, in lower case, with single spaces.
_MEANS_NO_TUMOUR = re.compile(
    f"(?:brain )?(?:{_NOT} ?{_ANY} ?{_ILLNESS}|(?:no|without) {_KIND}|{_ILLNESS}(?: | is )?(?:free|less|absent|negative)|"
    f"(?:free of|negative for) {_ILLNESS}|(?:{_FREE})){_WHERE}"
)
_OTHER_KIND = re.compile(f"{_NOT} ?{_KIND}{_WHERE}")  # which may be healthy, or another tumour
# Words that name a tumour, or what tumours are told apart by.
_TUMOUR_WORD = re.compile(
    "tumou?r.*|lesions?|cancer.*|mass|neoplas.*|malign.*|benign|positives?|pos|true|yes|present|abnormal.*|patholog.*|disease.*|"
    r"(?!h(?:a)?ematoma|coma|stroma|glaucoma|trachoma|granuloma).*(?:omas?|omatous|blastic)|metasta.*|mets?|pituitary|"
    r"[hl]gg|gbm|grade.*|g[1-4]|dnet|pcnsl|cavernom.*|oedema|edema|enhancing|necro.*|recurren.*|progress.*|"
    "idh.*|mgmt|mutant|mutated|wild|wildtype|wt|(?:un)?methylated|codel.*|noncodel.*|high|low"
)


def no_tumour_labels(names: Mapping[int, str]) -> frozenset[int]:
    """The labels of a data set that mean "no tumour".

    Args:
        names: the name of each label.
    """
    named = frozenset(label for label, name in names.items() if means_no_tumour(name))
    if named:
        return named
    return frozenset() if 0 not in names or means_tumour(names[0]) else frozenset({0})


def means_no_tumour(name: str) -> bool:
    """Whether a label's name says that there is no tumour."""
    return bool(_MEANS_NO_TUMOUR.fullmatch(_in_words(name)))


def means_tumour(name: str) -> bool:
    """Whether a label's name is that of a tumour or of a kind of tumour."""
    words = _in_words(name)
    if _MEANS_NO_TUMOUR.fullmatch(words) or _OTHER_KIND.fullmatch(words):
        return False
    return any(_TUMOUR_WORD.fullmatch(word) for word in words.split())


def label_without_tumour(names: Mapping[int, str]) -> tuple[int, str]:
    """Number and name of the label for slices without tumour: the data's own, else a free number."""
    known = min(no_tumour_labels(names), default=None)
    if known is not None:
        return known, names[known] or NAME
    return (max(names) + 1 if 0 in names else 0), NAME


def no_tumour_classes(option: str, classes: Mapping[str, tuple[int, ...]], names: Mapping[int, str]) -> tuple[int, ...]:
    """Indices of the classes that mean "no tumour".

    By themselves those do whose own names say so (unless a label of theirs is called a tumour), or
    else those all of whose labels mean it.

    Args:
        option: as --no-tumour; "" for the classes that mean it by themselves.
        classes: the labels of each class, in the order of the logits.
        names: the name of each label of the data.

    Raises:
        UsageError: the option names nothing known, or a label that makes no class of its own.
    """
    if option in classes:
        return (list(classes).index(option),)
    if option:
        return _chosen_classes(option, classes, names)
    by_name = tuple(
        number
        for number, (name, members) in enumerate(classes.items())
        if means_no_tumour(name) and not any(means_tumour(names[label]) for label in members)
    )
    labels = no_tumour_labels(names)
    return by_name or tuple(
        number
        for number, (name, members) in enumerate(classes.items())
        if labels.issuperset(members) and not means_tumour(name)
    )


def _chosen_classes(option: str, classes: Mapping[str, tuple[int, ...]], names: Mapping[int, str]) -> tuple[int, ...]:
    """The class made of the labels that --no-tumour names; none for "none"."""
    labels = _labels_of(option, classes, names)
    found = tuple(number for number, members in enumerate(classes.values()) if labels.issuperset(members))
    if labels and not found:
        label = min(labels)
        merged = next((name for name, members in classes.items() if label in members), None)
        what = f"class {merged!r} merges with others" if merged else "makes no class"
        raise UsageError(f"--no-tumour names the label {label} ({names[label]}), which {what} (see --labels).")
    return found


def _labels_of(option: str, classes: Mapping[str, tuple[int, ...]], names: Mapping[int, str]) -> frozenset[int]:
    """The labels that --no-tumour names, by name or number."""
    by_name = frozenset(label for label, name in names.items() if name == option)
    if by_name or option == NO_CLASS:
        return by_name
    by_number = frozenset(label for label in names if str(label) == option)
    if by_number:
        return by_number
    listed = ", ".join(f"{label} ({name})" for label, name in sorted(names.items()))
    raise UsageError(
        f"--no-tumour names {option!r}, which is no class and no label; the classes are {', '.join(classes)}, the labels "
        f"{listed}, and 'none' says that every class is a tumour."
    )


def _in_words(name: str) -> str:
    """A name in lower case, with single spaces in the place of signs and of capitals within words,
    and without a number before it.
    """
    plain = unicodedata.normalize("NFKD", name)
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return re.sub(r"^(\d+ )+", "", " ".join(re.findall(r"[a-z0-9]+", parted.casefold())))
