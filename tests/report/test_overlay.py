import cv2
import numpy as np
import pytest

from kgp.errors import KgpError
from kgp.heatmap.evidence import EvidencePoint
from kgp.report.overlay import (
    PANEL,
    Picture,
    diverging_colours,
    draw_picture,
    encode_png,
    grey_panel,
    map_panel,
    mask_panel,
    merged,
    overlay_sheet,
    shortened,
    stacked,
)


def picture(size=16, **changes):
    image = np.random.default_rng(0).uniform(0, 100, (size, size, 2)).astype(np.float32)
    mask = np.zeros((size, size), bool)
    mask[4:8, 4:8] = True
    values = {"image": image, "channel": 1, "map": image[..., 0] - 50, "mask": mask, "title": "a case"} | changes
    return Picture(**values)


@pytest.mark.parametrize("size", [16, 240, 300])
def test_small_slices_are_enlarged_to_be_readable(size):
    drawn = draw_picture(picture(size))
    assert drawn.dtype == np.uint8 and drawn.shape[2] == 3
    assert drawn.shape[0] >= PANEL and drawn.shape[1] >= 3 * PANEL


def test_colours_run_from_blue_to_red_about_zero():
    red, grey, blue = diverging_colours(np.array([2.0, 0.0, -2.0]), 2.0).astype(int)
    assert red[0] > red[2] + 100 and blue[2] > blue[0] + 100
    assert grey[0] == grey[1] == grey[2]
    np.testing.assert_array_equal(diverging_colours(np.array([0.0]), 0.0), [[235, 235, 235]])


def test_mask_is_filled_and_truth_outlined():
    truth = np.zeros((16, 16), bool)
    truth[10:14, 10:14] = True
    grey = np.zeros((PANEL, PANEL, 3), np.uint8)
    panel = mask_panel(grey, picture(truth=truth)).astype(int)
    scale = PANEL // 16
    assert panel[6 * scale, 6 * scale, 0] > panel[6 * scale, 6 * scale, 2] + 50  # orange inside the mask
    green = (panel[..., 1] > panel[..., 0] + 80) & (panel[..., 1] > panel[..., 2] + 50)
    rows, columns = np.nonzero(green)
    assert rows.min() // scale in (9, 10) and columns.max() // scale in (13, 14)
    assert not green[12 * scale, 12 * scale]


def test_evidence_is_drawn_at_its_position():
    plain = map_panel(grey_panel(picture().image[..., 1]), picture())
    marked = map_panel(grey_panel(picture().image[..., 1]), picture(points=[EvidencePoint(2, 12, 1.0)]))
    rows, columns = np.nonzero((plain != marked).any(axis=2))
    scale = PANEL / 16
    assert rows.mean() == pytest.approx(2.5 * scale, abs=1.5)
    assert columns.mean() == pytest.approx(12.5 * scale, abs=1.5)


def test_close_points_are_drawn_as_one():
    points = [EvidencePoint(10, 10, 3.0), EvidencePoint(30, 30, 2.0), EvidencePoint(11, 10, 1.0)]
    against = EvidencePoint(10, 11, -0.5)
    assert merged([*points, against], 2.0) == [EvidencePoint(10, 10, 4.0), EvidencePoint(30, 30, 2.0), against]
    assert merged(points, 0.5) == points
    assert merged([], 2.0) == []


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_slices_and_maps_can_be_drawn(value):
    flat = np.full((16, 16, 2), value, np.float32)
    assert draw_picture(picture(image=flat, map=flat[..., 0], mask=np.zeros((16, 16), bool))).dtype == np.uint8


def test_sheet_takes_pictures_of_several_widths(tmp_path):
    narrow, wide = np.zeros((10, 20, 3), np.uint8), np.full((5, 30, 3), 9, np.uint8)
    sheet = stacked([narrow, wide])
    assert sheet.shape == (15, 30, 3)
    assert (sheet[:10, 20:] == 255).all()
    overlay_sheet([narrow, wide], tmp_path / "sheet.png")
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "sheet.png")), sheet)
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_png_keeps_the_order_of_colours():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    decoded = cv2.imdecode(np.frombuffer(encode_png(red), np.uint8), cv2.IMREAD_COLOR)
    assert decoded[0, 0].tolist() == [0, 0, 255]  # OpenCV's order is blue, green, red


def test_nothing_to_draw(tmp_path):
    with pytest.raises(KgpError, match="There is no picture to draw"):
        overlay_sheet([], tmp_path / "sheet.png")
    assert not list(tmp_path.iterdir())


def test_colours_of_several_maps_can_mean_the_same():
    values = np.full((8, 8), 1.0, np.float32)
    weak = Picture(np.ones((8, 8, 1)), 0, values, np.zeros((8, 8), bool), limit=10.0)
    strong = Picture(np.ones((8, 8, 1)), 0, values, np.zeros((8, 8), bool))
    grey = grey_panel(np.ones((8, 8)))
    red = [
        int(map_panel(grey, picture)[5, 5, 0]) - int(map_panel(grey, picture)[5, 5, 2]) for picture in (weak, strong)
    ]
    assert 0 < red[0] < red[1] / 5


def test_long_titles_lose_their_middle():
    assert shortened("short", 200) == "short"
    text = f"{'name_' * 50}: tumour (0.93); research use only"
    short = shortened(text, 400)
    assert cv2.getTextSize(short, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0] <= 400
    assert short.startswith("name_") and "..." in short and short.endswith("; research use only")
    assert draw_picture(picture(title=text)).shape == draw_picture(picture()).shape
