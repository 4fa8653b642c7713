"""The brain tumour data set of J. Cheng (figshare 1512427): one .mat file (v7.3, HDF5) a slice.

Each file holds cjdata with image [512, 512], label (1 meningioma, 2 glioma, 3 pituitary), PID and
tumorMask. There is no slice without a tumour. A letter at the end of a PID marks a further visit of
the same person; splits go by the person.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kgp.data.sources.mask_values import tumour_mask
from kgp.data.sources.source import DataFault, SourceSlice
from kgp.errors import KgpError
from kgp.scans.hidden_files import visible_below

LABELS = {1: "meningioma", 2: "glioma", 3: "pituitary"}
_FOLDS = "cvind.mat"  # comes with the slices: which of the authors' folds each is in
_LONGEST_SIDE = 4096
_OLD = b"MATLAB 5.0 MAT-file"
_LONGEST_PID = 64


class FigshareSource:
    """Reader of a folder of .mat files, at any depth; a case is one slice.

    Args:
        path: the folder.

    Raises:
        KgpError: there is no .mat file.
    """

    name = "figshare"
    contrasts = ("T1ce",)

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._files = {
            file.relative_to(self.path).with_suffix("").as_posix(): file
            for file in sorted(visible_below(self.path, "*.mat"))
            if file.name != _FOLDS
        }
        if not self._files:
            raise KgpError(f"No data found in {self.path}: there is no .mat file.")

    def cases(self) -> list[str]:
        """Names of the files without ending, sorted; numbers by their value."""
        return sorted(
            self._files, key=lambda name: [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]
        )

    def read(self, case: str) -> Iterator[SourceSlice]:
        """The one slice of a file."""
        import h5py

        path = self._files[case]
        try:
            with h5py.File(path) as file:
                yield _slice(file["cjdata"], case, path)
        except KgpError:
            raise
        except OSError as error:
            if _is_old(path):
                raise KgpError(
                    f"{path} is in MATLAB's format before version 7.3; save it in MATLAB with "
                    f"save('{path.name}', 'cjdata', '-v7.3')."
                ) from None
            raise KgpError(f"{path} cannot be read as a figshare slice (MATLAB v7.3 with cjdata): {error}.") from None
        except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, RuntimeError) as error:
            raise KgpError(f"{path} cannot be read as a figshare slice (MATLAB v7.3 with cjdata): {error}.") from None

    def check(self) -> list[DataFault]:
        """Nothing can be told without opening the files."""
        return []


def _is_old(path: Path) -> bool:
    """Whether a file is in the format of MATLAB 5 to 7.2, which is no HDF5."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_OLD)) == _OLD
    except OSError:
        return False


def _slice(data, case: str, path: Path) -> SourceSlice:  # type: ignore[no-untyped-def]
    shape = data["image"].shape
    if len(shape) != 2 or max(shape) > _LONGEST_SIDE or data["tumorMask"].shape != shape:
        raise KgpError(
            f"{path} has an image of shape {shape} and a mask of shape {data['tumorMask'].shape} where one "
            f"slice of at most {_LONGEST_SIDE} pixels a side is expected."
        )
    if data["image"].dtype.kind not in "buif":
        raise KgpError(f"{path} has an image of type {data['image'].dtype} where numbers are expected.")
    if data["label"].size != 1 or not 0 < data["PID"].size <= _LONGEST_PID:
        raise KgpError(
            f"{path} has {data['label'].size} labels and a PID of {data['PID'].size} letters where one label "
            f"and at most {_LONGEST_PID} letters are expected."
        )
    label = int(data["label"][()].squeeze())
    if label not in LABELS:
        raise KgpError(f"{path} has the label {label} where 1, 2 or 3 is expected.")
    patient = "".join(chr(code) for code in np.asarray(data["PID"][()]).ravel())
    if not patient.strip() or not patient.isprintable():
        raise KgpError(f"{path} has the PID {patient!r} where a number or name is expected.")
    mask, notes = tumour_mask(np.asarray(data["tumorMask"][()]).T, path)
    # HDF5 keeps MATLAB's columns as rows.
    image = np.asarray(data["image"][()]).T
    return SourceSlice(
        id=case,
        patient=patient,
        group=re.sub(r"(?<=\d)[A-Z]$", "", patient),
        label=label,
        label_name=LABELS[label],
        image=np.ascontiguousarray(image)[..., None],
        mask=mask,
        notes=notes,
    )
