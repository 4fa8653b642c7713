import keras_tuner
import pytest

from kgp.errors import UsageError
from kgp.training.presets import load_preset
from tuning.space import SPACE, Choice, Range, check_space, chosen_space, configured, declare, default_of

BASE = load_preset("best", "unet")


def test_words_name_and_narrow_parameters():
    space = chosen_space(["dropout", "learning_rate=1e-4:1e-3", "width=8,16", "class_weights=True"])
    assert space == {
        "dropout": SPACE["dropout"],
        "learning_rate": Range(1e-4, 1e-3, log=True),
        "width": Choice((8, 16)),
        "class_weights": Choice((True,)),
    }


def test_pooling_brings_its_own_parameter():
    assert set(chosen_space(["pooling=max,lse"])) == {"pooling", "lse_r"}
    assert set(chosen_space(["pooling"])) == {"pooling", "lse_r", "topfraction_q"}
    assert chosen_space(["pooling=max,lse", "lse_r=2:3"])["lse_r"] == Range(2.0, 3.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["speed"], "there is no parameter 'speed'; there are dropout, learning_rate"),
        (["dropout=0.5"], "dropout takes dropout=LOW:HIGH, not '0.5'"),
        (["dropout=0.5:0.1"], "dropout takes"),
        (["learning_rate=0:1"], "learning_rate takes"),
        (["width=wide"], "width takes width=8,16,32, not 'wide'"),
        (["class_weights=yes"], "class_weights takes"),
        (["lse_r"], "lse_r needs pooling with the value lse in the search"),
        (["pooling=max", "lse_r"], "lse_r needs pooling"),
    ],
)
def test_bad_words(words, message):
    with pytest.raises(UsageError, match=message):
        chosen_space(words)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("dropout=0:3", "--search dropout: --dropout must be at most 0.999, not 3.0"),
        ("width=0,8", "--search width: --width must be at least 1, not 0"),
        ("pooling=max,median", "--search pooling: --pooling must be one of"),
        ("augmentation=-1:1", "--search augmentation: --rotation must be at least 0"),
    ],
)
def test_values_that_the_training_does_not_take(word, message):
    with pytest.raises(UsageError, match=message):
        check_space(chosen_space([word]), BASE)
    check_space(chosen_space([*SPACE]), BASE)


def test_values_reach_the_configuration():
    config = configured(BASE, {"dropout": 0.4, "learning_rate": 1e-3, "width": 8, "class_weights": False})
    assert (config.network.dropout, config.optimiser.learning_rate) == (0.4, 1e-3)
    assert config.network.width == 8 and config.optimiser.class_weights is False
    assert config.augment == BASE.augment and config.network.pooling_value == BASE.network.pooling_value
    pooled = configured(BASE, {"pooling": "topfraction", "topfraction_q": 0.05}).network
    assert (pooled.pooling, pooled.pooling_value) == ("topfraction", 0.05)
    assert configured(BASE, {"pooling": "max"}).network.pooling_value == 0.0


def test_augmentation_scales_strengths_within_their_limits_and_no_probability():
    doubled = configured(BASE, {"augmentation": 2.0}).augment
    assert doubled.rotation == 360.0 and doubled.scale == pytest.approx(0.3)
    assert doubled.flip_horizontal == BASE.augment.flip_horizontal
    assert configured(BASE, {"augmentation": 0.0}).augment.gain == 0.0
    assert configured(BASE, {"augmentation": 3.0}).augment.rotation == 360.0


def test_the_defaults_are_those_of_the_base():
    hyperparameters = keras_tuner.HyperParameters()
    space = chosen_space(["dropout", "learning_rate", "pooling", "width", "augmentation"])
    values = declare(space, BASE, hyperparameters)
    assert configured(BASE, values).to_dict() == BASE.override(pooling_value=default_of("lse_r", BASE)).to_dict()
    assert "topfraction_q" not in values


def test_the_space_names_options_or_their_own():
    for name in SPACE:
        default_of(name, BASE)
