"""A claim says its sentence when it is true, and raises it when it is false."""

import numpy as np
import pytest
import torch

from utils.checks import claim


@pytest.mark.parametrize("true", [True, np.bool_(True), torch.tensor(True), (torch.ones(3) > 0).all()], ids=repr)
def test_a_true_claim_is_printed(true, capsys):
    claim("it holds", true)
    assert capsys.readouterr().out == "✓ it holds\n"


@pytest.mark.parametrize("false", [False, np.bool_(False), torch.tensor(False)], ids=repr)
def test_a_false_claim_raises_with_its_sentence(false):
    with pytest.raises(AssertionError, match="it holds"):
        claim("it holds", false)


@pytest.mark.parametrize("neither", [0.98, None, "yes", torch.tensor(1.0), torch.ones(3) > 0, np.ones(2)], ids=repr)
def test_a_claim_wants_one_truth_value(neither):
    with pytest.raises(TypeError, match="needs one true or false"):
        claim("it holds", neither)
