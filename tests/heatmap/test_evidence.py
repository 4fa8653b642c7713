import numpy as np
import pytest

from kgp.heatmap.evidence import contributions, evidence_of_map

ORDERS = ("pool_then_project", "project_then_pool")


def evidence_points(features, weights, bias, class_index, **options):
    """The evidence of one class."""
    maps, constants = contributions(features, weights, bias, **options)
    return evidence_of_map(maps[..., class_index], constants[class_index])


def pooled(values: np.ndarray, pooling: str, value: float) -> np.ndarray:
    """The pooling of [N, F] over N, written out independently."""
    if pooling == "max":
        return values.max(axis=0)
    if pooling == "average":
        return values.mean(axis=0)
    if pooling == "lse":
        return np.log(np.mean(np.exp(value * values), axis=0)) / value
    return np.sort(values, axis=0)[-max(1, round(value * len(values))) :].mean(axis=0)


@pytest.fixture
def head() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return (
        generator.normal(size=(9, 7, 5)).astype(np.float32),
        generator.normal(size=(5, 3)).astype(np.float32),
        generator.normal(size=3).astype(np.float32),
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("pooling", "given", "used"),
    [
        ("max", 0.0, 0.0),
        ("average", 0.0, 0.0),
        ("lse", 0.0, 4.0),
        ("lse", 1.5, 1.5),
        ("topfraction", 0.0, 0.02),
        ("topfraction", 0.3, 0.3),
        ("topfraction", 1.0, 1.0),
    ],
)
def test_contributions_and_constant_sum_to_the_logit(head, order, pooling, given, used):
    features, weights, bias = head
    flat = features.reshape(-1, 5).astype(np.float64)
    if order == "pool_then_project":
        logits = pooled(flat, pooling, used) @ weights + bias
    else:
        logits = pooled(flat @ weights + bias, pooling, used)
    for index in range(3):
        evidence = evidence_points(
            features, weights, bias, index, head_order=order, pooling=pooling, pooling_value=given
        )
        assert evidence.contributions.sum() + evidence.constant == pytest.approx(logits[index], abs=1e-5)
        assert evidence.logit == pytest.approx(logits[index], abs=1e-5)
        assert (np.diff(np.abs(evidence.contributions)) <= 0).all()
        positions = set(zip(evidence.rows, evidence.columns, strict=True))
        assert len(positions) == len(evidence.rows)


def test_max_pooled_features_by_hand():
    features = np.zeros((3, 4, 3))
    features[0, 1] = [2.0, 0.0, 5.0]
    features[2, 3] = [0.0, 3.0, 0.0]
    evidence = evidence_points(
        features, np.array([[1.0], [-4.0], [0.5]]), np.array([0.25]), 0, head_order="pool_then_project", pooling="max"
    )
    np.testing.assert_array_equal(evidence.rows, [2, 0])
    np.testing.assert_array_equal(evidence.columns, [3, 1])
    np.testing.assert_array_equal(evidence.contributions, [-12.0, 4.5])
    assert evidence.constant == 0.25 and evidence.logit == -7.25
    (point,) = evidence.top(1)
    assert (point.row, point.column, point.contribution) == (2, 3, -12.0)
    assert len(evidence.top(10)) == 2


def test_peak_of_the_heatmap_is_the_one_point_of_project_then_pool(head):
    features, weights, bias = head
    evidence = evidence_points(features, weights, bias, 1, head_order="project_then_pool", pooling="max")
    heatmap = (features @ weights + bias)[..., 1]
    assert len(evidence.rows) == 1
    assert heatmap[evidence.rows[0], evidence.columns[0]] == heatmap.max() == pytest.approx(evidence.logit, abs=1e-5)


def test_top_fraction_takes_so_many_positions(head):
    features, weights, bias = head
    evidence = evidence_points(
        features, weights, bias, 0, head_order="project_then_pool", pooling="topfraction", pooling_value=0.1
    )
    assert len(evidence.rows) == round(0.1 * 63)


def test_flat_map_has_no_rest_and_large_values_do_not_overflow():
    weights, bias = np.ones((2, 1)), np.array([0.5])
    flat = evidence_points(np.full((4, 4, 2), 3.0), weights, bias, 0, head_order="pool_then_project", pooling="lse")
    assert flat.constant == pytest.approx(0.5) and flat.logit == pytest.approx(6.5)
    peaked = np.zeros((4, 4, 2))
    peaked[1, 2] = 1000.0
    large = evidence_points(peaked, weights, bias, 0, head_order="project_then_pool", pooling="lse")
    assert large.logit == pytest.approx(2000.5 - np.log(16) / 4.0)


def test_one_pixel():
    evidence = evidence_points(
        np.full((1, 1, 1), 2.0), np.full((1, 1), 3.0), np.zeros(1), 0, head_order="pool_then_project", pooling="max"
    )
    assert evidence.logit == 6.0 and evidence.constant == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.zeros((4, 4))}, r"\[H, W, F\] are expected, not \(4, 4\)"),
        ({"weights": np.zeros((3, 2))}, "expected for 2 features"),
        ({"bias": np.zeros(3)}, "expected for 2 features"),
        ({"head_order": "other"}, "not 'other'"),
        ({"pooling": "median"}, "max, average, lse, topfraction, not 'median'"),
        ({"features": np.full((4, 4, 2), np.nan)}, "not finite"),
    ],
)
def test_wrong_arguments_raise(change, message):
    arguments = {
        "features": np.zeros((4, 4, 2)),
        "weights": np.zeros((2, 2)),
        "bias": np.zeros(2),
        "head_order": "pool_then_project",
        "pooling": "max",
        **change,
    }
    with pytest.raises(ValueError, match=message):
        contributions(**arguments)
