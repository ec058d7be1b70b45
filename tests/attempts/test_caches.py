"""Caches are tried in pieces: nothing that a class keeps outlasts a text; what is decoded is what the model says."""

import pytest
import torch

from utils import exercises, models
from utils.attempts.uses import caches
from utils.attempts.uses.transformers import drawn_parameters
from utils.attention import KVCache


class Lists:
    """Right, but for where it keeps what it is given."""

    def append(self, key, value):
        self.keys.append(key)
        self.values.append(value)

    def attend(self, query):
        whole = exercises.get("KVCache").reference()
        whole.append(torch.cat(self.keys, 2), torch.cat(self.values, 2))
        return whole.attend(query)


class InTheClass(Lists):
    keys: list = []  # noqa: RUF012 - as people write it
    values: list = []  # noqa: RUF012


class InADefault(Lists):
    def __init__(self, keys=[], values=[]):  # noqa: B006 - as people write it
        self.keys, self.values = keys, values


class ByItsName(Lists):
    keys = values = None

    def append(self, key, value):
        ByItsName.keys, ByItsName.values = [*(self.keys or []), key], [*(self.values or []), value]


class Added(Lists):
    def append(self, key, value):
        kind = type(self)
        kind.keys = [*getattr(kind, "keys", []), key]
        kind.values = [*getattr(kind, "values", []), value]


SHARED = [InTheClass, InADefault, ByItsName, Added]


@pytest.mark.parametrize("cache", SHARED)
def test_one_store_for_all_caches_is_named_each_time(cache):
    for seed in (0, 0, 1):
        assert exercises.get("KVCache").assess(cache, seed).mistake == "OneForAll"


@pytest.mark.parametrize("cache", SHARED)
def test_a_class_is_left_as_it_was_even_after_an_error(cache):
    before = {name: repr(one) for name, one in vars(cache).items() if not name.startswith("__")}
    given = [torch.ones(1, 1, 2, 3) for _ in range(3)]
    caches.in_pieces(cache, *given, [1, 1])
    with pytest.raises(TypeError):
        caches.in_pieces(cache, None, *given[:2], [1, 1])
    assert {name: repr(one) for name, one in vars(cache).items() if not name.startswith("__")} == before
    assert InADefault.__init__.__defaults__ == ([], [])


def test_the_courses_own_cache_passes():
    assert exercises.get("KVCache").assess(KVCache).passed


@pytest.mark.parametrize("pieces", [[1, 1, 1, 1, 1, 1], [4, 1, 1], [2, 3, 1]])
def test_what_is_decoded_in_pieces_is_what_the_model_says_to_the_whole(pieces):
    model, tokens = models.LanguageModel(9, 8, 2, 3, 64), torch.randint(9, (2, 6))
    model.load_state_dict(drawn_parameters(model, 0, torch.float32))
    kept = [KVCache() for _ in model.blocks]
    with torch.no_grad():
        logits = [exercises.get("decode").reference(model, some, kept) for some in tokens.split(pieces, 1)]
    torch.testing.assert_close(torch.cat(logits, 1), model(tokens))
