"""Which versions are loaded and kept; a version's only file says whether it can be loaded."""

import pytest

from kgp.errors import KgpError
from serving.model_server.store import AVAILABLE, END, NotAvailable, ServedModel, ServedModels, VersionState


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
    model = ServedModel("m", tmp_path, {})
    model.refresh()
    write(tmp_path / "2", text)
    for _ in range(2):
        model.refresh()
    assert model.states == {2: VersionState(END, reason), 1: VersionState(AVAILABLE)}


def test_a_version_that_is_copied_slowly_is_served_once_it_is_there(tmp_path, caplog):
    write(tmp_path / "1", "half")
    model = ServedModel("m", tmp_path, {})
    for _ in range(2):
        model.refresh()
    assert caplog.text.count("version 1 is not served") == 1  # it is left alone until something changes
    write(tmp_path / "1")  # which does not change the time of the folder itself
    model.refresh()
    assert states(model) == {1: (AVAILABLE, "")}


def test_a_folder_without_a_version_is_told_once(tmp_path, caplog):
    model = ServedModel("m", tmp_path, {})
    for _ in range(2):
        model.refresh()
    assert caplog.messages == [f"model m: {tmp_path} holds no version yet"]


@pytest.fixture
def served(tmp_path):
    """The model "m" with version 1 served and labelled, and version 2 broken."""
    write(tmp_path / "m" / "1")
    write(tmp_path / "m" / "2", "half")
    models = ServedModels({"m": tmp_path / "m"})
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
