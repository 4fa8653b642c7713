"""Pictures in one folder for each class, as most Kaggle sets of brain MRI have them.

yes/ and no/; Training/ and Testing/ with glioma, meningioma, notumor and pituitary; class folders
with a folder for each patient. File names say nothing of patients, and slices of one patient are
many, so that the column patient stays empty where there are no folders of patients: no reader takes
the table until someone has filled it in.
"""

import hashlib
import re
from collections import Counter, defaultdict
from pathlib import Path

from kgp.data.layouts.draft import SLICES_TABLE, Draft, Layout
from kgp.data.sources.folder_contents import ending, visible_files
from kgp.scans.pictures import ENDINGS

_PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp")
_PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}
_UNLABELLED = {"pred", "predict", "prediction", "predictions", "unlabelled", "unlabeled", "unknown"}
_NO_CLASSES = {"images", "image", "img", "imgs", "masks", "mask", "labels", "label", "annotations", "slices"}
_FEWEST = 20  # pictures in a class, on average, where no folder has a usual name
_NO_TUMOUR = re.compile(r"no|none|no(n|brain)?tumou?rs?|non(brain)?tumou?rs?|normal\w*|healthy|negative|controls?")
_TUMOUR = re.compile(r"yes|positive|(brain)?tumou?rs?")
_KNOWN = re.compile(
    rf"{_TUMOUR.pattern}|gliomas?|meningiomas?|pituitary|pituitaryadenomas?|metastas[ie]s|glioblastomas?"
)


def _fits(path: Path) -> bool:
    files = list(visible_files(path))
    if any(ending(file.name) in (".nii", ".nii.gz", ".mat") for file in files):
        return False
    classes = {name for name in _classes(path, files).values() if name}
    return len(classes) > 1


def _draft(path: Path) -> Draft:
    files = list(visible_files(path))
    class_of = _classes(path, files)
    pictures = sorted((file for file in class_of if class_of[file]), key=lambda file: (len(file.parts), file))
    folder_of: dict[str, str] = {}  # the first folder's name of each class
    for file in pictures:
        folder_of.setdefault(_key(class_of[file]), class_of[file])
    labels = _labels(folder_of)
    pictures, copies = _without_copies(pictures, {file: labels[_key(class_of[file])] for file in pictures})
    patients = {file: _patient(path, file, class_of[file]) for file in pictures}
    if not all(patients.values()):
        patients = dict.fromkeys(pictures, "")
    rows = [
        {
            "id": file.relative_to(path).as_posix(),
            "image": file,
            "label": labels[_key(class_of[file])][0],
            "label_name": labels[_key(class_of[file])][1],
            "patient": patients[file],
        }
        for file in pictures
    ]
    count = Counter((row["label"], row["label_name"]) for row in rows)
    said = [f"label {label} {name}: {count[label, name]} pictures." for label, name in sorted(count)]
    if not any(label == 0 for label, _ in count):
        said.append(
            "no folder is called as pictures without tumour are (no, notumor, normal, healthy), so no label is 0."
        )
    without = len([file for file in files if ending(file.name) in _PICTURES and not class_of.get(file)])
    if without:
        said.append(f"{without} pictures stand in no class folder and are left out.")
    unread = sorted({ending(file.name) for file in pictures} - set(ENDINGS))
    if unread:
        said.append(f"pictures that end in {', '.join(unread)} are listed but not read; save them as PNG.")
    parts = sorted({part for file in pictures for part in file.relative_to(path).parts[:-1] if part.lower() in _PARTS})
    if parts:
        said.append(f"the folders {', '.join(parts)} are taken together; kgp splits anew, by patient.")
    return Draft(rows, [*said, *copies, _patients_in_words(patients)])


def _classes(path: Path, files: list[Path]) -> dict[Path, str]:
    """The name of the class folder of each picture, "" where it stands in none.

    Folders with a usual name (yes, glioma) and those beside them are classes; where there is none
    of them, the topmost folders that are no part of a split.
    """
    places = {file: file.relative_to(path).parts[:-1] for file in files if ending(file.name) in _PICTURES}
    known = {place[: depth + 1] for place in places.values() for depth, name in enumerate(place) if _is_known(name)}
    if len({_key(place[-1]) for place in known}) > 1:
        # Classes beside those with usual names hold their pictures as deep as these.
        beside = {
            (place[:-1], len(other) - len(place))
            for place in known
            for other in places.values()
            if other[: len(place)] == place
        }
        return {file: _usual_class(place, beside) for file, place in places.items()}
    wrapper = _common(list(places.values()))
    names = {
        file: next((name for name in place[wrapper:] if name.lower() not in _PARTS | _UNLABELLED), "")
        for file, place in places.items()
    }
    unlike = any(name.lower() in _NO_CLASSES for name in names.values())
    # A folder for each patient looks the same, but holds few pictures.
    return dict.fromkeys(places, "") if unlike or len(places) < _FEWEST * len(set(names.values())) else names


def _usual_class(place: tuple[str, ...], beside: set[tuple[tuple[str, ...], int]]) -> str:
    """The deepest folder of a place with a usual name, or else one that stands beside such a folder.

    Args:
        place: the folders that a picture stands in.
        beside: the folder that a usual name stands in, and how many folders lie between it and its
            pictures.
    """
    usual = [name for name in place if _is_known(name)]
    others = (
        name
        for depth, name in enumerate(place)
        if (place[:depth], len(place) - depth - 1) in beside and name.lower() not in _PARTS | _UNLABELLED | _NO_CLASSES
    )
    return usual[-1] if usual else next(others, "")


def _common(places: list[tuple[str, ...]]) -> int:
    """How many folders all pictures stand in."""
    depth = 0
    while places and all(len(place) > depth + 1 and place[depth] == places[0][depth] for place in places):
        depth += 1
    return depth


def _key(name: str) -> str:
    """A folder's name in plain letters, without "tumor" behind another word."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    without = re.sub(r"tumou?rs?$", "", letters)
    return letters if _NO_TUMOUR.fullmatch(letters) or without in ("", "brain") else without


def _is_known(name: str) -> bool:
    return bool(_NO_TUMOUR.fullmatch(_key(name)) or _KNOWN.fullmatch(_key(name)))


def _labels(folder_of: dict[str, str]) -> dict[str, tuple[int, str]]:
    """Number and name of the label of each class; 0 is "no tumour" and nothing else."""
    tumours = sorted(key for key in folder_of if not _NO_TUMOUR.fullmatch(key))
    return {key: (0, "no_tumour") for key in folder_of if key not in tumours} | {
        key: (number, "tumour" if _TUMOUR.fullmatch(key) else folder_of[key])
        for number, key in enumerate(tumours, start=1)
    }


def _without_copies(pictures: list[Path], label_of: dict[Path, tuple[int, str]]) -> tuple[list[Path], list[str]]:
    """The pictures without byte-wise copies of an earlier one, and without those of two classes."""
    same: dict[str, list[Path]] = defaultdict(list)
    for file in pictures:
        same[hashlib.sha256(file.read_bytes()).hexdigest()].append(file)
    copies = [files for files in same.values() if len(files) > 1]
    torn = [files for files in copies if len({label_of[file] for file in files}) > 1]
    plain = [files for files in copies if files not in torn]
    dropped = {file for files in torn for file in files} | {file for files in plain for file in files[1:]}
    said = []
    if plain:
        number = sum(len(files) - 1 for files in plain)
        said.append(
            f"{number} pictures are copies of another and are left out (such as {plain[0][1]} of {plain[0][0]})."
        )
    if torn:
        said.append(
            f"{sum(map(len, torn))} pictures stand in two classes and are left out (such as {torn[0][0]} and {torn[0][1]})."
        )
    return [file for file in pictures if file not in dropped], said


def _patient(path: Path, file: Path, class_name: str) -> str:
    """The folder below the class folder that a picture stands in, or ""."""
    place = file.relative_to(path).parts[:-1]
    below = place[len(place) - place[::-1].index(class_name) :]
    return below[0] if below else ""


def _patients_in_words(patients: dict[Path, str]) -> str:
    names = set(patients.values())
    if names == {""}:
        return (
            "PATIENTS ARE NOT KNOWN: nothing here says which pictures are of one patient, so the column patient is "
            "empty and nothing trains on the table. Fill it in from the source of the pictures. Where that cannot be "
            "had, copy the column id into it: each picture is a patient of its own then, slices of one patient may stand "
            "in training and test, and the test figures are too good."
        )
    return (
        f"{len(names)} patients: the folders below the class folders are taken for patients; a name that stands in two "
        "classes is one patient."
    )


LAYOUT = Layout("pictures in class folders", SLICES_TABLE, _fits, _draft)
