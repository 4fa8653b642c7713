"""BraTS case folders of 2017 to 2025.

A case is a folder with one file for each contrast and `seg`: NAME_t1, NAME_t1ce, NAME_t2,
NAME_flair, NAME_seg (to 2022) or NAME-t1n, NAME-t1c, NAME-t2w, NAME-t2f, NAME-seg (from 2023),
.nii or .nii.gz; each file may stand in a folder of its own. The grade comes from a folder HGG or
LGG above the case (to 2019), from name_mapping.csv (2019, 2020), or from a table with the columns
case and grade. Slices with an empty mask have label 0, the others the grade of their patient:
1 LGG, 2 HGG; or, by tumour type, the tumour of their kind: 1 glioma, 2 meningioma, 3 metastasis,
4 paediatric tumour. Nearly empty slices are left out.

Any label of a mask is tumour, but for a resection cavity; `kgp.data.sources.brats_kinds` lists the
labels of each kind and year.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from kgp.data.sources.brats_files import MASK, find_cases
from kgp.data.sources.brats_grades import LEVELS_ABOVE, GradeTable, find_grades, read_grades
from kgp.data.sources.brats_kinds import BY_TUMOUR, TUMOURS, BratsKind, kind_of, label_notes, patient_of, person_of
from kgp.data.sources.nifti import cut_slices, read_mask_volume
from kgp.data.sources.source import DataFault, SourceSlice
from kgp.errors import KgpError, UsageError
from kgp.scans.not_nifti import what_stands_instead
from kgp.scans.volume import read_volume

CONTRASTS = ("T1", "T2", "T1ce", "FLAIR")
GRADES = {"LGG": (1, "LGG"), "HGG": (2, "HGG")}
_UNGRADED = (1, "tumour")
_NO_GLIOMA = "otherneoplasms"  # the folder of BraTS-Africa (TCIA) whose BraTS-SSA cases are other tumours


class BratsSource:
    """Reader of BraTS case folders, at any depth.

    Args:
        path: the folder.
        contrasts: contrasts to use, of CONTRASTS, in order; default all.
        csv_path: table of grades; default name_mapping.csv or cases.csv in, below or above the
            folder.
        by_tumour: classes are types of tumour, by the names of the cases, and not grades.

    Raises:
        KgpError: there is no case, a contrast is unknown, or the table has no grades or none of
            the cases.
    """

    def __init__(
        self,
        path: Path,
        contrasts: tuple[str, ...] = (),
        csv_path: Path | None = None,
        *,
        by_tumour: bool = False,
    ) -> None:
        self.path = Path(path)
        self.name = BY_TUMOUR if by_tumour else "brats"
        self._by_tumour = by_tumour
        unknown = [name for name in contrasts if name not in CONTRASTS]
        if unknown:
            raise UsageError(f"--contrasts must be of {', '.join(CONTRASTS)} for BraTS data, not {unknown[0]!r}.")
        self.contrasts = tuple(contrasts) or CONTRASTS
        self._files, self._folders, self._contradictions = find_cases(self.path)
        if not self._files:
            raise KgpError(f"No data found in {self.path}: no folder holds BraTS contrasts such as NAME_flair.nii.gz.")
        self._unmasked = self._pass_over_validation()
        self._table, self._other_tables = self._find_table(csv_path)
        self._graded = not by_tumour and any(self._grade(case) for case in self._files)
        self._patients = self._name_patients()

    def cases(self) -> list[str]:
        """Names of the case folders, sorted."""
        return sorted(self._files)

    def files(self) -> list[Path]:
        """The table of grades, which may lie outside of the folder."""
        return [self._table.path] if self._table else []

    def read(self, case: str) -> Iterator[SourceSlice]:
        """The slices of one case, from below upwards."""
        problem = next((fault for fault in self._check_case(case) if fault.severity == "error"), None)
        if problem:
            raise KgpError(f"case {case}: {problem.what}")
        files, kind = self._files[case], self._kind(case)
        volume = read_volume({contrast: files[contrast] for contrast in self.contrasts})
        mask = read_mask_volume(files[MASK], volume, kind.cavity)
        mask = dataclasses.replace(mask, notes=(*mask.notes, *label_notes(case, kind, mask.labels)))
        patient, group = self._patients[case]
        yield from cut_slices(volume, mask, case=case, patient=patient, group=group, label=self._label(case))

    def check(self) -> list[DataFault]:
        """Missing or doubtful files and grades, folders of one name, and what is taken for what."""
        faults = [fault for case in self.cases() for fault in self._check_case(case)]
        notes = [*self._table_notes(), *self._kind_notes()]
        if self._unmasked:
            notes.append(
                f"{len(self._unmasked)} case(s) of a validation part have no masks and are passed over, such as "
                f"{self._unmasked[0]}."
            )
        return faults + [DataFault("warning", "all", what) for what in notes]

    def _pass_over_validation(self) -> list[str]:
        """Takes the cases of a challenge's validation part out, whose masks nobody but the organisers
        has, and names them; where there are no others they stay.
        """
        unmasked = [
            case
            for case in self.cases()
            if MASK not in self._files[case]
            and "validation" in self._folders[case].relative_to(self.path).as_posix().lower()
        ]
        if len(unmasked) == len(self._files):
            return []
        for case in unmasked:
            del self._files[case], self._folders[case]
        return unmasked

    def _find_table(self, csv_path: Path | None) -> tuple[GradeTable | None, list[Path]]:
        if csv_path is None:
            return find_grades(self.path, self._folders)
        table = read_grades(csv_path)
        if not table.lists(list(self._files)):
            raise KgpError(
                f"{csv_path} lists none of the {len(self._files)} cases in {self.path}, such as {self.cases()[0]}."
            )
        return table, []

    def _name_patients(self) -> dict[str, tuple[str, str]]:
        """Patient and group of each case; cases of one person share the group."""
        owners: dict[str, str] = {}
        named: dict[str, tuple[str, str]] = {}
        for case in self.cases():
            patient = (self._table.patients.get(case.lower(), "") if self._table else "") or patient_of(case)
            signs = [person_of(case), *([self._table.rows.get(case.lower(), case)] if self._table else [])]
            group = next((owners[sign] for sign in signs if sign in owners), patient)
            owners.update(dict.fromkeys(signs, group))
            named[case] = patient, group
        return named

    def _check_case(self, case: str) -> list[DataFault]:
        files = self._files[case]
        what = [
            f"the contrast {contrast} is missing in {self._folders[case]}."
            for contrast in self.contrasts
            if contrast not in files
        ]
        if MASK not in files:
            what.append(f"the mask (seg) is missing in {self._folders[case]}, so no slice has a label.")
        if case in self._contradictions:
            what.append(self._contradictions[case])
        if no_volumes := self._no_volumes(case):
            what.append(no_volumes)
        return [DataFault("error", case, sentence) for sentence in (*what, *self._check_label(case))]

    def _check_label(self, case: str) -> list[str]:
        """What keeps a case from having a grade, or a type of tumour."""
        if self._by_tumour:
            return [] if self._tumour(case) else ["which tumour it has cannot be told from its name or folder."]
        folder, table = self._grades(case)
        sentences = []
        if folder and table and folder != table:
            sentences.append(f"the folder says {folder}, but the table says {table}.")
        if self._graded and not self._grade(case):
            sentences.append("no grade is known from the folder or the table.")
        return sentences

    def _no_volumes(self, case: str) -> str:
        """A sentence on the files of a case that cannot be volumes; empty where all may be."""
        used = [self._files[case][name] for name in (*self.contrasts, MASK) if name in self._files[case]]
        found = [(file, what) for file in used if (what := what_stands_instead(file))]
        if not found:
            return ""
        file, what = found[0]
        others = f"; {len(found) - 1} more of its {len(used)} files cannot be read" if len(found) > 1 else ""
        return f"{file.relative_to(self._folders[case])} {what}{others}."

    def _kind(self, case: str) -> BratsKind:
        return kind_of(case, *(file.name for file in self._files[case].values()))

    def _tumour(self, case: str) -> str:
        """The type of tumour of a case, or "" where it is not known."""
        known = self._kind(case).tumour
        other = any(_NO_GLIOMA in part.lower().replace("_", "") for part in self._folders[case].resolve().parts)
        in_grades = self._folders[case].parent.name.upper() in GRADES
        return "" if other else known or ("glioma" if in_grades else "")

    def _label(self, case: str) -> tuple[int, str]:
        """Number and name of the label of the tumour slices of a case."""
        if self._by_tumour:
            return 1 + TUMOURS.index(self._tumour(case)), self._tumour(case)
        return GRADES[self._grade(case)] if self._graded else _UNGRADED

    def _grade(self, case: str) -> str:
        """HGG, LGG or "" where unknown."""
        folder, table = self._grades(case)
        return folder or table

    def _grades(self, case: str) -> tuple[str, str]:
        """Grade by the folder above the case and by the table, each "" where unknown."""
        listed = self._table.grades.get(case.lower(), "") if self._table else ""
        names = (self._folders[case].resolve().parent.name.upper(), listed.upper())
        folder, table = (name if name in GRADES else "" for name in names)
        return folder, table

    def _table_notes(self) -> list[str]:
        """Which table was taken, where there are several, and that there are no grades."""
        if self._by_tumour:
            return []
        notes = [
            f"the grades are those of {self._table.path}; {other} lists cases too and is not used (--csv names a table)."
            for other in self._other_tables
            if self._table
        ]
        if not self._graded:
            where = (
                f"{self._table.path} names neither HGG nor LGG for them"
                if self._table
                else f"no folder HGG or LGG, and no name_mapping.csv or cases.csv that lists them in {self.path} or up "
                f"to {LEVELS_ABOVE} folders above"
            )
            notes.append(
                f"no grades were found for the {len(self._files)} case(s) ({where}): all slices with tumour are of one "
                "class, 'tumour'; for LGG and HGG name a table with the columns case and grade with --csv."
            )
        grades: dict[str, dict[str, str]] = defaultdict(dict)
        for case in self.cases():
            if self._grade(case):
                grades[self._patients[case][1]].setdefault(self._grade(case), case)
        notes += [
            f"patient {patient} has cases of two grades: {', '.join(f'{case} {grade}' for grade, case in of.items())}."
            for patient, of in grades.items()
            if len(of) > 1
        ]
        return notes

    def _kind_notes(self) -> list[str]:
        """That cases of several tumours are made one class."""
        count = Counter(self._kind(case).name for case in self.cases())
        if self._by_tumour or len({self._kind(case).tumour for case in self.cases()}) < 2:
            return []
        listed = ", ".join(f"{number} {name}" for name, number in sorted(count.items()))
        classes = "told apart by grade alone" if self._graded else "all taken for one class, 'tumour'"
        return [
            f"the cases are of several kinds ({listed}) and {classes}; --kind {BY_TUMOUR} makes a class of each tumour."
        ]
