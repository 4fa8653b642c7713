import hashlib

import pytest

from kgp.errors import KgpError, UsageError
from serving.model_server.trusted_versions import check_trusted, read_trusted


def test_only_a_listed_manifest_is_trusted(tmp_path):
    sums = [hashlib.sha256(text).hexdigest() for text in (b"one", b"two")]
    (tmp_path / "sums").write_text(f"{sums[0]}  models/kgp/1/manifest.json\n{sums[1]} *manifest.json\n")
    trusted = read_trusted(tmp_path / "sums")
    assert trusted == set(sums)
    (tmp_path / "manifest.json").write_bytes(b"two")
    check_trusted(tmp_path, trusted)
    (tmp_path / "manifest.json").write_bytes(b"three")
    with pytest.raises(KgpError, match=r"manifest\.json is not among the SHA-256"):
        check_trusted(tmp_path, trusted)
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(KgpError, match="is not among"):
        check_trusted(tmp_path, trusted)


@pytest.mark.parametrize("text", ["", "abc", f"{'0' * 63}g"])
def test_a_file_without_sums_is_refused(tmp_path, text):
    (tmp_path / "sums").write_text(text)
    with pytest.raises(UsageError, match="no SHA-256"):
        read_trusted(tmp_path / "sums")
    with pytest.raises(UsageError, match="cannot be read"):
        read_trusted(tmp_path / "missing")
