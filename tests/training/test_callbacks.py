import io

from kgp.config import OptimiserConfig
from kgp.training.callbacks import EpochEnd
from kgp.training.checkpoint import TrainingState


class Terminal(io.StringIO):
    def isatty(self):
        return True


def screen_after_four_batches(monkeypatch, screen):
    monkeypatch.setattr("sys.stderr", screen)
    callback = EpochEnd(None, None, dict, TrainingState(), OptimiserConfig(epochs=2), steps=4)
    callback.on_train_begin()
    for batch in range(4):
        callback._bar.mininterval = 0
        callback.on_train_batch_end(batch)
    callback.on_train_end()
    return screen.getvalue()


def test_a_terminal_sees_the_batches_and_the_time_left(monkeypatch):
    text = screen_after_four_batches(monkeypatch, Terminal())
    assert "batch 0/4" in text and "batch 4/4, 0:00:00 left" in text


def test_without_a_terminal_nothing_is_drawn(monkeypatch):
    assert screen_after_four_batches(monkeypatch, io.StringIO()) == ""
