import pytest

from kgp import serve


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{tmp}/missing"], "missing is not a folder"),
        (["{tmp}/a/kgp", "{tmp}/b/kgp"], "have the same name, kgp"),
        (["{tmp}/a/kgp", "--certificate", "x.pem"], "--certificate and --key go together"),
        (["{tmp}/a/kgp", "--waiting", "0"], "must be above 0"),
        (["{tmp}/a/kgp", "--token-file", "{tmp}/empty"], "empty is empty"),
    ],
)
def test_bad_usage(words, message, tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / name / "kgp").mkdir(parents=True)
    (tmp_path / "empty").write_text("\n")
    assert serve.main([word.format(tmp=tmp_path) for word in words]) == 2
    assert message in capsys.readouterr().err
