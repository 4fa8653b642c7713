"""Sources: one reader for each way in which labelled slices lie on disk."""

from pathlib import Path

from kgp.data.sources.source import Source
from kgp.errors import KgpError, UsageError

KINDS = ("phantom", "slices", "brats", "brats-tumour-types", "figshare", "nifti")


def open_source(
    path: Path | None, kind: str | None = None, *, contrasts: tuple[str, ...] = (), csv: Path | None = None
) -> Source:
    """The reader that fits a folder; no more is read than it needs to know its cases and contrasts.

    Args:
        path: the data; None is the built-in phantom.
        kind: one of KINDS, where it is not to be seen from the folder.
        contrasts: names of the channels (slices), or the contrasts to use in order (brats, nifti).
        csv: table of grades (brats) or of volumes (nifti).

    Raises:
        UsageError: the kind is unknown or does not go with the path, or the contrasts are not the
            data's.
        KgpError: there is no such folder, or nothing in it is known.
    """
    _check_options(path, kind, contrasts, csv)
    if path is not None and not Path(path).is_dir():
        raise KgpError(
            f"No data found: {path} is not a folder."
            if Path(path).exists()
            else f"No data found: {path} does not exist."
        )
    source = _build(path, kind, contrasts, csv)
    if contrasts and tuple(source.contrasts) != tuple(contrasts):
        raise UsageError(
            f"--contrasts: {source.name} data have {', '.join(source.contrasts)}, not {', '.join(contrasts)}."
        )
    return source


def _check_options(path: Path | None, kind: str | None, contrasts: tuple[str, ...], csv: Path | None) -> None:
    if kind is not None and kind not in KINDS:
        raise UsageError(f"--kind must be one of {', '.join(KINDS)}, not {kind!r}.")
    if kind is not None and (kind == "phantom") != (path is None):
        raise UsageError(
            f"--kind {kind} " + ("needs a folder of data." if path is None else f"takes no data, not {path}.")
        )
    repeated = [name for name in contrasts if contrasts.count(name) > 1]
    if repeated:
        raise UsageError(f"--contrasts names {repeated[0]!r} twice.")
    if csv is not None and not Path(csv).is_file():
        raise KgpError(f"--csv: there is no file {csv}.")


def _build(path: Path | None, kind: str | None, contrasts: tuple[str, ...], csv: Path | None) -> Source:
    """The reader; each is imported only here, as most need packages that the others do not."""
    if path is None:
        from kgp.data.sources.phantom import PhantomSource

        return PhantomSource()
    path = Path(path)
    kind = kind or _kind_of(path, csv)
    if kind == "slices":
        from kgp.data.sources.slices import SlicesSource

        return SlicesSource(path, contrasts)
    if kind == "figshare":
        from kgp.data.sources.figshare import FigshareSource

        return FigshareSource(path)
    if kind == "nifti":
        from kgp.data.sources.nifti import NiftiSource

        return NiftiSource(path, contrasts, csv)
    from kgp.data.sources.brats import BratsSource
    from kgp.data.sources.brats_kinds import BY_TUMOUR

    if kind == BY_TUMOUR:
        return BratsSource(path, contrasts, csv, by_tumour=True)
    return BratsSource(path, contrasts, csv)


def _kind_of(path: Path, csv: Path | None) -> str:
    """Which reader fits the names in a folder."""
    from kgp.data.layouts import recognise
    from kgp.data.sources.brats_files import find_cases, has_masks
    from kgp.data.sources.folder_contents import endings_in_words, visible_files

    if (path / "index.csv").is_file():
        return "slices"
    if (path / "volumes.csv").is_file():
        return "nifti"
    if csv is None and (path / "cohort.json").is_file():
        raise KgpError(f"{path} was made by kgp prepare already; train on it, or name the data it was made from.")
    layout = recognise(path)
    if layout and csv is None:
        raise KgpError(
            f"No data found in {path} that can be read as they lie: they look like {layout.title}. "
            f"kgp prepare {path} --make-table writes a table of them, to be checked before training."
        )
    if not layout and has_masks(path):
        return "brats"
    if not layout and any(file.suffix == ".mat" for file in visible_files(path)):
        return "figshare"
    if csv is not None:
        return "nifti"
    raise KgpError(
        f"No data found in {path}: expected index.csv with slices, BraTS case folders with *_seg.nii.gz, figshare .mat "
        "files, volumes.csv with NIfTI volumes, or a folder made by kgp prepare; it holds "
        f"{endings_in_words(path)}{', which look like BraTS cases without masks (seg)' if find_cases(path)[0] else ''}."
    )
