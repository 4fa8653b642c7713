"""kgp.scans.dicom.privacy: nothing of the DICOM libraries is heard while they may quote headers."""

import logging
import warnings

import pytest

from kgp.scans.dicom.privacy import quiet_libraries


@pytest.mark.parametrize("library", ["pydicom", "pynetdicom", "highdicom"])
def test_the_libraries_are_silent_inside_the_block_only(library, caplog, recwarn):
    logger = logging.getLogger(library)
    level = logger.level
    with pytest.raises(KeyError), quiet_libraries():
        logger.critical("Secret")
        logging.getLogger(f"{library}.part").critical("Secret")
        warnings.warn("Secret", stacklevel=1)
        raise KeyError
    assert "Secret" not in caplog.text and not recwarn.list
    assert logger.level == level
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard again", stacklevel=1)
