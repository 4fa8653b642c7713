"""Which versions are loaded and kept; a version's only file says whether it can be loaded."""

import shutil

import pytest

from kgp.errors import KgpError
from serving.model_server.store import (
    AVAILABLE,
    END,
    Events,
    NotAvailable,
    NotServed,
    ServedModel,
    ServedModels,
    StillLoading,
    VersionState,
)


class Version:
    """Stands in for `serving.model_server.version.ModelVersion`."""

    def __init__(self, folder):
        self.number = int(folder.name)
        text = (folder / "inside" / "data").read_text()
        if text == "half":
            raise KgpError("data is cut short")
        if text == "odd":
            raise KeyError("strange")

    def hold(self):
        pass

    release = hold

    def call(self):
        pass

    def warm_up(self, run):
        pass

    def wait_until_unused(self, _):
        return True


@pytest.fixture(autouse=True)
def versions(monkeypatch):
    monkeypatch.setattr("serving.model_server.store.ModelVersion", Version)


def write(folder, text="whole"):
    (folder / "inside").mkdir(parents=True, exist_ok=True)
    (folder / "inside" / "data").write_text(text)


def states(model):
    return {number: (state.state, state.error) for number, state in model.states.items()}


@pytest.mark.parametrize(("text", "reason"), [("half", "data is cut short"), ("odd", "KeyError: 'strange'")])
def test_a_version_that_is_broken_in_any_way_leaves_the_old_one(tmp_path, text, reason):
    write(tmp_path / "1")
    model = ServedModel("m", tmp_path, {}, Events())
    model.refresh()
    write(tmp_path / "2", text)
    for _ in range(2):
        model.refresh()
    assert model.states == {2: VersionState(END, reason), 1: VersionState(AVAILABLE)}


def test_a_version_that_is_copied_slowly_is_served_once_it_is_there(tmp_path, caplog):
    write(tmp_path / "1", "half")
    model = ServedModel("m", tmp_path, {}, Events())
    for _ in range(2):
        model.refresh()
    assert caplog.text.count("version 1 is not served") == 1  # it is left alone until something changes
    write(tmp_path / "1")  # which does not change the time of the folder itself
    model.refresh()
    assert states(model) == {1: (AVAILABLE, "")}


def test_a_folder_without_a_version_is_told_once(tmp_path, caplog):
    model = ServedModel("m", tmp_path, {}, Events())
    for _ in range(2):
        model.refresh()
    assert caplog.messages == [f"model m: {tmp_path} holds no version yet"]


def test_a_version_refused_for_a_passing_reason_is_tried_again_after_growing_pauses(tmp_path, monkeypatch):
    now, faults, tries = [0.0], [OSError(5, "Input/output error")] * 3, []

    def warm_up(_):
        tries.append(now[0])
        if faults:
            raise faults.pop()

    monkeypatch.setattr("serving.model_server.store.time.monotonic", lambda: now[0])
    write(tmp_path / "1")
    loads = []
    model = ServedModel("m", tmp_path, {}, Events(warm_up=warm_up, loaded=lambda *load: loads.append(load)))
    while not model.ready:
        model.refresh()
        now[0] += 0.5
    assert tries == [0.0, 1.0, 3.0, 7.0]
    assert loads == [("m", False)] * 3 + [("m", True)]


def test_names_that_are_no_versions_are_passed_over(tmp_path):
    for name in ("1", "9" * 20, "18446744073709551616", "-2", "٣", "v3"):
        write(tmp_path / name)
    model = ServedModel("m", tmp_path, {}, Events())
    model.refresh()
    assert states(model) == {1: (AVAILABLE, "")}


def test_a_version_whose_folder_is_gone_is_forgotten(tmp_path):
    model = ServedModel("m", tmp_path, {}, Events())
    for number in ("1", "2", "3"):
        write(tmp_path / number, "half" if number == "2" else "whole")
        model.refresh()
    assert sorted(states(model)) == [1, 2, 3]
    for number in ("1", "2"):
        shutil.rmtree(tmp_path / number)
    model.refresh()
    assert states(model) == {3: (AVAILABLE, "")}


def test_a_model_that_is_loaded_for_the_first_time_says_so(tmp_path):
    asked = []

    def warm_up(_):
        with pytest.raises(StillLoading, match="model m is being loaded"), model.lease():
            pass
        asked.append(1)

    model = ServedModel("m", tmp_path, {}, Events(warm_up=warm_up))
    with pytest.raises(StillLoading), model.lease():
        pass
    write(tmp_path / "1")
    model.refresh()
    assert asked
    with model.lease() as version:
        assert version.number == 1
    with pytest.raises(NotServed), model.lease(2):
        pass


@pytest.mark.parametrize("fault", [PermissionError(13, "Permission denied"), RuntimeError("odd")])
def test_a_model_whose_folder_fails_does_not_keep_the_others_back(tmp_path, monkeypatch, caplog, fault):
    write(tmp_path / "b" / "1")
    models = ServedModels({"a": (tmp_path / "a", {}), "b": (tmp_path / "b", {})})

    def fail(_):
        raise fault

    monkeypatch.setattr(models.get("a"), "refresh", lambda: fail(None))
    for _ in range(2):
        models.refresh()
    assert models.get("b").ready and not models.ready
    assert caplog.text.count("model a: ") == 1 and str(fault) in caplog.text


@pytest.fixture
def served(tmp_path):
    """The model "m" with version 1 served and labelled, and version 2 broken."""
    write(tmp_path / "m" / "1")
    write(tmp_path / "m" / "2", "half")
    models = ServedModels({"m": (tmp_path / "m", {})})
    models.configure({"m": (tmp_path / "m", {"stable": 1})})
    return models


def test_a_label_of_a_broken_version_changes_nothing(served, tmp_path):
    write(tmp_path / "n" / "1")
    with pytest.raises(NotAvailable, match="Request to assign label to version 2 of model m, which is not currently"):
        served.configure({"n": (tmp_path / "n", {}), "m": (tmp_path / "m", {"stable": 2})})
    assert served.names == ["m"] and served.get("m").labels == {"stable": 1}


def test_a_model_without_a_version_changes_nothing(served, tmp_path):
    write(tmp_path / "n" / "1", "half")
    with pytest.raises(NotAvailable, match="n holds no version of model n that can be served"):
        served.configure({"n": (tmp_path / "n", {})})
    assert served.names == ["m"] and served.ready


def test_labelled_versions_stay_and_others_go(served, tmp_path):
    for number in ("3", "4"):
        write(tmp_path / "m" / number)
        served.refresh()
    after = states(served.get("m"))
    assert {number: state for number, (state, _) in after.items()} == {4: AVAILABLE, 3: END, 2: END, 1: AVAILABLE}
    with served.get("m").lease(label="stable") as version:
        assert version.number == 1
