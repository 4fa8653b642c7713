"""kgp import-weights: the paper's published PyTorch weights as a run folder that evaluates and
segments like a trained one.
"""

import argparse
from pathlib import Path

from export.torch_weights import PLANS
from kgp.architectures import architecture_title
from kgp.command import run
from kgp.config import NORMALISATIONS
from kgp.data.no_tumour import NO_CLASS, means_no_tumour
from kgp.errors import KgpError, UsageError
from kgp.training import presets

_SIZE = 240


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kgp import-weights",
        usage="kgp import-weights FILE --arch NAME --out RUN [option ...]",
        description=__doc__,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="pytorch_model.bin, .pt, .ckpt or .safetensors")
    parser.add_argument("--arch", choices=PLANS, required=True, help="architecture of the weights")
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder to write")
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="NAME",
        help="class names, in the order of the logits (default: class_0, class_1, ...; the file does not tell)",
    )
    parser.add_argument(
        "--no-tumour",
        metavar="NAME",
        help='the class that means "no tumour", or "none" (default: the class called healthy, no_tumour or the like)',
    )
    parser.add_argument(
        "--contrasts",
        nargs="+",
        metavar="NAME",
        help="contrasts, in the order of the channels "
        "(default: T1 T2 T1ce FLAIR for four channels, else channel_1, ...)",
    )
    parser.add_argument(
        "--size", type=int, default=_SIZE, help="side to which slices are fitted (default: %(default)s)"
    )
    parser.add_argument(
        "--normalisation",
        choices=NORMALISATIONS,
        default="slice_maximum",
        help="what the weights were trained with (default: %(default)s, as published)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an existing run folder")
    return parser


def execute(arguments: argparse.Namespace) -> None:
    """Writes the run folder."""
    from export.torch_weights import assign_weights, infer_network, read_torch_weights
    from kgp.files import atomic_folder, sha256
    from kgp.run_folder import build_network, read_run, write_run

    state = read_torch_weights(arguments.file)
    network = infer_network(arguments.arch, state)
    classes = _names(arguments.classes, network["classes"], "--classes", "class_", 0)
    channels = network["input_channels"]
    published = ["T1", "T2", "T1ce", "FLAIR"] if channels == 4 else None
    contrasts = _names(arguments.contrasts or published, channels, "--contrasts", "channel_", 1)
    healthy = arguments.no_tumour or next(filter(means_no_tumour, classes), NO_CLASS)
    if healthy not in (*classes, NO_CLASS):
        raise UsageError(f"--no-tumour must be one of the classes {', '.join(classes)}, not {arguments.no_tumour!r}.")
    config = presets.load_preset("paper", arguments.arch).override(
        width=network["width"], depth=network["depth"], size=arguments.size, normalisation=arguments.normalisation
    )
    shape = (arguments.size, arguments.size, channels)
    model = build_network(config, shape, len(classes))
    assign_weights(model, arguments.arch, state)
    if arguments.out.exists() and arguments.overwrite and not (arguments.out / "manifest.json").is_file():
        raise KgpError(f"--overwrite: {arguments.out} is not a run folder, so it is not removed.")
    with atomic_folder(arguments.out, overwrite=arguments.overwrite) as folder:
        write_run(
            folder,
            config,
            model,
            class_names=classes,
            contrasts=contrasts,
            shape=shape,
            no_tumour_class=classes.index(healthy) if healthy in classes else None,
            extra={"imported_from": {"file": arguments.file.name, "sha256": sha256(arguments.file)}},
        )
    imported = read_run(arguments.out)
    print(
        f"{arguments.out}: {architecture_title(arguments.arch)}, width {network['width']}, "
        f"depth {network['depth']}, contrasts "
        f"{', '.join(imported.contrasts)}, classes {', '.join(imported.class_names)}."
    )
    print(f'"No tumour" is class {healthy!r}.' if healthy in classes else 'No class means "no tumour".')


def _names(given: list[str] | None, count: int, flag: str, prefix: str, first: int) -> tuple[str, ...]:
    names = tuple(given) if given else tuple(f"{prefix}{first + number}" for number in range(count))
    if len(names) != count:
        raise UsageError(f"{flag} must name {count}, as the weights have them, not {len(names)}: {', '.join(names)}.")
    if len(set(names)) < count:
        raise UsageError(f"{flag} must name each once, not {', '.join(names)}.")
    return names


def main(argv: list[str] | None = None) -> int:
    """Entry point of `kgp import-weights` and `python -m kgp.import_weights`."""
    return run("import-weights", build_parser, execute, argv)


if __name__ == "__main__":
    raise SystemExit(main())
