"""What tests of killed trainings share."""

import contextlib

import pytest

from kgp.training import callbacks


class Killed(BaseException):
    """Stands for a kill: nothing after it runs."""


@pytest.fixture
def killed_in_second_epoch(monkeypatch):
    """A context in which a training is killed when its second epoch begins."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise Killed

    @contextlib.contextmanager
    def killed():
        with monkeypatch.context() as patch:
            patch.setattr(callbacks.EpochEnd, "on_epoch_begin", on_epoch_begin)
            with pytest.raises(Killed):
                yield

    return killed
