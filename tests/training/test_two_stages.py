"""kgp.training.two_stages: both stages, interruptions, and what is refused."""

import dataclasses
import logging

import keras
import numpy as np
import pytest

from kgp import train
from kgp.data.labels import choose_labels
from kgp.data.split import split_cohort
from kgp.errors import UsageError
from kgp.run_folder import build_run_network, read_config, read_run
from kgp.training import two_stages
from kgp.training.additions import NO_ADDITIONS, Additions
from kgp.training.presets import load_preset
from kgp.training.two_stages import check_two_stages, first_stage, second_stage, train_two_stages

CONFIG = load_preset("demo", "unet").override(
    width=2, depth=1, epochs=1, batch_size=4, stages=2, stage1_size=8, stage2_epochs=2
)


def trained(cohort, folder, config=CONFIG, resume=False):
    labelled = choose_labels(cohort, ())
    source = {"cache": str(folder.parent / "cache"), "data": None, "csv": None, "kind": None}
    return train_two_stages(config, labelled, split_cohort(labelled), folder, resume, source, False, NO_ADDITIONS)


@pytest.fixture(scope="module")
def whole(tiny_cohort, tmp_path_factory):
    return trained(tiny_cohort, tmp_path_factory.mktemp("two-stages") / "run")


def test_the_first_stage_is_a_run_on_small_slices_and_the_second_goes_on_from_it(whole, tiny_cohort):
    first = read_run(whole.folder / "stage-1")
    assert (first.shape, whole.shape) == ((8, 8, 2), tiny_cohort.shape)
    assert (first.config.optimiser.stages, whole.config) == (1, CONFIG)
    assert (first.manifest["epochs_trained"], whole.manifest["epochs_trained"]) == (1, 2)
    assert (first.folder / "split.csv").read_text() == (whole.folder / "split.csv").read_text()
    assert "logit_scale" not in {layer.name for layer in build_run_network(first).layers}
    scale, offset = build_run_network(whole).get_layer("logit_scale").get_weights()
    assert scale != 1.0 and offset.all()
    assert not (whole.folder / "pseudo-masks").exists()


def test_a_training_killed_in_either_stage_goes_on_to_the_same_weights(
    whole, tiny_cohort, tmp_path, monkeypatch, killed_in_second_epoch
):
    def killed(*arguments, **options):
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(two_stages, "write_pseudo_masks", killed)
        trained(tiny_cohort, folder)
    stage1 = (folder / "stage-1" / "manifest.json").read_text()
    with killed_in_second_epoch():
        trained(tiny_cohort, folder, resume=True)
    assert (folder / "pseudo-masks" / "pseudo_masks.csv").is_file()
    run = trained(tiny_cohort, folder, read_config(folder), resume=True)
    assert (folder / "stage-1" / "manifest.json").read_text() == stage1
    for one, other in zip(build_run_network(whole).weights, build_run_network(run).weights, strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(one), keras.ops.convert_to_numpy(other))


def test_sizes_and_rates_of_the_stages():
    config = load_preset("best", "unet").override(learning_rate=0.002)
    assert [first_stage(config, side).data.size for side in (240, 96, 64)] == [96, 96, 64]
    assert first_stage(config.override(stage1_size=48), 240).data.size == 48
    second = second_stage(config.override(stage2_epochs=7)).optimiser
    assert (second.epochs, second.learning_rate, second.equivariance) == (7, 0.001, 0.0)


@pytest.mark.parametrize(
    ("config", "no_tumour", "additions", "message"),
    [
        (CONFIG, None, NO_ADDITIONS, 'needs a class that means "no tumour"'),
        (CONFIG.override(strategy="multiworker"), 0, NO_ADDITIONS, "trains on one host"),
        (
            CONFIG,
            0,
            Additions(loss=keras.losses.CategoricalCrossentropy()),
            "takes no loss of one's own; take --stages 1",
        ),
    ],
)
def test_what_two_stages_cannot_do_is_refused(tiny_cohort, config, no_tumour, additions, message):
    labelled = dataclasses.replace(choose_labels(tiny_cohort, ()), no_tumour_class=no_tumour)
    with pytest.raises(UsageError, match=message):
        check_two_stages(config, labelled, additions)
    check_two_stages(CONFIG, choose_labels(tiny_cohort, ()), Additions(callbacks=(keras.callbacks.Callback(),)))


def test_both_stages_are_announced(tiny_cohort, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        trained(tiny_cohort, tmp_path / "run", CONFIG.override(stage2_epochs=1))
    announced = [record.getMessage() for record in caplog.records if "Stage" in record.getMessage()]
    assert announced == ["Stage 1 of 2, at 8x8.", "Stage 2 of 2, at 16x16."]


def test_the_time_of_both_stages_is_estimated(tiny_cohort, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = [
        "--preset",
        "demo",
        "--width",
        "2",
        "--depth",
        "1",
        "--batch-size",
        "4",
        "--stages",
        "2",
    ]
    command += [
        "--stage1-size",
        "8",
        "--epochs",
        "3",
        "--data",
        str(tiny_cohort.folder),
        "--cache",
        "prepared",
        "--dry-run",
    ]
    assert train.main(command) == 0
    out = capsys.readouterr().out
    assert "(3 epochs of 3 batches at 8x8, " in out and "; then 12 epochs of 3 batches at 16x16, " in out
    assert [path.name for path in tmp_path.iterdir()] == ["prepared"]
