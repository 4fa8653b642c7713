import dataclasses
import re

import jinja2
import numpy as np
import pytest
from markupsafe import escape

from kgp.evaluation.judge import judge
from kgp.heatmap.reading import HYSTERESIS, IMAGE_LEVEL, REFINED, named_readings
from kgp.report.html import ShownSlice, describe_reading, write_page, write_report
from kgp.runtime.runtime import Runtime

HOSTILE = """<script>alert("1' onload='2")</script>{{ title }}"""


@pytest.fixture
def judged(tiny_cohort, bright_runtime):
    """Makes the metrics of the tiny cohort, with or without masks."""

    def make(masks=True):
        runtime: Runtime = bright_runtime()
        rows = tiny_cohort.rows if masks else [dataclasses.replace(row, mask="") for row in tiny_cohort.rows]
        return judge(runtime, tiny_cohort, rows, [row.label for row in rows], runtime.description.readings, "zero")

    return make


def page_of(path, judgement, title="A run", facts=None, history=(), shown=()):
    dices = {}
    if judgement.metrics["segmentation"] is not None:
        dices = {
            name: [judged.segmentations[name].delivered.dice for judged in judgement.slices]
            for name in ("zero", "multiotsu")
        }
    write_report(path, title, facts or {}, judgement.metrics, history, dices, shown)
    return path.read_text(encoding="utf-8")


def test_report_is_one_self_contained_page(judged, tmp_path):
    history = [{"epoch": 1, "loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.5, "val_macro_f1": 0.4}]
    picture = np.zeros((20, 60, 3), np.uint8)
    page = page_of(tmp_path / "report.html", judged(), history=history, shown=[ShownSlice("highest Dice", picture)])
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert not re.search(r"<script|<link|<iframe|@import", page)
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)"', page))
    assert all(target.startswith(("#", "data:")) for target in re.findall(r'href="([^"]*)"', page))
    # Confusion matrices of slices and of patients, reliability, curves, Dice, training.
    assert page.count("<svg") == 6 and page.count("<img") == 1
    # A table that is wider than a phone scrolls in its own box.
    assert page.count('<div class="scroll"><table') == page.count("<table") == 6


def test_report_says_what_it_has_to(judged, tmp_path):
    page = page_of(tmp_path / "report.html", judged(), facts={"data": "tiny", "seed": "0"})
    for words in (
        "Research use only",
        "20 slices of 10 patients",
        "bootstrap over patients",
        "zero, as delivered",
        "zero, whatever was predicted",
        "No mask was used to set it.",
        "Its offset was set on masks of validation patients.",
        "Oracle offset (not a result)",
        "Otsu on FLAIR inside the head",
        "HD95 (pixels)",
        "share below 0.1: 0.000; without a mask: 0.000. The map itself: average precision in the head 1.000",
        "peak in the tumour 1.000.",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("reading", "chosen"),
    [
        (HYSTERESIS, True),
        (dataclasses.replace(HYSTERESIS, views=8), True),
        (dataclasses.replace(HYSTERESIS, value=0.3), False),
        (IMAGE_LEVEL, True),
        (dataclasses.replace(REFINED, views=8), True),
        (named_readings(trained_pixels=True)["refined"], True),
        (dataclasses.replace(REFINED, refinements=1), False),
    ],
)
def test_the_rule_of_a_named_reading_was_chosen_on_masks_too(judged, tmp_path, reading, chosen):
    judgement = judged()
    judgement.metrics["segmentation"]["zero"]["reading"] = reading.to_dict()
    page = page_of(tmp_path / "report.html", judgement)
    assert ("chosen once, on validation masks of LGG" in page, "No mask was used to set it." in page) == (
        chosen,
        not chosen,
    )


def test_without_masks_the_report_says_so(judged, tmp_path):
    page = page_of(tmp_path / "report.html", judged(masks=False))
    assert "The data have no masks, so no mask was judged." in page
    assert "Dice" not in page and "Oracle" not in page


def test_names_are_escaped(judged, tmp_path):
    judgement = judged()
    metrics = judgement.metrics
    metrics["classification"]["classes"][HOSTILE] = metrics["classification"]["classes"]["tumour"]
    metrics["segmentation"][HOSTILE] = metrics["segmentation"]["zero"]
    metrics["class_names"] = [HOSTILE, "b"]
    metrics["classification"]["curves"][HOSTILE] = metrics["classification"]["curves"]["tumour"]
    hostile = ShownSlice(HOSTILE, np.zeros((9, 9, 3), np.uint8))
    page = page_of(tmp_path / "report.html", judgement, title=HOSTILE, facts={HOSTILE: HOSTILE}, shown=[hostile])
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 5
    assert re.findall(r"<img alt=\"([^\"]*)\" src=\"data:[^\"]*\">", page) == [str(escape(HOSTILE))]


def test_a_page_with_a_value_missing_is_not_written(tmp_path):
    with pytest.raises(jinja2.UndefinedError, match="'facts' is undefined"):
        write_page(tmp_path / "report.html", "run_report.html.jinja", title="A run", headline=[], rivals=None)
    assert not list(tmp_path.iterdir())


def test_readings_in_words(bright_runtime):
    zero, otsu = (bright_runtime().description.readings[name].to_dict() for name in ("zero", "multiotsu"))
    assert describe_reading(zero) == "margin map, 1 view(s), threshold in the picture, rule zero"
    assert describe_reading(otsu).endswith("rule multiotsu, offset 0")
