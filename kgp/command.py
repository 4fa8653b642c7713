"""What all commands share: messages on stderr, exit statuses, and a clean import path."""

import argparse
import errno
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from kgp.closed_output import output_is_closed, until_closed
from kgp.errors import KgpError
from kgp.tensorflow_import import watch_import

_INTERRUPTED = 130
_EXTRA_OF = {
    "tensorflow": "train", "keras": "train", "keras_tuner": "train", "h5py": "train", "sklearn": "train",
    "jinja2": "train", "matplotlib": "train", "tqdm": "train", "platformdirs": "train",
    "ai_edge_quantizer": "serve", "tensorflow_serving": "serve", "ai_edge_litert": "console",
    "grpc": "serve", "grpc_health": "serve", "prometheus_client": "serve",
    "pydicom": "console", "highdicom": "console", "pynetdicom": "console", "torch": "torch", "safetensors": "torch",
    "ray": "scale", "pyarrow": "scale", "filelock": "console", "jax": None,
}  # fmt: skip


def run(
    name: str,
    build_parser: Callable[[], argparse.ArgumentParser],
    execute: Callable[..., int | None],
    argv: list[str] | None = None,
) -> int:
    """Parses `argv`, calls `execute(arguments)` and turns user errors into one sentence and an exit
    status.

    Args:
        name: the verb, for messages.
        build_parser: makes the parser; must not import TensorFlow or Keras.
        execute: does the work; returns None or an exit status.
        argv: arguments after the program's name; default `sys.argv[1:]`.

    Returns:
        0 done, 1 failed, 2 bad usage, 130 interrupted, 141 when nobody reads the output any more.
    """
    _forget_working_directory()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for library in ("absl", "matplotlib", "tensorflow"):
        logging.getLogger(library).setLevel(logging.ERROR)
    watch_import()
    return until_closed(lambda: _status(name, build_parser, execute, argv))


def _status(
    name: str,
    build_parser: Callable[[], argparse.ArgumentParser],
    execute: Callable[..., int | None],
    argv: list[str] | None,
) -> int:
    """The exit status of the command; messages are written."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    try:
        status = execute(arguments) or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KgpError as error:
        print(f"kgp {name}: {error}", file=sys.stderr)
        return error.exit_status
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA_OF:
            raise
        extra = _EXTRA_OF[error.name]
        install = f"pip install 'kgp[{extra}]'" if extra else f"pip install {error.name}"
        print(f"kgp {name}: this needs the package {error.name}; {install} brings it.", file=sys.stderr)
        return 1
    except OSError as error:
        if isinstance(error, BrokenPipeError) and output_is_closed():
            raise
        if error.errno == errno.ENOSPC:
            print(f"kgp {name}: no space left on the disk while writing {error.filename or 'a file'}.", file=sys.stderr)
        else:
            print(f"kgp {name}: {error}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"kgp {name}: interrupted.", file=sys.stderr)
        return _INTERRUPTED


def network_place(text: str) -> Path | str:
    """The type of an argument that names a run, an export, or the address of a served model."""
    return text if "://" in text else Path(text)


def _forget_working_directory() -> None:
    """Drops the working directory from the import path, so that a user's folder called export is
    not imported.

    `python -m` puts it there. It stays where it is the source tree that kgp itself was imported
    from.
    """
    home = Path(__file__).resolve().parent.parent
    sys.path[:] = [
        entry
        for entry in sys.path
        if Path(entry or ".").resolve() != Path.cwd().resolve() or Path.cwd().resolve() == home
    ]
