"""The poolings of the head and the value each takes where none is given."""

DEFAULT_POOLING_VALUES = {
    "max": 0.0,  # takes no value
    "average": 0.0,  # takes no value
    "lse": 4.0,  # r of log-sum-exp
    "topfraction": 0.02,  # q, the share of positions whose values are averaged
}
POOLINGS = tuple(DEFAULT_POOLING_VALUES)
