"""kgp.training.additions: parts of one's own are checked, recorded, and wanted again by a resumed training."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgp
from kgp.data.labels import choose_labels
from kgp.data.split import split_cohort
from kgp.errors import UsageError
from kgp.files import read_json
from kgp.run_folder import build_run_network, read_run
from kgp.training import loop
from kgp.training.additions import RECORD, Additions, checked_additions, name_of
from kgp.training.presets import load_preset

SMALL = {"width": 2, "depth": 1, "batch_size": 4, "equivariance": 0.0}


def lion(batches):
    rate = keras.optimizers.schedules.CosineDecay(1e-2, decay_steps=batches)
    return keras.optimizers.Lion(rate, weight_decay=0.01)


def speckle(image, seed):
    return image * tf.random.stateless_uniform(image.shape, seed, 0.5, 1.5)


def flip_some(image, seed):
    if tf.random.stateless_uniform((), seed) < 0.5:
        return image[:, ::-1]
    return image


class Own(keras.losses.CategoricalCrossentropy):
    pass


class Nothing(keras.callbacks.Callback):
    pass


def fit(cohort, folder, additions, resume=False, **options):
    config = load_preset("demo", "unet").override(**{**SMALL, "epochs": 2, **options})
    labelled = choose_labels(cohort, ())
    return loop.train(config, labelled, split_cohort(labelled), folder, resume, additions=additions)


def arrays(folder):
    return [keras.ops.convert_to_numpy(weight) for weight in build_run_network(read_run(folder)).weights]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Additions(optimiser=lion, augmentation=speckle),
        lambda: Additions(optimiser=keras.optimizers.Adam(1e-2, gradient_accumulation_steps=2)),
        lambda: Additions(optimiser=keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-2))),
        lambda: Additions(loss=Own(from_logits=True), augmentation=flip_some, callbacks=(Nothing(),)),
    ],
)
def test_a_killed_training_goes_on_with_parts_of_ones_own(make, tiny_cohort, tmp_path, killed_in_second_epoch):
    fit(tiny_cohort, tmp_path / "whole", make())
    with killed_in_second_epoch():
        fit(tiny_cohort, tmp_path / "parts", make())
    run = fit(tiny_cohort, tmp_path / "parts", make(), resume=True)
    for one, other in zip(arrays(tmp_path / "whole"), arrays(tmp_path / "parts"), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (tmp_path / "whole" / "history.csv").read_text() == (tmp_path / "parts" / "history.csv").read_text()
    assert {kind: run.manifest[kind] for kind in make().names() if kind != "optimiser"} == {
        kind: name for kind, name in make().names().items() if kind != "optimiser"
    }
    assert not (tmp_path / "parts" / RECORD).exists()


def test_each_part_changes_the_training(tiny_cohort, tmp_path):
    parts = [{}, {"optimiser": lion}, {"augmentation": speckle}, {"augmentation": flip_some}]
    weights = []
    for number, part in enumerate(parts):
        run = fit(tiny_cohort, tmp_path / str(number), Additions(**part), epochs=1)
        weights.append(np.concatenate([array.ravel() for array in arrays(run.folder)]))
    assert len({array.tobytes() for array in weights}) == len(parts)
    assert read_run(tmp_path / "1").manifest["optimiser"] == "Lion"
    assert read_run(tmp_path / "2").manifest["augmentation"] == "speckle"


def test_a_resumed_training_wants_its_parts_again(tiny_cohort, tmp_path, killed_in_second_epoch):
    begun = Additions(loss=Own(from_logits=True), optimiser=lion, augmentation=speckle, callbacks=(Nothing(),))
    folder = tmp_path / "run"
    with killed_in_second_epoch():
        fit(tiny_cohort, folder, begun)
    assert read_json(folder / RECORD) == {
        "loss": "Own",
        "optimiser": "Lion",
        "augmentation": "speckle",
        "callbacks": ["Nothing"],
    }
    for changed, message in (
        ({"loss": None}, r"begun with loss of one's own, Own, .* kgp.train\(resume=..., loss=...\), not with none"),
        ({"optimiser": None}, "begun with optimiser of one's own, Lion, and is resumed with the same only"),
        ({"optimiser": keras.optimizers.SGD()}, "Lion, .* not with SGD"),
        ({"augmentation": flip_some}, "speckle, .* not with flip_some"),
        ({"callbacks": ()}, "begun with callbacks of one's own, Nothing, .* not with none"),
    ):
        given = {"loss": begun.loss, "optimiser": lion, "augmentation": speckle, "callbacks": begun.callbacks}
        with pytest.raises(UsageError, match=message):
            fit(tiny_cohort, folder, Additions(**{**given, **changed}), resume=True)


def test_a_training_without_parts_takes_none_later(tiny_cohort, tmp_path, killed_in_second_epoch):
    with killed_in_second_epoch():
        fit(tiny_cohort, tmp_path / "run", Additions())
    with pytest.raises(
        UsageError, match="was begun without augmentation of one's own, so augmentation cannot be given"
    ):
        fit(tiny_cohort, tmp_path / "run", Additions(augmentation=speckle), resume=True)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"loss": "mse"}, "^loss is a keras.losses.Loss of one-hot labels and logits, not 'mse'.$"),
        ({"loss": Own}, r"not the class Own itself \(write Own\(...\)\).$"),
        ({"loss": 3}, "not 3.$"),
        ({"callbacks": Nothing()}, "^callbacks is a list of keras.callbacks.Callback, not <"),
        ({"callbacks": [Nothing]}, "and the class Nothing itself"),
        ({"callbacks": [print]}, "and <built-in function print> is none.$"),
        ({"optimiser": 0.1}, "^optimiser is the name of one, a keras.optimizers.Optimizer, or a function .* not 0.1.$"),
        ({"optimiser": keras.optimizers.Adam}, "not the class Adam itself"),
        ({"augmentation": 3}, "^augmentation is a function of a slice and a seed, not 3.$"),
        ({"augmentation": [speckle]}, "not .<function speckle"),
        ({"augmentation": keras.layers.RandomFlip}, "not the class RandomFlip itself"),
    ],
)
def test_what_is_no_such_part_is_refused(parts, message):
    with pytest.raises(UsageError, match=message):
        checked_additions(**parts)
    with pytest.raises(UsageError, match=message):
        kgp.train(**parts)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lambda batches: "adam", "<lambda> makes 'adam', not a keras.optimizers.Optimizer"),
        (lambda: keras.optimizers.Adam(use_ema=True), "Adam has use_ema=True"),
        (lambda: used(keras.optimizers.Adam()), "Adam has trained another network already; give a new one"),
    ],
)
def test_optimisers_that_cannot_be_used(make, message, tiny_cohort, tmp_path):
    with pytest.raises(UsageError, match=message):
        fit(tiny_cohort, tmp_path / "run", Additions(optimiser=make()))
    assert not (tmp_path / "run").exists() and keras.config.dtype_policy().name == "float32"


def used(optimiser):
    optimiser.build([keras.Variable(1.0)])
    return optimiser


@pytest.mark.parametrize("part", [{"loss": Own()}, {"optimiser": lion}])
def test_one_device_only(part, tiny_cohort, tmp_path):
    with pytest.raises(
        UsageError, match=r"^(A loss|An optimiser) of one's own goes with the strategy single, not mirr"
    ):
        fit(tiny_cohort, tmp_path / "run", Additions(**part), strategy="mirrored", devices=1)


@pytest.mark.parametrize("name", ["learning_rate", "schedule", "weight_decay", "clip_value", "accumulation"])
def test_options_that_an_optimiser_of_ones_own_brings(name):
    with pytest.raises(UsageError, match=f"brings its own {name}, so {name} cannot be given beside it"):
        kgp.train(optimiser=lion, **{name: 1})


def test_an_optimiser_by_name_is_the_configurations(tmp_path):
    with pytest.raises(UsageError, match="--optimiser must be one of adam_l2, adamw, not 'lion'"):
        kgp.train(optimiser="lion", out=tmp_path / "run")


def test_names():
    assert name_of(functools.partial(speckle)) == "speckle"
    assert name_of(Nothing()) == "Nothing"
    assert Additions().names() == {}
