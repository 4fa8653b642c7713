"""NIfTI headers that contradict themselves about where a volume lies, or say nothing."""

from collections.abc import Mapping, Sequence

import nibabel
from nibabel.spatialimages import HeaderDataError

from kgp.scans.grid import Grid


def geometry_notes(images: Mapping[str, nibabel.Nifti1Image]) -> list[str]:
    """Sentences on headers whose geometry may be wrong, each beginning with a verb.

    A header may place its volume twice: by the qform, for the scanner, and by the sform. The sform
    is taken where its code says that there is one, then the qform, then the voxel sizes alone.
    Source: https://nifti.nimh.nih.gov/nifti-1/documentation/nifti1fields/nifti1fields_pages/qsform.html

    Args:
        images: image of each file name.
    """
    apart = {name: distance for name, image in images.items() if (distance := _apart(image))}
    nowhere = [name for name, image in images.items() if not _code(image, "qform") and not _code(image, "sform")]
    notes = []
    if apart:
        listed = ", ".join(f"{name} {distance}" for name, distance in apart.items())
        notes.append(f"has a qform and an sform that contradict each other ({listed}); the sform is taken.")
    if nowhere:
        notes.append(
            f"has neither qform nor sform in {', '.join(nowhere)} (both codes are 0); the voxel sizes are taken, and "
            "the axes as left, front and up, so that sides may be swapped."
        )
    return notes


def turned_note(names: Sequence[str], reference: str) -> str:
    """The note on files whose axes run in another order or direction than those of `reference`."""
    return (
        f"has the axes of {', '.join(names)} in another order or direction than those of {reference}; they were "
        "turned exactly, without interpolation."
    )


def _apart(image: nibabel.Nifti1Image) -> str:
    """By how much qform and sform differ, in words; "" where one is missing or they agree."""
    if not _code(image, "qform") or not _code(image, "sform"):
        return ""
    x, y, z = image.shape[:3]
    try:
        qform = image.header.get_qform()
    except (HeaderDataError, ValueError):
        return "cannot be read by its qform"
    by_sform, by_qform = Grid(image.affine, (x, y, z)), Grid(qform, (x, y, z))
    if by_qform.is_same(by_sform):
        return ""
    return f"by up to {by_qform.corner_distance(by_sform):.3g} mm"


def _code(image: nibabel.Nifti1Image, name: str) -> int:
    return int(image.header[f"{name}_code"])
