"""What is told of the parameters that a module is made of."""

import re

import pytest
import torch

from utils import exercises
from utils.exercises.agreement import disagreement


def test_of_a_models_parameters_only_those_that_differ_are_shown():
    class LanguageModel(exercises.get("LanguageModel").reference):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.blocks[-1].down.bias = None

    evidence = dict(exercises.get("LanguageModel").assess(LanguageModel).evidence)
    assert re.findall(r"'([\w.]+)'", evidence["expected"]) == ["blocks.2.down.bias"]
    assert evidence["yours"] == "{}"


@pytest.mark.parametrize(
    ("maps", "sentence"),
    [
        ({"W_k": (6, 12)}, "Your module's `W_k.weight` should have the shape (6, 6); it has the shape (12, 6)."),
        ({"W_p": (6, 6)}, "Your module has `W_p.weight` that should not be there."),
    ],
)
def test_what_a_module_is_made_of_is_told_as_its_own(maps, sentence):
    class MultiHeadAttention(exercises.get("MultiHeadAttention").reference):
        def __init__(self, d_model, heads):
            super().__init__(d_model, heads)
            for name, (inputs, outputs) in maps.items():
                setattr(self, name, torch.nn.Linear(inputs, outputs, bias=False))

    exercise = exercises.get("MultiHeadAttention")
    trials = [trial for trial in exercise.trials(0) if trial.inputs.get("sizes") == (6, 2) and len(trial.inputs) == 1]
    made = exercise._run(MultiHeadAttention, trials[0])
    assert disagreement(trials[0].expected, made) == sentence
