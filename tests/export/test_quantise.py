import numpy as np

from export.quantise import layers_to_quantise, quantised

LAYERS = ("a", "b", "c", "d", "e")


def choose(costs, limit):
    """The layers chosen where a heatmap is the sum of its layers' costs, up to a limit."""
    return layers_to_quantise(
        LAYERS,
        convert=lambda chosen: ",".join(chosen).encode(),
        predict=lambda content, _: np.array([sum(costs[name] for name in content.decode().split(",") if name)]),
        is_within_bounds=lambda content: sum(costs[name] for name in content.decode().split(",") if name) <= limit,
    )


def test_all_layers_go_where_all_are_within_bounds():
    assert choose(dict.fromkeys(LAYERS, 1.0), 5.0) == LAYERS


def test_the_costliest_stay():
    costs = {"a": 9.0, "b": 1.0, "c": 5.0, "d": 1.0, "e": 1.0}
    assert choose(costs, 8.5) == ("b", "c", "d", "e")
    assert choose(costs, 3.5) == ("b", "d", "e")


def test_none_go_where_every_one_costs_too_much():
    assert choose(dict.fromkeys(LAYERS, 1.0), 0.5) == ()


def test_without_layers_the_file_stays_as_it_is():
    assert quantised(b"model", "int8", ()) == b"model"
