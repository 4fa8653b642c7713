from kgp.default_cache import default_cache


def test_the_users_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache().name == "kgp" and default_cache().is_relative_to(tmp_path)


def test_tests_stay_out_of_the_users_own(tmp_path):
    assert "kgp-tests-cache-" in str(default_cache())
