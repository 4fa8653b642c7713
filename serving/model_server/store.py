"""Served models: the newest version of each, replaced without a gap by a newer one."""

import contextlib
import dataclasses
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from kgp.errors import KgpError
from kgp.runtime.artifact import version_folders
from serving.model_server.model_configuration import Configuration
from serving.model_server.version import ModelVersion

_log = logging.getLogger(__name__)
_DRAIN_SECONDS = 60.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0  # seconds until a version that failed is tried again
# The states of tensorflow_serving.apis.get_model_status_pb2.ModelVersionStatus.
LOADING, AVAILABLE, UNLOADING, END = 20, 30, 40, 50


class NotServed(LookupError):
    """No such model or version is served; the message is TensorFlow Serving's."""


class UnknownLabel(LookupError):
    """The model has no such label; the message is TensorFlow Serving's."""


class StillLoading(RuntimeError):
    """The model is being loaded for the first time."""


class NotAvailable(RuntimeError):
    """A configuration needs a version that cannot be served; the message is TensorFlow Serving's
    where it has one."""


@dataclasses.dataclass(frozen=True)
class VersionState:
    """One of the states above, and why the version is not served, or ""."""

    state: int
    error: str = ""


@dataclasses.dataclass(frozen=True)
class _Failure:
    """A version that could not be loaded.

    Attributes:
        files: path, time and size of its files; it is tried again at once where they change.
        pause: seconds between the try and the next one, as the reason may pass.
        next_try: on the clock of `time.monotonic`.
    """

    files: frozenset[tuple[str, int, int]]
    pause: float
    next_try: float


@dataclasses.dataclass(frozen=True)
class Events:
    """What a server does when the models change.

    Attributes:
        changed: called whenever a version becomes available or is unloaded.
        loaded: called with a model's name and whether it succeeded, after each try to load a
            version.
        admit: called with the folder of a version before anything in it is run; raises what keeps
            it from being loaded.
        warm_up: sends the warm-up requests of a version through the network before it is served;
            raises what keeps it from being served.
    """

    changed: Callable[[], None] = lambda: None
    loaded: Callable[[str, bool], None] = lambda model, succeeded: None
    admit: Callable[[Path], None] = lambda folder: None
    warm_up: Callable[[ModelVersion], None] = lambda version: version.warm_up(version.call)


class ServedModel:
    """The newest usable version of one model, and the states of all whose folders are there.

    One thread at a time changes it; any number may lease its versions meanwhile.

    Args:
        name: the model's name in requests.
        folder: the folder of its versions.
        labels: version by label, such as {"stable": 3}.
        events: what is called when it changes.
    """

    def __init__(self, name: str, folder: Path, labels: dict[str, int], events: Events) -> None:
        self.name, self.folder, self.labels = name, folder, dict(labels)
        self._events = events
        self._versions: dict[int, ModelVersion] = {}
        self._states: dict[int, VersionState] = {}
        self._failures: dict[int, _Failure] = {}
        self._searched = False
        self._lock = threading.Lock()  # held to read and change the fields above

    @property
    def states(self) -> dict[int, VersionState]:
        """The state of every version, newest first."""
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
            NotServed: there is no such version. UnknownLabel: there is no such label. StillLoading:
                the first version is being loaded.
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

        A version that cannot be loaded is tried again when its files change, and else after growing
        pauses; the versions served before stay.

        Raises:
            OSError: the folder cannot be read.
        """
        folders = version_folders(self.folder)
        self._forget_all_but(set(folders))
        self._load_newest(folders)
        labelled = set(self.labels.values())
        for number in sorted(labelled & set(folders) - set(self._versions)):
            self._load(folders[number])
        # Versions whose folder was removed go, unless nothing else is left to serve.
        present = set(self._versions) & set(folders) or set(self._versions)
        keep = {max(present)} | labelled if present else set()
        for number in sorted(set(self._versions) - keep):
            self._unload(number, _DRAIN_SECONDS)
        self._searched = True

    def prepare(self, labels: dict[str, int]) -> None:
        """Loads the newest version and those that `labels` names; `self.labels` stays as it is.

        Raises:
            NotAvailable: the model has no version that can be served, or a version in `labels`
                cannot be.
        """
        try:
            folders = version_folders(self.folder)
        except OSError as error:
            raise NotAvailable(f"{self.folder} of model {self.name} cannot be read: {error.strerror}") from None
        self._load_newest(folders)
        for number in sorted(set(labels.values())):
            if number not in self._versions and not (number in folders and self._load(folders[number])):
                raise NotAvailable(
                    f"Request to assign label to version {number} of model {self.name}, which is not currently "
                    "available for inference"
                )
        if not self._versions:
            raise NotAvailable(f"{self.folder} holds no version of model {self.name} that can be served")

    def unload(self, drain_seconds: float = _DRAIN_SECONDS) -> None:
        """Unloads all versions; requests have so many seconds to end."""
        for number in sorted(self._versions):
            self._unload(number, drain_seconds)

    def _look_up(self, number: int | None, label: str) -> ModelVersion:
        loading = any(state.state == LOADING for state in self._states.values())
        if not self._versions and (loading or not self._searched):
            raise StillLoading(f"model {self.name} is being loaded")
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

    def _forget_all_but(self, numbers: set[int]) -> None:
        """Forgets the states of versions that are neither in their folder nor in memory."""
        with self._lock:
            for number in set(self._states) - numbers - set(self._versions):
                del self._states[number]
                self._failures.pop(number, None)

    def _load_newest(self, folders: dict[int, Path]) -> None:
        """Loads the newest version that can be loaded, unless it is in memory already."""
        if not folders and not self._searched:
            _log.warning("model %s: %s holds no version yet", self.name, self.folder)
        for number in sorted(folders, reverse=True):
            if number in self._versions or self._load(folders[number]):
                return

    def _load(self, folder: Path) -> bool:
        """Loads a version unless it failed lately; returns whether it is served now."""
        number, files = int(folder.name), _file_states(folder)
        failure = self._failures.get(number)
        if failure and failure.files == files and time.monotonic() < failure.next_try:
            return False
        before = self._states.get(number)
        self._set_state(number, VersionState(LOADING))
        if failure is None:
            _log.info("model %s: loading version %d", self.name, number)
        try:
            self._events.admit(folder)
            version = ModelVersion(folder)
            self._events.warm_up(version)
        except Exception as error:  # noqa: BLE001 - however a version is broken, the server goes on
            reason = str(error) if isinstance(error, KgpError) else f"{type(error).__name__}: {error}"
            if before is None or before.error != reason:
                _log.error("model %s: version %d is not served: %s", self.name, number, reason)
            same = failure is not None and failure.files == files
            pause = min(2 * failure.pause, _LONGEST_PAUSE) if failure and same else _FIRST_PAUSE
            self._failures[number] = _Failure(files, pause, time.monotonic() + pause)
            self._set_state(number, VersionState(END, reason))
            self._events.loaded(self.name, False)
            return False
        self._failures.pop(number, None)
        with self._lock:
            self._versions[number] = version
        self._set_state(number, VersionState(AVAILABLE))
        _log.info("model %s: version %d is served", self.name, number)
        self._events.loaded(self.name, True)
        self._events.changed()
        return True

    def _unload(self, number: int, drain_seconds: float) -> None:
        """Waits for the requests that use a version, and frees it."""
        with self._lock:
            version = self._versions.pop(number)
        self._set_state(number, VersionState(UNLOADING))
        if not version.wait_until_unused(drain_seconds):
            _log.warning("model %s: version %d still has requests after %.0f s", self.name, number, drain_seconds)
        del version
        gc.collect()  # the graph's functions refer to each other
        self._set_state(number, VersionState(END))
        _log.info("model %s: version %d is unloaded", self.name, number)
        self._events.changed()

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
    """All served models by name. One thread at a time changes them.

    Args:
        configuration: the folder of each model, and its version by label; by the model's name.
        events: see `Events`.
    """

    def __init__(self, configuration: Configuration, events: Events | None = None) -> None:
        self._events = events or Events()
        self._models = {
            name: ServedModel(name, folder, labels, self._events) for name, (folder, labels) in configuration.items()
        }
        self._parents = {folder.resolve().parent for folder, _ in configuration.values()}
        self._faults: dict[str, str] = {}  # what was said already, by model

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
        """Looks for new versions of every model; a model that fails does not keep the others back."""
        for name, model in self._models.items():
            try:
                model.refresh()
                self._faults.pop(name, None)
            except Exception as error:  # noqa: BLE001 - whatever it is, the versions served before stay
                fault = f"{type(error).__name__}: {error}"
                if self._faults.get(name) != fault:
                    _log.error("model %s: %s cannot be searched for versions: %s", name, model.folder, fault)
                self._faults[name] = fault

    def configure(self, configuration: Configuration) -> None:
        """Serves other models. Where this raises, nothing changes.

        Args:
            configuration: as at the start.

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
        before, after = self._models, {}
        try:
            for name, (folder, labels) in configuration.items():
                model = before.get(name)
                if model is None or model.folder.resolve() != folder.resolve():
                    model = ServedModel(name, folder, {}, self._events)
                after[name] = model
                model.prepare(labels)
        except NotAvailable:
            _unload_all_but(before, after)
            raise
        for name, (_, labels) in configuration.items():
            after[name].labels = dict(labels)
        self._models = after
        _unload_all_but(after, before)
        self.refresh()
        self._events.changed()

    def unload(self, drain_seconds: float) -> None:
        """Unloads all models; requests have so many seconds to end."""
        for model in self._models.values():
            model.unload(drain_seconds)


def _unload_all_but(kept: dict[str, ServedModel], models: dict[str, ServedModel]) -> None:
    """Unloads those of `models` that are not in `kept`."""
    for model in models.values():
        if model not in kept.values():
            model.unload()
