"""Served models: the newest version of each, replaced without a gap when a newer one appears in its folder."""

import contextlib
import dataclasses
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from kgp.errors import KgpError
from kgp.runtime.artifact import version_folders
from serving.model_server.version import ModelVersion

_log = logging.getLogger(__name__)
_DRAIN_SECONDS = 60.0
# The states of tensorflow_serving.apis.get_model_status_pb2.ModelVersionStatus.
LOADING, AVAILABLE, UNLOADING, END = 20, 30, 40, 50


class NotServed(LookupError):
    """No such model or version is served; the message is TensorFlow Serving's."""


class UnknownLabel(LookupError):
    """The model has no such label; the message is TensorFlow Serving's."""


class NotAvailable(RuntimeError):
    """A configuration needs a version that cannot be served; the message is TensorFlow Serving's where it has one."""


@dataclasses.dataclass(frozen=True)
class VersionState:
    """What is known of one version: its state, and why it is not served."""

    state: int
    error: str = ""


class ServedModel:
    """The newest usable version of one model, and the states of all that were seen.

    Args:
        name: the model's name in requests.
        folder: the folder of its versions.
        labels: version by label, such as {"stable": 3}.
        on_change: called after a version became available or was unloaded.
    """

    def __init__(
        self, name: str, folder: Path, labels: dict[str, int], on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.name, self.folder, self.labels = name, folder, dict(labels)
        self._on_change = on_change
        self._versions: dict[int, ModelVersion] = {}
        self._states: dict[int, VersionState] = {}
        self._refused: dict[int, frozenset[tuple[str, int, int]]] = {}  # what versions that cannot be loaded look like
        self._empty_told = False
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()

    @property
    def states(self) -> dict[int, VersionState]:
        """The state of every version that was seen, newest first."""
        with self._lock:
            return dict(sorted(self._states.items(), reverse=True))

    @property
    def ready(self) -> bool:
        """Whether a version is loaded, warmed up and served."""
        with self._lock:
            return bool(self._versions)

    @contextlib.contextmanager
    def lease(self, version: int | None = None, label: str = "") -> Iterator[ModelVersion]:
        """The version to answer with; it stays in memory while the `with` block runs.

        Args:
            version: its number; None for the newest, or the labelled one.
            label: its label, or "".

        Raises:
            NotServed: there is no such version. UnknownLabel: there is no such label.
        """
        with self._lock:
            found = self._find(version, label)
            found.hold()
        try:
            yield found
        finally:
            found.release()

    def refresh(self) -> None:
        """Loads the newest version that can be loaded and the labelled ones, then drains and frees the others.

        A version that cannot be loaded is remembered with its reason and left alone until its folder changes; what was
        served before stays.
        """
        with self._refreshing:
            folders = version_folders(self.folder)
            self._load_newest(folders)
            labelled = set(self.labels.values())
            for number in sorted(labelled & set(folders) - set(self._versions)):
                self._load(folders[number])
            present = set(self._versions) & set(folders) or set(self._versions)
            keep = {max(present)} | labelled if present else set()
            for number in sorted(set(self._versions) - keep):
                self._unload(number)

    def prepare(self, labels: dict[str, int]) -> None:
        """Loads the newest version and those that are to get a label; the labels themselves stay as they are.

        Raises:
            NotAvailable: the model has no version that can be served, or one that is to get a label cannot be.
        """
        with self._refreshing:
            folders = version_folders(self.folder)
            self._load_newest(folders)
            for number in sorted(set(labels.values())):
                if number not in self._versions and not (number in folders and self._load(folders[number])):
                    raise NotAvailable(
                        f"Request to assign label to version {number} of model {self.name}, which is not currently "
                        "available for inference"
                    )
            if not self._versions:
                raise NotAvailable(f"{self.folder} holds no version of model {self.name} that can be served")

    def unload(self) -> None:
        """Drains and frees all versions."""
        with self._refreshing:
            for version in sorted(self._versions):
                self._unload(version)

    def _find(self, version: int | None, label: str) -> ModelVersion:
        if label and label not in self.labels:
            raise UnknownLabel(f"Unrecognized servable version label: {label}")
        number = self.labels[label] if label else version
        if number is None and self._versions:
            number = max(self._versions)
        if number not in self._versions:
            asked = f"Latest({self.name})" if number is None else f"Specific({self.name}, {number})"
            raise NotServed(f"Servable not found for request: {asked}")
        return self._versions[number]

    def _load_newest(self, folders: dict[int, Path]) -> None:
        """Loads the newest version that can be loaded unless it is in memory."""
        if not folders and not self._empty_told:
            self._empty_told = True
            _log.warning("model %s: %s holds no version yet", self.name, self.folder)
        for number in sorted(folders, reverse=True):
            if number in self._versions or self._load(folders[number]):
                return

    def _load(self, folder: Path) -> bool:
        """Loads a version unless it was refused as it lies there; whether it is served now."""
        number, files = int(folder.name), _files(folder)
        if self._refused.get(number) == files:
            return False
        self._set(number, VersionState(LOADING))
        _log.info("model %s: loading version %d", self.name, number)
        try:
            version = ModelVersion(folder)
        except Exception as error:  # noqa: BLE001 - however a version is broken, the others must go on being looked after
            reason = str(error) if isinstance(error, KgpError) else f"{type(error).__name__}: {error}"
            _log.error("model %s: version %d is not served: %s", self.name, number, reason)
            self._refused[number] = files
            self._set(number, VersionState(END, reason))
            return False
        with self._lock:
            self._versions[number] = version
        self._set(number, VersionState(AVAILABLE))
        _log.info("model %s: version %d is served", self.name, number)
        self._on_change()
        return True

    def _unload(self, number: int) -> None:
        with self._lock:
            version = self._versions.pop(number)
        self._set(number, VersionState(UNLOADING))
        if not version.drained(_DRAIN_SECONDS):
            _log.warning("model %s: version %d still has requests after %.0f s", self.name, number, _DRAIN_SECONDS)
        del version
        gc.collect()  # the graph's functions refer to each other
        self._set(number, VersionState(END))
        _log.info("model %s: version %d is unloaded", self.name, number)
        self._on_change()

    def _set(self, number: int, state: VersionState) -> None:
        with self._lock:
            self._states[number] = state


def _files(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Path, time and size of all files below a folder, which tell when one that is being copied there has changed."""
    found = []
    with contextlib.suppress(OSError):  # it may vanish meanwhile
        for path in folder.rglob("*"):
            state = path.stat()
            found.append((str(path), state.st_mtime_ns, state.st_size))
    return frozenset(found)


class ServedModels:
    """All served models by name.

    Args:
        folders: the folder of the versions of each model, by name.
        on_change: see `ServedModel`.
    """

    def __init__(self, folders: dict[str, Path], on_change: Callable[[], None] = lambda: None) -> None:
        self._on_change = on_change
        self._models = {name: ServedModel(name, folder, {}, on_change) for name, folder in folders.items()}
        self._changing = threading.Lock()  # held while folders are looked at, and while the configuration changes
        self._roots = {folder.resolve().parent for folder in folders.values()}

    def get(self, name: str, version: int | None = None, label: str = "") -> ServedModel:
        """The model of that name.

        Args:
            version, label: what is asked for of it, for the message.

        Raises:
            NotServed: there is none. UnknownLabel: there is none, and so no such label.
        """
        model = self._models.get(name)
        if model is None and label:
            raise UnknownLabel(f"Unrecognized servable version label: {label}")
        if model is None:
            asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
            raise NotServed(f"Servable not found for request: {asked}")
        return model

    @property
    def names(self) -> list[str]:
        """Names of the models."""
        return sorted(self._models)

    @property
    def ready(self) -> bool:
        """Whether every model has a version that is loaded and warmed up."""
        return all(model.ready for model in list(self._models.values()))

    def refresh(self) -> None:
        """Looks for new versions of every model."""
        with self._changing:
            for model in self._models.values():
                model.refresh()

    def configure(self, wanted: dict[str, tuple[Path, dict[str, int]]]) -> None:
        """Serves these models instead: folder and version by label of each, by name.

        Raises:
            ValueError: there is none; a folder does not lie beside those served at the start.
            NotAvailable: a model has no version that can be served, or a label names one that cannot be.
                Either way nothing changes.
        """
        if not wanted:
            raise ValueError("the list of models is empty")
        for name, (folder, _) in wanted.items():
            if folder.resolve().parent not in self._roots:
                raise ValueError(
                    f"base_path {folder} of model {name} does not lie beside the folders served at the start"
                )
        with self._changing:
            before, after = self._models, {}
            try:
                for name, (folder, labels) in wanted.items():
                    kept = before.get(name)
                    if kept is None or kept.folder.resolve() != folder.resolve():
                        kept = ServedModel(name, folder, {}, self._on_change)
                    after[name] = kept
                    kept.prepare(labels)
            except NotAvailable:
                _unload_all_but(before, after)
                raise
            for name, (_, labels) in wanted.items():
                after[name].labels = dict(labels)
            self._models = after
            _unload_all_but(after, before)
            for model in after.values():
                model.refresh()
        self._on_change()

    def unload(self) -> None:
        """Drains and frees everything."""
        with self._changing:
            for model in self._models.values():
                model.unload()


def _unload_all_but(kept: dict[str, ServedModel], models: dict[str, ServedModel]) -> None:
    """Frees those models that are not among the kept ones."""
    for model in models.values():
        if model not in kept.values():
            model.unload()
