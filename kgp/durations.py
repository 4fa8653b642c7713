"""Durations as people read them."""


def hours_minutes_seconds(seconds: float) -> str:
    """A duration as H:MM:SS, such as 0:01:47; fractions of a second are dropped."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
