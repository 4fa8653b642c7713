"""kgp.config and the presets: every value checked, every name known."""

import dataclasses
import json

import pytest

from kgp.architectures import ARCHITECTURES
from kgp.config import RunConfig
from kgp.errors import UsageError
from kgp.training.presets import NAMES, load_preset

SECTIONS = ("network", "augment", "data", "optimiser")


FIELDS = [field for section in SECTIONS for field in dataclasses.fields(getattr(RunConfig(preset=""), section))]
each_field = pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_presets_survive_json(name, arch):
    config = load_preset(name, arch)
    assert (config.preset, config.network.arch) == (name, arch)
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_field_names_are_unique_over_all_sections():
    names = [field.name for field in FIELDS]
    assert len(names) == len(set(names))


@each_field
def test_every_field_has_a_help_text_and_an_allowed_default(field):
    assert field.metadata["help"]
    assert RunConfig(preset="").override(**{field.name: field.default}) == RunConfig(preset="")


@each_field
def test_every_field_refuses_another_type(field):
    with pytest.raises(UsageError, match=f"^--{field.name.replace('_', '-')} must be "):
        RunConfig(preset="").override(**{field.name: {"no": "value"}})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"arch": "vnet"}, f"--arch must be one of {', '.join(ARCHITECTURES)}, not 'vnet'."),
        ({"dropout": 1.0}, "--dropout must be at most 0.999, not 1.0."),
        ({"dropout": True}, "--dropout must be a number, not True."),
        ({"dropout": float("nan")}, "--dropout must be at least 0.0, not nan."),
        ({"epochs": 0}, "--epochs must be at least 1, not 0."),
        ({"epochs": 1.5}, "--epochs must be a whole number, not 1.5."),
        ({"class_weights": 1}, "--class-weights must be True or False, not 1."),
        ({"labels": "0"}, "--labels must be a list of words, not '0'."),
        ({"labels": (0,)}, "--labels must be a list of words, not (0,)."),
        ({"depths": 3}, "Unknown option 'depths' in the configuration."),
    ],
)
def test_override_checks(values, message):
    with pytest.raises(UsageError) as caught:
        RunConfig(preset="").override(**values)
    assert str(caught.value) == message


def test_override_reaches_every_section_and_leaves_the_original():
    config = RunConfig(preset="x")
    changed = config.override(width=8, rotation=10.0, size=32, epochs=2)
    assert (changed.network.width, changed.augment.rotation) == (8, 10.0)
    assert (changed.data.size, changed.optimiser.epochs) == (32, 2)
    assert config == RunConfig(preset="x")


def test_an_integer_is_accepted_where_a_float_is_meant():
    assert RunConfig(preset="").override(learning_rate=1).optimiser.learning_rate == 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": {}}, "Unknown section 'model' in the configuration; known are preset, network, augment, data, "),
        ({"network": {"filters": 3}}, "Unknown option 'filters' in the configuration; known are arch, width, "),
        ({"network": {"width": 0}}, "--width must be at least 1, not 0."),
    ],
)
def test_from_dict_refuses_what_it_does_not_know(values, message):
    with pytest.raises(UsageError) as caught:
        RunConfig.from_dict(values)
    assert str(caught.value).startswith(message)


def test_from_dict_fills_in_defaults():
    assert RunConfig.from_dict({"preset": "p", "network": {"width": 3}}) == RunConfig(preset="p").override(width=3)
