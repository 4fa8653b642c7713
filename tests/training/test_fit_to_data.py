"""kgp.training.fit_to_data: preset best where no class means "no tumour", through every way into a training."""

import dataclasses
import json

import pytest

import kgp
from kgp import prepare, train
from kgp.errors import KgpError
from kgp.files import read_json
from kgp.info import installation
from kgp.run_folder import read_config, read_run
from kgp.training import folds, preview
from kgp.training.fit_to_data import fit_to_data
from kgp.training.presets import load_preset, where_every_class_is_a_tumour
from tuning import search
from tuning.learning_rate import find_learning_rate
from tuning.space import chosen_space

ARCHITECTURES = ("unet", "shuffleunet", "reconresnet")
SMALL = {"width": 2, "depth": 2, "epochs": 2, "batch_size": 4, "size": 16}
WORDS = [word for name, value in SMALL.items() for word in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture
def data(tiny_cohort):
    """Options of a data set whose two classes are tumours."""
    return ["--data", str(tiny_cohort.folder), "--no-tumour", "none"]


@pytest.fixture
def source(tiny_cohort):
    return {"data": str(tiny_cohort.folder), "csv": None, "cache": None, "kind": None}


def tumours_only(**options):
    """What preset best becomes where every class is a tumour."""
    options = {**where_every_class_is_a_tumour("best", "unet"), **SMALL, "no_tumour": "none", **options}
    return load_preset("best", "unet").override(**options)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_where_a_class_means_no_tumour_the_preset_stays(arch, caplog):
    caplog.set_level("INFO")
    config = load_preset("best", arch)
    assert config.left_to_data == tuple(where_every_class_is_a_tumour("best", arch)) != ()
    fitted = fit_to_data(config, has_no_tumour=True)
    assert (fitted, fitted.left_to_data, caplog.text) == (config, (), "")


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("preset", ["paper", "demo"])
def test_the_other_presets_leave_nothing_to_the_data(preset, arch):
    config = load_preset(preset, arch)
    assert fit_to_data(config, has_no_tumour=False) == config and config.left_to_data == ()


def test_what_is_taken_is_said(caplog):
    caplog.set_level("INFO")
    fitted = fit_to_data(load_preset("best", "unet"), has_no_tumour=False)
    assert (fitted.network.pooling, fitted.augment.rotation, fitted.optimiser.equivariance) == (
        "topfraction",
        15.0,
        0.0,
    )
    assert fitted == load_preset("best", "unet").override(**where_every_class_is_a_tumour("best", "unet"))
    assert caplog.messages == [
        "Every class is a tumour, so preset best takes --size 64 (not 128), --epochs 48 (not 36), "
        "--pooling topfraction (not lse), "
        "--pooling-value 0.1 (not 0), --rotation 15 (not 180), "
        "--equivariance 0 (not 0.3), --batch-statistics plain (not moving); what is given as an option stays."
    ]
    assert fit_to_data(fitted, has_no_tumour=False) is not None and len(caplog.messages) == 1


@pytest.mark.parametrize("name", where_every_class_is_a_tumour("best", "unet"))
def test_an_option_that_is_given_stays_also_where_it_has_the_presets_value(name, caplog):
    caplog.set_level("INFO")
    preset = load_preset("best", "unet")
    before = next(
        getattr(s, name) for s in (preset.data, preset.network, preset.augment, preset.optimiser) if hasattr(s, name)
    )
    fitted = fit_to_data(preset.override(**{name: before}), has_no_tumour=False)
    others = where_every_class_is_a_tumour("best", "unet")
    stays = {"pooling", "pooling_value"} if name in ("pooling", "pooling_value") else {name}
    assert fitted == preset.override(**{other: value for other, value in others.items() if other not in stays})
    assert f"--{name.replace('_', '-')} " not in caplog.text


def test_with_all_of_them_given_nothing_is_said(caplog):
    caplog.set_level("INFO")
    given = load_preset("best", "unet").override(**where_every_class_is_a_tumour("best", "unet"))
    assert fit_to_data(given, has_no_tumour=False) == given and caplog.messages == []


def test_what_is_left_to_the_data_is_in_no_file():
    config = load_preset("best", "unet")
    assert "left_to_data" not in config.to_dict()
    assert type(config).from_dict(config.to_dict()).left_to_data == ()


def test_a_training_and_its_resumption(data, tmp_path, killed_in_second_epoch, caplog, monkeypatch):
    caplog.set_level("INFO")
    monkeypatch.setattr("kgp.training.job.no_tumour_sentence", lambda labelled: "")
    run, words = tmp_path / "run", [*WORDS, *data, "--rotation", "180"]
    with killed_in_second_epoch():
        train.main([*words, "--out", str(run)])
    expected = tumours_only(rotation=180.0)
    assert read_config(run) == expected
    assert (
        caplog.text.count(
            "Every class is a tumour, so preset best takes --pooling topfraction (not lse), --pooling-value 0.1 (not 0), --equi"
        )
        == 1
    )
    assert train.main(["--resume", str(run)]) == 0
    assert read_run(run).config == expected and caplog.text.count("Every class is a tumour") == 1


def test_a_training_from_python_and_a_configuration_that_is_taken_as_it_is(source, monkeypatch, tmp_path):
    class Begun(Exception):
        pass

    def begin(config, *arguments, **options):
        begun.append(config)
        raise Begun

    begun = []
    monkeypatch.setattr("kgp.training.job.train", begin)
    config = load_preset("best", "unet").override(size=16, no_tumour="none", stages=1)
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    for given in (config, tmp_path / "config.json"):
        with pytest.raises(Begun):
            kgp.train(data=source["data"], config=given, out=tmp_path / "run")
    assert begun == [config, config]
    options = {**SMALL, "no_tumour": "none", "equivariance": 0.3}
    with pytest.raises(Begun):
        kgp.train(data=source["data"], out=tmp_path / "run", **options)
    assert begun[-1] == tumours_only(equivariance=0.3)


def test_folds(data, tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    trained = []

    def train_run(config, *arguments, **options):
        trained.append(config)
        raise KgpError("enough")

    monkeypatch.setattr(folds, "train_run", train_run)
    assert train.main([*WORDS, *data, "--folds", "3", "--fold", "all", "--out", str(tmp_path / "run")]) == 1
    assert train.main(["--resume", str(tmp_path / "run")]) == 1
    expected = tumours_only(folds=3)
    assert folds.read_folds(tmp_path / "run").config == expected and trained == [expected, expected]
    assert caplog.text.count("Every class is a tumour") == 1


def test_a_dry_run(data, capsys):
    assert train.main([*WORDS, *data, "--folds", "3", "--fold", "all", "--dry-run"]) == 0
    shown = capsys.readouterr().out.partition("\nSlices")[0]
    expected = tumours_only(folds=3)
    assert json.loads(shown) == json.loads(json.dumps(expected.to_dict()))


def test_a_search_and_the_range_of_learning_rates(source, tmp_path, monkeypatch):
    def stop(*arguments):
        seen.append(arguments)
        raise KgpError("enough")

    seen = []
    config = load_preset("best", "unet").override(**SMALL, no_tumour="none")
    asked = search.Search(tmp_path / "s", config, source, chosen_space(["dropout"]), "random", "val_macro_f1", 1)
    monkeypatch.setattr(search, "build_oracle", stop)
    with pytest.raises(KgpError, match="enough"):
        search.run_search(asked)
    assert read_json(tmp_path / "s" / "search.json")["config"] == json.loads(json.dumps(tumours_only().to_dict()))
    monkeypatch.setattr("tuning.learning_rate.build_network", stop)
    with pytest.raises(KgpError, match="enough"):
        find_learning_rate(config, source)
    assert seen[-1][0].override(schedule="cosine", epochs=2) == tumours_only()


@pytest.mark.parametrize("tumours", [False, True])
def test_a_preview(write_cohort, tmp_path, tumours, monkeypatch):
    drawn = []
    cohort = write_cohort(tmp_path / "cohort", patients=3)
    if tumours:
        table = (tmp_path / "cohort" / "cohort.csv").read_text()
        (tmp_path / "cohort" / "cohort.csv").write_text(table.replace("no_tumour", "meningioma"))
    monkeypatch.setattr(preview, "write_preview", lambda cohort, path, config: drawn.append(config))
    assert prepare.main([str(cohort.folder), "--preview", str(tmp_path / "a.png"), "--cache", str(tmp_path / "c")]) == 0
    others = where_every_class_is_a_tumour("best", "unet") if tumours else {}
    assert drawn == [load_preset("best", "unet").override(**others)]


def test_help_and_info_show_both(capsys):
    assert train.main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "(default: paper max, best lse (topfraction where every class is a tumour), demo topfraction)" in text
    shown = installation()["presets"]
    assert shown["paper"]["every_class_a_tumour"] == dict.fromkeys(ARCHITECTURES, {})
    for arch in ARCHITECTURES:
        assert shown["best"]["every_class_a_tumour"][arch] == where_every_class_is_a_tumour("best", arch)
        assert dataclasses.asdict(load_preset("best", arch))["network"]["pooling"] == "lse" or arch == "shuffleunet"
