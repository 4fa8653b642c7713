"""DCMTK's programs as the real sender of studies and the real receiver of results."""

import json
import os
import shutil
import socket
import subprocess

import pydicom
import pytest

from serving.listen.inbox import uid_name


def programs_of_dcmtk():
    """Paths of DCMTK's programs by name; pynetdicom installs others under the same names."""
    programs = {}
    for name in ("echoscu", "storescu", "storescp"):
        for folder in os.get_exec_path():
            path = shutil.which(name, path=folder)
            if (
                path
                and "dcmtk" in subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
            ):
                programs.setdefault(name, path)
    return programs


DCMTK = programs_of_dcmtk()
pytestmark = pytest.mark.skipif(len(DCMTK) < 3, reason="DCMTK (echoscu, storescu, storescp) is not installed")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "console"


def run(folder, study="1.2.3"):
    path = folder / "ledger" / f"{uid_name(study)}.json"
    return json.loads(path.read_text())["runs"][-1] if path.exists() else {"state": "", "sent": {}}


def dcmtk(program, port, *words):
    command = [
        DCMTK[program],
        "-v",
        "-aet",
        "SCANNER",
        "-aec",
        "KGP",
        *map(str, words[:-1]),
        "127.0.0.1",
        str(port),
        *words[-1],
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def files(image, tmp_path):
    """Twenty images of two studies, as files."""
    paths = []
    for number in range(1, 11):
        for study in ("1.2.3", "1.2.4"):
            paths.append(tmp_path / "sent" / f"{study}-{number}.dcm")
            paths[-1].parent.mkdir(exist_ok=True)
            image(study, number).save_as(paths[-1], enforce_file_format=True)
    return [str(path) for path in paths]


def test_echo_and_store(service, files, folder, wait_until):
    port = service().port
    assert dcmtk("echoscu", port, []).returncode == 0
    sent = dcmtk("storescu", port, files)
    assert sent.returncode == 0, sent.stderr
    wait_until(lambda: run(folder)["state"] == run(folder, "1.2.4")["state"] == "done")
    for study in ("1.2.3", "1.2.4"):
        assert run(folder, study)["objects"] == 10
    kept = {pydicom.dcmread(path).SOPInstanceUID: pydicom.dcmread(path) for path in folder.glob("inbox/*/*.dcm")}
    for path in files:
        original = pydicom.dcmread(path)
        assert kept[original.SOPInstanceUID] == original


@pytest.mark.parametrize("option", ["-xi", "-xe"])  # implicit and explicit little endian
def test_other_transfer_syntaxes(service, files, folder, wait_until, option):
    sent = dcmtk("storescu", service().port, option, files[:1])
    assert sent.returncode == 0, sent.stderr
    wait_until(lambda: run(folder)["state"] == "done")
    (path,) = folder.glob("inbox/*/*.dcm")
    assert (pydicom.dcmread(path).pixel_array == 1).all()


def test_titles(service):
    port = service(allow=("MR1",)).port
    assert "Calling AE Title Not Recognized" in dcmtk("echoscu", port, []).stderr
    assert dcmtk("echoscu", port, "-aet", "MR1", []).returncode == 0
    assert "Called AE Title Not Recognized" in dcmtk("echoscu", port, "-aet", "MR1", "-aec", "X", []).stderr


def test_results_reach_storescp(service, send, image, folder, wait_until, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "archive").mkdir()
    send(service(forward=port).port, image())
    wait_until(lambda: run(folder)["state"] == "done")
    assert run(folder)["sent"] == {}  # nobody listens yet
    command = [DCMTK["storescp"], "-aet", "ARCHIVE", "-od", str(tmp_path / "archive"), str(port)]
    with subprocess.Popen(command) as archive:
        try:
            wait_until(lambda: run(folder)["sent"] == {"report.dcm": "accepted"})
        finally:
            archive.kill()
    (received,) = (tmp_path / "archive").iterdir()
    (made,) = folder.glob("results/*/1/dicom/report.dcm")
    assert pydicom.dcmread(received) == pydicom.dcmread(made)
