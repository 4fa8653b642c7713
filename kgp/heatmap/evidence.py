"""Evidence: the logit of a class split exactly into contributions of single positions.

Let F be the pooled feature map [N positions, F channels], w the weights and b the bias of the
class, h = F w + b the heatmap. Each pooling of a column v of N values is written as shares p
(non-negative, summing to 1) and a rest that belongs to no position:

    pooled(v) = sum_i p_i v_i + rest

    max           p is 1 at the (first) largest value                      rest 0
    average       p = 1 / N                                                rest 0
    topfraction   p = 1 / n at the n = max(1, round(q N)) largest values   rest 0
    lse           p = softmax(r v)                             rest (entropy(p) - log N) / r

as log-sum-exp, (1 / r) log mean exp(r v), is not linear in v; its rest is never positive, and 0 for
a flat map.

`pool_then_project` pools every feature channel by itself, so position i contributes sum_k w_k p_ik
F_ik and the constant is b + sum_k w_k rest_k. `project_then_pool` pools the heatmap, so position i
contributes p_i (F_i w) and the constant is b + rest.
"""

import dataclasses

import numpy as np

from kgp.pooling_defaults import DEFAULT_POOLING_VALUES, POOLINGS


@dataclasses.dataclass(frozen=True)
class EvidencePoint:
    """One position and what it adds to the logit."""

    row: int
    column: int
    contribution: float


@dataclasses.dataclass(frozen=True)
class Evidence:
    """The logit of one class: `contributions.sum() + constant == logit`, to rounding in 64 bits.

    Attributes:
        rows, columns: positions on the feature map, int [M]; each position stands once.
        contributions: what each adds to the logit, float64 [M], by falling absolute value.
        constant: bias, and the part of a log-sum-exp that belongs to no position.
        logit: the logit.
    """

    rows: np.ndarray
    columns: np.ndarray
    contributions: np.ndarray
    constant: float
    logit: float

    def top(self, count: int) -> list[EvidencePoint]:
        """The `count` positions with the largest absolute contribution."""
        selected = zip(self.rows[:count], self.columns[:count], self.contributions[:count], strict=True)
        return [EvidencePoint(int(row), int(column), float(value)) for row, column, value in selected]


def contributions(
    features: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    *,
    head_order: str,
    pooling: str,
    pooling_value: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Splits the logits of one slice into contributions of single positions.

    Args:
        features: the feature map that the head pools, [H, W, F].
        weights: weights of the head's 1x1 convolution, [F, K].
        bias: its bias, [K].
        head_order: "pool_then_project" (the paper) or "project_then_pool".
        pooling: "max", "average", "lse" or "topfraction".
        pooling_value: r of lse, q of topfraction; 0 for the defaults 4 and 0.02.

    Returns:
        What each position adds to each logit, float64 [H, W, K], and what belongs to no position,
        float64 [K].

    Raises:
        ValueError: shapes do not fit, a value is not finite, or an argument is unknown.
    """
    _check(features, weights, bias, head_order, pooling)
    height, width, channels = features.shape
    columns, weights = features.reshape(-1, channels).astype(np.float64), weights.astype(np.float64)
    value = pooling_value or DEFAULT_POOLING_VALUES[pooling]
    if head_order == "pool_then_project":
        shares, rest = _shares(columns, pooling, value)
        maps, constants = (shares * columns) @ weights, bias + rest @ weights
    else:
        projected = columns @ weights
        shares, rest = _shares(projected, pooling, value)
        maps, constants = shares * projected, bias + rest
    return maps.reshape(height, width, -1), constants


def evidence_of_map(contributions: np.ndarray, constant: float) -> Evidence:
    """The evidence of one class from what each position adds to its logit.

    Args:
        contributions: [H, W]; positions with 0 are left out.
        constant: what belongs to no position.
    """
    flat = contributions.reshape(-1).astype(np.float64)
    positions = np.flatnonzero(flat)
    order = positions[np.argsort(-np.abs(flat[positions]), kind="stable")]
    return Evidence(
        rows=order // contributions.shape[1],
        columns=order % contributions.shape[1],
        contributions=flat[order],
        constant=float(constant),
        logit=float(flat[order].sum()) + float(constant),
    )


def _shares(columns: np.ndarray, pooling: str, value: float) -> tuple[np.ndarray, np.ndarray]:
    """Shares [N, F] and rest [F] of the pooling of each column; see the top of this file."""
    count, channels = columns.shape
    rest = np.zeros(channels)
    if pooling == "average":
        return np.full(columns.shape, 1.0 / count), rest
    if pooling == "lse":
        scaled = value * (columns - columns.max(axis=0))
        logarithm = scaled - np.log(np.exp(scaled).sum(axis=0))
        shares = np.exp(logarithm)
        return shares, (-(shares * logarithm).sum(axis=0) - np.log(count)) / value
    shares = np.zeros(columns.shape)
    if pooling == "max":
        shares[columns.argmax(axis=0), np.arange(channels)] = 1.0
        return shares, rest
    selected = max(1, round(value * count))
    largest = np.argpartition(-columns, selected - 1, axis=0)[:selected]
    np.put_along_axis(shares, largest, 1.0 / selected, axis=0)
    return shares, rest


def _check(features: np.ndarray, weights: np.ndarray, bias: np.ndarray, head_order: str, pooling: str) -> None:
    if features.ndim != 3 or features.size == 0:
        raise ValueError(f"Features of shape [H, W, F] are expected, not {features.shape}.")
    if weights.ndim != 2 or weights.shape[0] != features.shape[-1] or bias.shape != weights.shape[1:]:
        raise ValueError(
            f"Weights [F, K] and bias [K] are expected for {features.shape[-1]} features, "
            f"not {weights.shape} and {bias.shape}."
        )
    if head_order not in ("pool_then_project", "project_then_pool"):
        raise ValueError(f"The head order must be pool_then_project or project_then_pool, not {head_order!r}.")
    if pooling not in POOLINGS:
        raise ValueError(f"The pooling must be one of {', '.join(POOLINGS)}, not {pooling!r}.")
    if not np.isfinite(features).all():
        raise ValueError("The features hold values that are not finite (NaN or infinity).")
