"""What "the same answer as the formula" means: as near to float64 as float32 lets the formula itself come."""

import torch

FLOAT32 = 4e-6  # of the largest number


def error(found, exact, among=()):
    """The largest difference over the largest number, also of others that it is made of the same terms as.

    Over at least a tenth of what flows back: where tanh is saturated, gradients cancel to nothing but rounding.
    """
    if exact.numel() == 0:
        return 0.0
    scale = max([0.1, exact.abs().max(), *(other.abs().max() for other in among)])
    return ((found.double() - exact).abs().max() / scale).item()


def results(function, inputs, *, dtype=None, grads=None, **options):
    """What a function returns with the weights, and the gradients of its inputs for given gradients of the two."""
    inputs = [x.detach().clone().to(dtype or x.dtype).requires_grad_() for x in inputs]
    outputs = function(*inputs, return_weights=True, **options)
    generator = torch.Generator().manual_seed(0)
    grads = grads or [torch.randn(y.shape, generator=generator, dtype=torch.float64) for y in outputs]
    total = sum((y * grad.to(y.dtype)).sum() for y, grad in zip(outputs, grads, strict=True))
    found = torch.autograd.grad(total, inputs)
    return [y.detach() for y in outputs] + list(found), grads


def assert_agree(function, reference, inputs, tolerance=FLOAT32, **options):
    """function's results and gradients are the reference's in float64, to a few times the reference's own rounding."""
    exact, grads = results(reference, inputs, dtype=torch.float64, **options)
    plain, _ = results(reference, inputs, grads=grads, **options)
    found, _ = results(function, inputs, grads=grads, **options)
    names = ["context", "weights", *(f"gradient {i}" for i in range(len(inputs)))]
    for name, ours, theirs, value in zip(names, found, plain, exact, strict=True):
        assert ours.shape == value.shape and ours.dtype == theirs.dtype, name
        among = exact[2:4] if name in names[2:4] else ()  # of query and key: where one cancels, the other does not
        ours, theirs = error(ours, value, among), error(theirs, value, among)
        assert ours <= tolerance + 4 * theirs, f"{name}: {ours:.1e}, the formula's own {theirs:.1e}"


def additive_inputs(batch=2, queries=5, keys=7, width=9, values=3, scale=1.0, offset=0.0, seed=0):
    """query, key, value and score vector of N(0, 1) numbers; scale and offset move query and key apart."""
    generator = torch.Generator().manual_seed(seed)
    sizes = (batch, queries, width), (batch, keys, width), (batch, keys, values), (width,)
    query, key, value, vector = (torch.randn(size, generator=generator) for size in sizes)
    return [query * scale - offset, key * scale + offset, value, vector / width**0.5]
