"""The cache: token by token or in blocks it gives what one pass over everything gives."""

import pytest
import torch

from utils import attention


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("heads, groups", [(2, 2), (6, 2), (4, 1)])
@pytest.mark.parametrize("blocks", [[1] * 20, [5, 1, 1, 7, 6], [20], [0, 3, 17]])
def test_equals_the_full_pass(heads, groups, blocks):
    query, key, value = draw(3, heads, 20, 8), draw(3, groups, 20, 8, seed=1), draw(3, groups, 20, 5, seed=2)
    cache, found, start = attention.KVCache(room=4), [], 0
    for count in blocks:
        new = slice(start, start + count)
        cache.append(key[:, :, new], value[:, :, new])
        found.append(cache.attend(query[:, :, new]))
        start += count
        assert len(cache) == start
    full = attention.dot_product_attention(query, key, value, causal=True)
    torch.testing.assert_close(torch.cat(found, 2), full)
    assert torch.equal(cache.key, key) and torch.equal(cache.value, value)


def test_grows_without_copying_at_each_step():
    cache, places = attention.KVCache(room=1), set()
    for _ in range(1000):
        cache.append(torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 2))
        places.add(cache.key.data_ptr())
    assert len(places) <= 11  # 1, 2, 4, ... 1024


def test_keeps_its_own_copy():
    key = torch.ones(1, 1, 2, 3)
    cache = attention.KVCache()
    cache.append(key, key)
    key.zero_()
    assert cache.key.eq(1).all()


def test_a_mask_and_no_order():
    query, key = draw(1, 2, 3, 4), draw(1, 2, 6, 4, seed=1)
    cache = attention.KVCache()
    cache.append(key, key)
    mask = torch.tensor([True, False] * 3)
    torch.testing.assert_close(
        cache.attend(query, mask, causal=False), attention.dot_product_attention(query, key, key, mask)
    )


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="room must be a whole number of tokens, at least one, got 0"):
        attention.KVCache(room=0)
    cache = attention.KVCache()
    with pytest.raises(ValueError, match="the cache is empty"):
        cache.attend(torch.ones(1, 2, 1, 4))
    with pytest.raises(ValueError, match=r"key \(2, 1, 4\) and value"):
        cache.append(torch.ones(2, 1, 4), torch.ones(2, 1, 4))
    with pytest.raises(ValueError, match=r"key \(1, 2, 1, 4\) and value \(1, 2, 2, 4\)"):
        cache.append(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 2, 4))
    with pytest.raises(ValueError, match="append under torch.no_grad"):
        cache.append(torch.ones(1, 2, 1, 4, requires_grad=True), torch.ones(1, 2, 1, 4))
    cache.append(torch.ones(1, 2, 1, 4), torch.ones(1, 2, 1, 4))
    with pytest.raises(ValueError, match=r"key \(3, 2, 1, 4\) does not continue the cache's \(1, 2, 1, 4\)"):
        cache.append(torch.ones(3, 2, 1, 4), torch.ones(3, 2, 1, 4))
    with pytest.raises(ValueError, match=r"dtypes differ: key torch.float64, the cache torch.float32"):
        cache.append(torch.ones(1, 2, 1, 4).double(), torch.ones(1, 2, 1, 4).double())
    with pytest.raises(ValueError, match="query width 3 and key width 4 differ"):
        cache.attend(torch.ones(1, 2, 1, 3))
    assert len(cache) == 1


def test_started_in_inference_mode_and_continued_outside():
    cache = attention.KVCache(room=2)
    with torch.inference_mode():
        cache.append(torch.ones(1, 1, 1, 2), torch.ones(1, 1, 1, 2))
    cache.append(torch.ones(1, 1, 3, 2), torch.ones(1, 1, 3, 2))
    assert cache.attend(torch.ones(1, 1, 1, 2)).eq(1).all()


@pytest.mark.parametrize("shape", [(1, 1, 3, 4), (1, 4, 3, 4), (2, 3, 1, 4), (3, 1, 4), (1, 1, 3, 3, 4)])
def test_a_query_that_does_not_fit_the_cache_is_named(shape):
    cache = attention.KVCache()
    cache.append(torch.ones(1, 3, 5, 4), torch.ones(1, 3, 5, 4))
    with pytest.raises(ValueError, match="with H a multiple of G"):
        cache.attend(torch.ones(shape))
