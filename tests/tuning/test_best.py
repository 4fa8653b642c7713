import pytest

from kgp.errors import KgpError
from kgp.files import write_json
from tuning.best import take_best


def test_no_search_and_no_complete_trial(tmp_path):
    with pytest.raises(KgpError, match="holds no search: it has no search.json"):
        take_best(tmp_path, tmp_path / "run")
    write_json(tmp_path / "search.json", {"objective": "val_macro_f1"})
    with pytest.raises(KgpError, match="has no complete trial"):
        take_best(tmp_path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
