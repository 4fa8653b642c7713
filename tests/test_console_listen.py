"""The options of kgp console listen; its work is tested in tests/serving/listen/."""

import pytest

from kgp import console


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--aet", "SEVENTEEN-LETTERS"], "--aet: 'SEVENTEEN-LETTERS' is no AE title"),
        (["--allow", "MR1", "A\\B"], "--allow: 'A\\\\B' is no AE title"),
        (["--forward", "ARCHIVE"], "--forward expects AET@host:port"),
        (["--port", "70000"], "--port takes 0 to 65535, not 70000"),
        (["--quiet", "-1"], "--quiet must be 0 or more"),
        (["--quiet", "nan"], "--quiet must be 0 or more"),
        (["--object-mb", "0"], "--object-mb 1 or more"),
        (["--waiting-studies", "0"], "--waiting-studies must be 1 or more, not 0"),
    ],
)
def test_bad_usage(words, message, tmp_path, capsys):
    assert console.main(["listen", "--model", "model.tflite", "--out", str(tmp_path / "console"), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "console").exists()


def test_a_model_that_is_missing_is_told_before_anything_is_made(tmp_path, capsys):
    words = ["--model", str(tmp_path / "model.tflite"), "--out", str(tmp_path / "console"), "--port", "0"]
    assert console.main(["listen", *words]) == 1
    assert "model.tflite" in capsys.readouterr().err
    assert not (tmp_path / "console").exists()
