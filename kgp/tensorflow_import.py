"""TensorFlow's import, which takes seconds: announced, and without what TensorFlow tells of itself.

Its libraries write to standard error while they are loaded, before TF_CPP_MIN_LOG_LEVEL counts:
that oneDNN is on, that there is no CUDA driver, that absl has not been set up. Such lines are
dropped on their way; every other one comes through, also where the process dies. A user who sets
TF_CPP_MIN_LOG_LEVEL to 0, 1 or 2 sees them all.
"""

import contextlib
import importlib.abc
import importlib.machinery
import logging
import os
import subprocess
import sys
import types
from collections.abc import Iterator, Sequence

_log = logging.getLogger(__name__)
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_SECONDS = 2.0

# A process of its own, so that the last words of one that dies while it loads are not lost.
_FILTER = r"""
import os, re, sys
notes = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|I\d{4} [\d:.]+ +\d+ \S+:\d+\] "
    rb"|To enable the following instructions: "
    rb"|[EW]\d{4} [\d:.]+ +\d+ (cuda_(dnn|fft|blas)\.cc:\d+\] Unable to register"
    rb"|computation_placer\.cc:\d+\] computation placer already|cuda_\w+\.cc:\d+\] failed call to cuInit)"
)
for line in sys.stdin.buffer:
    if not notes.match(line):
        os.write(1, line)
"""


class _Finder(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as the other finders do, and sees to how it is loaded.

    Args:
        announce: whether the log tells that it is loaded.
        quiet: whether its libraries' notes are dropped.
    """

    def __init__(self, announce: bool, quiet: bool) -> None:
        self.announce = announce
        self.quiet = quiet

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The specification of `tensorflow`; None for every other module."""
        if name != "tensorflow":
            return None
        found = (
            finder.find_spec(name, path, target)
            for finder in sys.meta_path
            if finder is not self and hasattr(finder, "find_spec")
        )
        spec = next(filter(None, found), None)
        if spec is not None and spec.loader is not None:
            self._watch(spec.loader)
        return spec

    def _watch(self, loader: importlib.abc.Loader) -> None:
        execute = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            if self.announce:
                _log.info("Loading TensorFlow.")
            with _without_notes() if self.quiet else contextlib.nullcontext():
                execute(module)

        loader.exec_module = exec_module  # type: ignore[method-assign]


def watch_import(announce: bool = True) -> None:
    """Sees to it that a later import of TensorFlow is announced in the log, and quiet.

    Does nothing where TensorFlow is loaded already.
    """
    quiet = os.environ.setdefault(_LEVEL, "3") == "3"
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(announce, quiet))


@contextlib.contextmanager
def _without_notes() -> Iterator[None]:
    """Drops TensorFlow's notes from all that is written to standard error, by whatever library."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (AttributeError, OSError, ValueError):  # there is no standard error
        yield
        return
    read, write = os.pipe()
    try:
        command = [sys.executable, "-I", "-S", "-c", _FILTER]
        notes = subprocess.Popen(command, stdin=read, stdout=kept, stderr=subprocess.DEVNULL, start_new_session=True)
        os.dup2(write, 2)
    except OSError:  # no second process can be started
        notes = None
    finally:
        os.close(read)
        os.close(write)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        if notes:
            with contextlib.suppress(subprocess.TimeoutExpired):  # what TensorFlow started may hold it open
                notes.wait(_SECONDS)
