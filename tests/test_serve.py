import pytest

from kgp import serve


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{tmp}/missing"], "missing is not a folder"),
        (["{tmp}/a/kgp", "{tmp}/c/kgp"], "have the same name, kgp"),
        (["{tmp}/a/kgp", "--certificate", "x.pem"], "--certificate and --key go together"),
        (["{tmp}/a/kgp", "--waiting", "0"], "must be above 0"),
        (["{tmp}/a/kgp", "--poll-seconds", "nan"], "must be above 0"),
        (["{tmp}/a/kgp", "--message-mb", "4000"], "--message-mb must be at most 2147, which gRPC can count, not 4000"),
        (["{tmp}/a/kgp", "--rest-port", "70000"], "A port is a number from 0 to 65535"),
        (["{tmp}/a/kgp", "--token-file", "{tmp}/accented"], "must be of ASCII letters"),
        ([], "Name either folders of models or --model-config FILE"),
        (["{tmp}/a/kgp", "--model-config", "{tmp}/empty"], "Name either folders of models or --model-config FILE"),
        (["--model-config", "{tmp}/empty"], "empty is no configuration of models"),
        (["{tmp}/a/kgp", "--drain-seconds", "-1"], "--drain-seconds must be 0 or more"),
        (["{tmp}/a/kgp", "--require-sha256", "{tmp}/empty"], "empty has a line that is no SHA-256"),
        (["{tmp}/b/kgp"], "b/kgp is one version; name the folder of the versions"),
        (["{tmp}/a/kgp", "--token-file", "{tmp}/empty"], "empty is empty"),
    ],
)
def test_bad_usage(words, message, tmp_path, capsys):
    for name in ("a", "b", "c"):
        (tmp_path / name / "kgp").mkdir(parents=True)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "accented").write_text("s\xe9cret", encoding="utf-8")
    (tmp_path / "b" / "kgp" / "saved_model.pb").touch()
    assert serve.main([word.format(tmp=tmp_path) for word in words]) == 2
    assert message in capsys.readouterr().err
