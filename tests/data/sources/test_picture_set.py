"""kgp.data.sources.picture_set: contrasts of a set of pictures."""

import numpy as np
import pytest

from kgp.data.sources.picture_set import LOOKED_AT, count_contrasts, spread

COLOUR = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
GREY = COLOUR[..., :1]
COPY = np.dstack([GREY] * 3)
FOUR = np.arange(64, dtype=np.uint8).reshape(4, 4, 4)
READ_AS_ONE = "pictures looked at are grey but stored in colour (three equal channels); they are read as one contrast."


@pytest.mark.parametrize(
    ("pictures", "channels", "told"),
    [
        ([COLOUR], 3, ""),
        ([GREY, GREY], 1, ""),
        ([FOUR, FOUR, FOUR], 4, ""),
        ([COPY], 1, f"1 of the 1 {READ_AS_ONE}"),
        ([GREY, COPY, GREY], 1, f"1 of the 3 {READ_AS_ONE}"),
        ([COPY] * 30 + [COLOUR], 1, f"30 of the 31 {READ_AS_ONE}"),  # a grey set with a coloured mark in one slice
        ([COPY, COPY, COLOUR], 3, ""),  # one contrast stands for those that are missing
        ([COPY] * 8 + [COLOUR], 3, ""),
        ([COPY, GREY, GREY, GREY, COLOUR], 1, f"1 of the 5 {READ_AS_ONE}"),
        ([FOUR, COPY], 4, ""),
    ],
    ids=range(10),
)
def test_contrasts_of_a_set(pictures, channels, told):
    assert count_contrasts(pictures) == (channels, told)


def test_three_contrasts_that_the_user_names_are_kept_and_told():
    channels, told = count_contrasts([COPY, COPY], named=3)
    assert channels == 3 and told.endswith("so that the three contrasts named are one and the same.")
    assert count_contrasts([COPY, COPY], named=1)[0] == 1


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 1000])
def test_pictures_from_all_over_the_set(count):
    chosen = [int(name) for name in spread([str(number) for number in range(count)])]
    assert len(set(chosen)) == min(count, LOOKED_AT) and chosen == sorted(chosen)
    assert not count or (chosen[0] == 0 and chosen[-1] >= count - count / 30 - 1)
