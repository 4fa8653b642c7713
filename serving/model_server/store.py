"""Served models: the newest version of each, replaced without a gap by a newer one."""

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
    """A configuration needs a version that cannot be served; the message is TensorFlow Serving's
    where it has one."""


@dataclasses.dataclass(frozen=True)
class VersionState:
    """One of the states above, and why the version is not served, or ""."""

    state: int
    error: str = ""


class ServedModel:
    """The newest usable version of one model, and the states of all that were seen.

    Args:
        name: the model's name in requests.
        folder: the folder of its versions.
        labels: version by label, such as {"stable": 3}.
        on_change: called whenever a version becomes available or is unloaded.
    """

    def __init__(
        self, name: str, folder: Path, labels: dict[str, int], on_change: Callable[[], None] = lambda: None
    ) -> None:
        self.name, self.folder, self.labels = name, folder, dict(labels)
        self._on_change = on_change
        self._versions: dict[int, ModelVersion] = {}
        self._states: dict[int, VersionState] = {}
        self._unusable: dict[int, frozenset[tuple[str, int, int]]] = {}  # files of failed versions
        self._warned_empty = False
        self._lock = threading.Lock()  # held to read and change the fields above
        self._refreshing = threading.Lock()  # held while versions are loaded and unloaded

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
    def lease(self, number: int | None = None, label: str = "") -> Iterator[ModelVersion]:
        """The version to answer with; it stays in memory while the `with` block runs.

        Args:
            number: the version; None for the newest, or the labelled one.
            label: its label, or "".

        Raises:
            NotServed: there is no such version. UnknownLabel: there is no such label.
        """
        with self._lock:
            version = self._look_up(number, label)
            version.hold()
        try:
            yield version
        finally:
            version.release()

    def refresh(self) -> None:
        """Loads the newest usable version and the labelled ones, then unloads the others.

        A version that cannot be loaded is not tried again until its folder changes; the versions
        served before stay.
        """
        with self._refreshing:
            folders = version_folders(self.folder)
            self._load_newest(folders)
            labelled = set(self.labels.values())
            for number in sorted(labelled & set(folders) - set(self._versions)):
                self._load(folders[number])
            # Versions whose folder was removed go, unless nothing else is left to serve.
            present = set(self._versions) & set(folders) or set(self._versions)
            keep = {max(present)} | labelled if present else set()
            for number in sorted(set(self._versions) - keep):
                self._unload(number)

    def prepare(self, labels: dict[str, int]) -> None:
        """Loads the newest version and those that `labels` names; `self.labels` stays as it is.

        Raises:
            NotAvailable: the model has no version that can be served, or a version in `labels`
                cannot be.
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
        """Unloads all versions."""
        with self._refreshing:
            for number in sorted(self._versions):
                self._unload(number)

    def _look_up(self, number: int | None, label: str) -> ModelVersion:
        if label and label not in self.labels:
            raise UnknownLabel(f"Unrecognized servable version label: {label}")
        if label:
            number = self.labels[label]
        if number is None and self._versions:
            number = max(self._versions)
        if number not in self._versions:
            asked = f"Latest({self.name})" if number is None else f"Specific({self.name}, {number})"
            raise NotServed(f"Servable not found for request: {asked}")
        return self._versions[number]

    def _load_newest(self, folders: dict[int, Path]) -> None:
        """Loads the newest version that can be loaded, unless it is in memory already."""
        if not folders and not self._warned_empty:
            self._warned_empty = True
            _log.warning("model %s: %s holds no version yet", self.name, self.folder)
        for number in sorted(folders, reverse=True):
            if number in self._versions or self._load(folders[number]):
                return

    def _load(self, folder: Path) -> bool:
        """Loads a version unless these files failed before; returns whether it is served now."""
        number, files = int(folder.name), _file_states(folder)
        if self._unusable.get(number) == files:
            return False
        self._set_state(number, VersionState(LOADING))
        _log.info("model %s: loading version %d", self.name, number)
        try:
            version = ModelVersion(folder)
        except Exception as error:  # noqa: BLE001 - however a version is broken, the server goes on
            reason = str(error) if isinstance(error, KgpError) else f"{type(error).__name__}: {error}"
            _log.error("model %s: version %d is not served: %s", self.name, number, reason)
            self._unusable[number] = files
            self._set_state(number, VersionState(END, reason))
            return False
        with self._lock:
            self._versions[number] = version
        self._set_state(number, VersionState(AVAILABLE))
        _log.info("model %s: version %d is served", self.name, number)
        self._on_change()
        return True

    def _unload(self, number: int) -> None:
        """Waits for the requests that use a version, and frees it."""
        with self._lock:
            version = self._versions.pop(number)
        self._set_state(number, VersionState(UNLOADING))
        if not version.wait_until_unused(_DRAIN_SECONDS):
            _log.warning("model %s: version %d still has requests after %.0f s", self.name, number, _DRAIN_SECONDS)
        del version
        gc.collect()  # the graph's functions refer to each other
        self._set_state(number, VersionState(END))
        _log.info("model %s: version %d is unloaded", self.name, number)
        self._on_change()

    def _set_state(self, number: int, state: VersionState) -> None:
        with self._lock:
            self._states[number] = state


def _file_states(folder: Path) -> frozenset[tuple[str, int, int]]:
    """Path, time and size of all below a folder, which change while a version is copied there."""
    states = []
    with contextlib.suppress(OSError):  # it may vanish meanwhile
        for path in folder.rglob("*"):
            status = path.stat()
            states.append((str(path), status.st_mtime_ns, status.st_size))
    return frozenset(states)


class ServedModels:
    """All served models by name.

    Args:
        folders: the folder of the versions of each model, by name.
        on_change: see `ServedModel`.
    """

    def __init__(self, folders: dict[str, Path], on_change: Callable[[], None] = lambda: None) -> None:
        self._on_change = on_change
        self._models = {name: ServedModel(name, folder, {}, on_change) for name, folder in folders.items()}
        self._changing = threading.Lock()  # held while models are refreshed or configured
        self._parents = {folder.resolve().parent for folder in folders.values()}

    def get(self, name: str, number: int | None = None, label: str = "") -> ServedModel:
        """The model of that name.

        Args:
            name: the model's name.
            number, label: the version that is asked for, for the message.

        Raises:
            NotServed: there is no such model. UnknownLabel: likewise, where a label is asked for.
        """
        model = self._models.get(name)
        if model is None and label:
            raise UnknownLabel(f"Unrecognized servable version label: {label}")
        if model is None:
            asked = f"Latest({name})" if number is None else f"Specific({name}, {number})"
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

    def configure(self, configuration: dict[str, tuple[Path, dict[str, int]]]) -> None:
        """Serves other models. Where this raises, nothing changes.

        Args:
            configuration: the folder of each model, and its version by label; by the model's name.

        Raises:
            ValueError: there is no model, or a folder does not lie beside those served at the
                start.
            NotAvailable: a model has no version that can be served, or a label names a version that
                cannot be.
        """
        if not configuration:
            raise ValueError("the list of models is empty")
        for name, (folder, _) in configuration.items():
            if folder.resolve().parent not in self._parents:
                raise ValueError(
                    f"base_path {folder} of model {name} does not lie beside the folders served at the start"
                )
        with self._changing:
            before, after = self._models, {}
            try:
                for name, (folder, labels) in configuration.items():
                    model = before.get(name)
                    if model is None or model.folder.resolve() != folder.resolve():
                        model = ServedModel(name, folder, {}, self._on_change)
                    after[name] = model
                    model.prepare(labels)
            except NotAvailable:
                _unload_all_but(before, after)
                raise
            for name, (_, labels) in configuration.items():
                after[name].labels = dict(labels)
            self._models = after
            _unload_all_but(after, before)
            for model in after.values():
                model.refresh()
        self._on_change()

    def unload(self) -> None:
        """Unloads all models."""
        with self._changing:
            for model in self._models.values():
                model.unload()


def _unload_all_but(kept: dict[str, ServedModel], models: dict[str, ServedModel]) -> None:
    """Unloads those of `models` that are not in `kept`."""
    for model in models.values():
        if model not in kept.values():
            model.unload()
