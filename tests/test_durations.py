import pytest

from kgp.durations import hours_minutes_seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (107.9, "0:01:47"), (3600, "1:00:00"), (100 * 3600 + 61, "100:01:01")]
)
def test_hours_minutes_seconds(seconds, text):
    assert hours_minutes_seconds(seconds) == text
