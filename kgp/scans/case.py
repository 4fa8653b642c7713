"""One patient's contrasts for prediction, however they lie on disk."""

from pathlib import Path

from kgp.errors import KgpError
from kgp.scans.contrast_names import find_contrasts
from kgp.scans.hidden_files import visible_entries
from kgp.scans.pictures import ENDINGS, JPEG_ENDINGS
from kgp.scans.volume import Volume, read_volume

# A JPEG beside folders is more likely a preview of them than a case.
_CASE_ENDINGS = (".nii", ".gz", ".dcm", *(ending for ending in ENDINGS if ending not in JPEG_ENDINGS))


def holds_cases(path: Path) -> bool:
    """Whether a path is a folder that holds folders and no file that could be a case itself, nor a
    folder with the name of one (X.nii/X.nii).
    """
    if not path.is_dir():
        return False
    entries = visible_entries(path)
    return any(entry.is_dir() for entry in entries) and not any(
        (entry.is_file() and entry.suffix.lower() in _CASE_ENDINGS) or entry.name.endswith((".nii", ".nii.gz"))
        for entry in entries
    )


def read_case(contrasts: tuple[str, ...], case: Path, resample_to: str | None = None) -> Volume:
    """Reads one patient's contrasts: NIfTI files or one DICOM series.

    Args:
        contrasts: the contrasts wanted, in order; a single file or a DICOM series has one.
        case: file or folder.
        resample_to: see `kgp.scans.volume.read_volume`.

    Raises:
        KgpError: the case cannot be read or lacks a contrast, or it is DICOM and pydicom is
            missing.
    """
    if case.is_file():
        if len(contrasts) != 1:
            raise KgpError(
                f"{case} is one file, but the contrasts {', '.join(contrasts)} are needed; give a folder with a "
                "file for each."
            )
        return read_volume({contrasts[0]: case})
    if not case.is_dir():
        raise KgpError(f"{case} does not exist.")
    if any(path.name.endswith((".nii", ".nii.gz")) for path in visible_entries(case)):
        return read_volume(find_contrasts(case, contrasts), resample_to)
    if len(contrasts) != 1:
        raise KgpError(
            f"{case} holds no NIfTI file; a DICOM series has one contrast, but {', '.join(contrasts)} are needed."
        )
    return _read_dicom(case, contrasts[0])


def _read_dicom(folder: Path, contrast: str) -> Volume:
    try:
        import pydicom  # noqa: F401 - what the next line needs
    except ImportError:
        raise KgpError('Reading DICOM needs pydicom; install it with: pip install "kgp[console]"') from None
    from kgp.scans.dicom.series import read_dicom_series

    return read_dicom_series(folder, contrast)
