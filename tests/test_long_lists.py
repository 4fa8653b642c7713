"""Lists of faults end after 20 lines with a count."""

from kgp.long_lists import shortened


def test_a_long_list_ends_with_a_count():
    lines = [str(number) for number in range(163)]
    assert shortened(lines, "warnings") == [*lines[:20], "... and 143 more warnings"]


def test_a_list_of_twenty_is_whole():
    lines = [str(number) for number in range(20)]
    assert shortened(lines, "warnings") == lines
