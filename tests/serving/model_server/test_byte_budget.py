import pytest

from serving.model_server.byte_budget import ByteBudget
from serving.model_server.tensors import Refused


def test_bytes_are_taken_up_to_the_limit_and_given_back():
    budget = ByteBudget(10)
    with budget.request() as take:
        take(4)
        with budget.request() as also, pytest.raises(Refused, match="4 bytes are being answered already"):
            also(7)
        take(6)
        assert budget.taken == 10
    assert budget.taken == 0
