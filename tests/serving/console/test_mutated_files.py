"""200 files changed at random: each study is refused in one sentence, or read as it was."""

import shutil

import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.scans.dicom.study import read_study
from serving.console.study import run_study

COUNT = 200
PIXEL_BYTES = {False: 2 * 20 * 14, True: 2 * 20 * 14 * 6}  # at the end of a file, by whether it is enhanced
RUN_EACH = 8  # of those that can be read; the others are read only


def mutated(content, rng, at):
    """The file with a bit turned, bytes replaced, removed, added or zeroed, or cut off."""
    data, count = bytearray(content), int(rng.integers(1, 9))
    kind = int(rng.integers(6))
    if kind == 0:
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        data[at : at + count] = rng.bytes(count)
    elif kind == 2:
        del data[at : at + count]
    elif kind == 3:
        data[at:at] = rng.bytes(count)
    elif kind == 4:
        data[at : at + 64] = bytes(len(data[at : at + 64]))
    else:
        del data[at:]
    return bytes(data)


@pytest.fixture(scope="module")
def studies(phantom_study, tmp_path_factory):
    """The study as single slices and as enhanced objects."""
    folder = tmp_path_factory.mktemp("studies")
    return {enhanced: phantom_study().write(folder / str(enhanced), enhanced) for enhanced in (False, True)}


def test_mutated_files(studies, console, tmp_path, capfd, caplog):
    loaded = console()
    truth = {enhanced: read(folder, loaded) for enhanced, folder in studies.items()}
    counts = {"refused": 0, "as it was": 0, "other pixels": 0, "run": 0}
    sentences = []
    for seed in range(COUNT):
        rng = np.random.default_rng(seed)
        enhanced = bool(rng.random() < 0.3)
        study = tmp_path / "study"
        shutil.rmtree(study, ignore_errors=True)
        shutil.copytree(studies[enhanced], study)
        files = sorted(path for path in study.rglob("IM*"))
        path = files[int(rng.integers(len(files)))]
        content = path.read_bytes()
        end = len(content) - (PIXEL_BYTES[enhanced] if rng.random() < 0.85 else 0)
        at = int(rng.integers(end))
        path.write_bytes(mutated(content, rng, at))
        try:
            found = read(study, loaded)
        except KgpError as error:
            counts["refused"] += 1
            sentences.append(str(error))
            continue
        np.testing.assert_allclose(found.volume.affine, truth[enhanced].volume.affine, atol=1e-3)
        changed = found.volume.data != truth[enhanced].volume.data
        counts["other pixels" if changed.any() else "as it was"] += 1
        # Bytes of pixels carry no sum to check, so that there the file is believed; a slice is
        # never lost or moved.
        assert not changed.any() or at >= len(content) - PIXEL_BYTES[enhanced] - 64, seed
        assert enhanced or changed.any(axis=(0, 1)).sum() <= 1
        if (counts["as it was"] + counts["other pixels"]) % RUN_EACH == 0:
            counts["run"] += ran(study, loaded, tmp_path / f"out{seed}")
    assert counts["refused"] > COUNT / 2 and counts["as it was"] > 10 and counts["run"] > 2, counts
    told = " ".join([*capfd.readouterr(), caplog.text, *sentences])
    assert "Secret" not in told and "PHANTOM-7" not in told


def read(folder, loaded):
    return read_study([folder], loaded.runtime.description.contrasts, loaded.rules, loaded.reference)


def ran(study, loaded, out):
    """Whether the whole way went well; it may end in a sentence only."""
    try:
        run_study(study, loaded, out)
    except KgpError:
        assert not out.exists()
        return False
    return True
