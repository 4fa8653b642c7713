"""kgp.heatmap.reading: what a reading may be."""

import dataclasses
import json

import pytest

from kgp.errors import UsageError
from kgp.heatmap.reading import HYSTERESIS, IMAGE_LEVEL, NAMED, PAPER, REFINED, RULES, Cleanup, Reading


@pytest.mark.parametrize(
    "reading",
    [
        PAPER,
        HYSTERESIS,
        IMAGE_LEVEL,
        REFINED,
        Reading(rule="fixed", value=0.0),
        Reading(rule="quantile", value=0.1, views=8, cleanup=Cleanup(largest_only=True)),
    ],
)
def test_a_reading_survives_json(reading):
    assert Reading.from_dict(json.loads(json.dumps(reading.to_dict()))) == reading


def test_missing_keys_take_the_defaults():
    assert Reading.from_dict({"rule": "otsu"}) == Reading(rule="otsu")
    assert Reading.from_dict({"cleanup": {"opening": 2}}).cleanup == Cleanup(opening=2)
    older = HYSTERESIS.to_dict()
    del older["refinements"]
    assert Reading.from_dict(older) == HYSTERESIS and HYSTERESIS.refinements == 0


def test_from_dict_leaves_its_argument_alone():
    values = HYSTERESIS.to_dict()
    Reading.from_dict(values)
    assert values == HYSTERESIS.to_dict()


def test_the_named_readings_are_the_papers_and_ours():
    assert (PAPER.map, PAPER.region, PAPER.rule, PAPER.clip_negative, PAPER.views) == (
        "class",
        "picture",
        "multiotsu",
        True,
        1,
    )
    assert (HYSTERESIS.map, HYSTERESIS.region, HYSTERESIS.rule, HYSTERESIS.value) == (
        "margin",
        "head",
        "hysteresis",
        0.15,
    )
    assert list(NAMED) == ["paper", "image_level", "refined"]


def test_a_reading_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        HYSTERESIS.offset = 1.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"map": "logit"}, "A reading's map must be one of class, margin, not 'logit'."),
        ({"views": 4}, "A reading's views must be one of 1, 8, not 4."),
        ({"region": "brain"}, "A reading's region must be one of picture, head, not 'brain'."),
        ({"rule": "li"}, f"A reading's rule must be one of {', '.join(RULES)}, not 'li'."),
        ({"refinements": -1}, "A reading's refinements must be a whole number from 0, not -1."),
        ({"refinements": 1.5}, "A reading's refinements must be a whole number from 0, not 1.5."),
        ({"rule": "fixed"}, "A reading with rule 'fixed' needs a value (the threshold in heatmap units)."),
        ({"rule": "quantile"}, "A reading with rule 'quantile' needs a value between 0 and 1, not None."),
        ({"rule": "quantile", "value": 1.0}, "A reading with rule 'quantile' needs a value between 0 and 1, not 1.0."),
        ({"rule": "hysteresis", "value": 0}, "A reading with rule 'hysteresis' needs a value between 0 and 1, not 0."),
    ],
)
def test_values_that_are_not_allowed(values, message):
    with pytest.raises(UsageError) as caught:
        Reading(**values)
    assert str(caught.value) == message


@pytest.mark.parametrize("values", [{"threshold": 1}, {"cleanup": {"erosion": 1}}])
def test_unknown_keys_are_refused_by_name(values):
    with pytest.raises(UsageError, match="Not a reading: .*(threshold|erosion)"):
        Reading.from_dict(values)
