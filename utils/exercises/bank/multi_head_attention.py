"""Attention in several heads, as a module with parameters."""

import torch

from utils.attempts import probes
from utils.models import MultiHeadAttention

from ..exercise import Case, Draw, Exercise, Mistake, normal
from . import multi_head_programs as programs

MAPS = ["W_q.weight", "W_k.weight", "W_v.weight", "W_o.weight"]
ALL = ["query", "key", "value", *MAPS]


def _given(B, Tq, Tk, d_model, heads, dtype=torch.float32, **more):
    """Inputs of a module of that size, and the four maps that replace its own."""
    tensors = {"query": (B, Tq, d_model), "key": (B, Tk, d_model), "value": (B, Tk, d_model)}
    drawn = {name: normal(*shape, dtype=dtype) for name, shape in tensors.items()}
    maps = {name: normal(d_model, d_model, scale=d_model**-0.5, dtype=dtype) for name in MAPS}
    return {"sizes": (d_model, heads)} | drawn | maps | more


def _visible(*shape):
    """A random mask: the first query sees nothing, the second everything, the others the first key and not the last."""

    def draw(generator):
        mask = torch.rand(shape, generator=generator) < 0.6
        mask[..., 0], mask[..., -1] = True, False
        mask[..., 0, :], mask[..., 1, :] = False, True
        return mask

    return Draw(draw)


def _by_hand():
    """Width 2 in two heads: the first matches first columns, the second has scores of 0, so it takes the mean."""
    maps = dict.fromkeys(MAPS, torch.eye(2)) | {"W_k.weight": torch.tensor([[1.0, 0.0], [0.0, 0.0]])}
    query = torch.tensor([[[100.0, 1.0]]])
    key, value = torch.tensor([[[1.0, 5.0], [-1.0, 5.0]]]), torch.tensor([[[3.0, 10.0], [7.0, 20.0]]])
    return {"sizes": (2, 2), "query": query, "key": key, "value": value} | maps


def _same_sequence(generator):
    x = torch.randn(2, 5, 8, generator=generator)
    return {"query": x, "key": x, "value": x}


multi_head_attention = Exercise(
    reference=MultiHeadAttention,
    probe=probes.module,
    cases=[
        Case("what it is made of: width 6 in two heads", sizes=(6, 2)),
        Case("what it is made of: width 4 in one head", sizes=(4, 1)),
        Case("by hand: the first head finds the first key, the second takes the mean", **_by_hand()),
        Case("one head", **_given(2, 3, 4, 3, 1)),
        Case("two heads", **_given(1, 2, 3, 4, 2)),
        Case("as many of everything", **_given(4, 4, 4, 16, 4)),
        Case("three heads over five keys", **_given(2, 3, 5, 6, 3)),
        Case("heads of width one", **_given(2, 3, 4, 3, 3)),
        Case("a single query", **_given(3, 1, 6, 8, 2)),
        Case("the same sequence asks and answers", together=_same_sequence, **_given(2, 5, 5, 8, 4)),
        Case("one mask for the whole batch", **_given(2, 4, 4, 6, 2, mask=_visible(4, 4))),
        Case("a mask for each sequence", **_given(2, 3, 5, 4, 2, mask=_visible(2, 3, 5))),
        Case("as many sequences as heads, a mask for each", **_given(2, 4, 4, 6, 2, mask=_visible(2, 4, 4))),
        Case("a causal mask", **_given(2, 5, 5, 8, 2, mask=torch.ones(5, 5, dtype=torch.bool).tril())),
        Case("everything hidden", **_given(2, 3, 4, 6, 2, mask=torch.zeros(3, 4, dtype=torch.bool))),
        Case("called once before, with a mask", **_given(2, 3, 3, 6, 2, earlier_mask=torch.eye(3, dtype=torch.bool))),
        Case("large scores", **_given(2, 3, 4, 6, 2) | {"query": normal(2, 3, 6, scale=100)}),
        Case("gradients", joined=True, grad=ALL, **_given(2, 3, 4, 6, 3)),
        Case("gradients with a mask, in 64-bit numbers", joined=True, grad=ALL, **_given(2, 3, 4, 6, 2, torch.float64, mask=_visible(2, 3, 4))),
    ],
    variants=[programs.WithEinsum, programs.HeadByHead, programs.ThroughTheBatch],
    mistakes=[
        Mistake(programs.Biases, "Your maps have biases. Here all four are without: `nn.Linear(…, bias=False)`."),
        Mistake(programs.BiasAtTheEnd, "Your `W_o` has a bias. Here all four maps are without."),
        Mistake(programs.MapsAsMatrices, "Your maps are bare matrices. Make each an `nn.Linear` without bias, so that its parameter is called `W_q.weight` and so on."),
        Mistake(programs.MapsInAList, "Your maps are in a plain list, where PyTorch does not see them: no optimizer finds them. Make them attributes: `self.W_q = nn.Linear(…)`, and so on."),
        Mistake(programs.OneMapForThree, "Your query, key and value share one wide map. That is often done; here each has a map of its own, `W_q`, `W_k` and `W_v`, since they may come from different inputs."),
        Mistake(programs.MapsOfOneHead, "Your maps lead to the width of one head. One map serves all heads at once: from d_model to d_model, cut up afterwards."),
        Mistake(programs.NoOutputMapAtAll, "Your module has no `W_o`. The merged heads go through one more linear map."),
        Mistake(programs.NoOutputMap, "Your merged heads are returned as they are. They go through `W_o` first, which mixes them."),
        Mistake(programs.SplitByReshape, "Your heads are cut from memory in one reshape, so they get parts of the steps instead of parts of the width. `split_heads` does it rightly."),
        Mistake(programs.MergedByReshape, "Your heads are merged by a reshape alone, so a step gets numbers of other steps. `merge_heads` swaps the axes back first."),
        Mistake(programs.SplitAndMergedByReshape, "Your heads are cut and merged by reshapes alone. That fits together, but each head saw parts of the steps instead of parts of the width: `split_heads` and `merge_heads` swap two axes."),
        Mistake(programs.EveryOtherColumn, "Your heads take turns in the columns. Each gets a run of neighbouring ones, as `split_heads` gives them."),
        Mistake(programs.OneHead, "Your width is not divided: there is one head, whatever `heads` says."),
        Mistake(programs.HeadsAndTimeSwapped, "Your axis of heads stands where that of time should: the heads of a step attend to each other, and no step to another."),
        Mistake(programs.NotScaled, "Your scores are not scaled. Divide by the root of the width of one head; your `scaled_dot_product` does."),
        Mistake(programs.ScaledByTheModelsWidth, "Your scores are divided by the root of d_model. A head multiplies vectors of width d_model / heads: that is the width that counts."),
        Mistake(programs.DividedByTheWidth, "Your scores are divided by the width of a head. Divide by its square root."),
        Mistake(programs.ScaledByTheNumberOfHeads, "Your scores are divided by the root of the number of heads. It is the width of one head that counts."),
        Mistake(programs.QueryAttendsToItself, "Your keys and values come from `query`. That is right where a sequence attends to itself; here `key` and `value` may be another one."),
        Mistake(programs.ValueFromTheKey, "Your values come from `key`. They come from `value`, which may be something else."),
        Mistake(programs.KeyFromTheValue, "Your keys come from `value`. They come from `key`, which may be something else."),
        Mistake(programs.RolesSwapped, "Your `W_q` is used on the keys and your `W_k` on the query. Each has the map that bears its name."),
        Mistake(programs.OneMapForAll, "Your query, key and value all go through `W_q`. Each has a map of its own."),
        Mistake(programs.NothingProjected, "Your heads get the inputs as they come. Project them first, with `W_q`, `W_k` and `W_v`."),
        Mistake(programs.ValueNotProjected, "Your values are not projected. They go through `W_v` before they are dealt out to the heads."),
        Mistake(programs.SoftmaxOverQueries, "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the keys."),
        Mistake(programs.SoftmaxOverHeads, "Your weights sum to one over the heads. In each head, each query shares out a whole vote over the keys."),
        Mistake(programs.NoSoftmax, "Your values are weighed by their scores. Turn the scores into weights first, positive and with sum one."),
        Mistake(programs.MaskInverted, "Your mask hides the keys where it is True. In this course True means 'may attend'."),
        Mistake(programs.MaskIgnored, "Your hidden keys have a say: `mask` is not used yet."),
        Mistake(programs.MaskWithoutAnAxis, "Your mask (B, Tq, Tk) meets scores (B, heads, Tq, Tk) as it is, so its batch is taken for the heads. Give it an axis for them: it is the same for every head."),
        Mistake(programs.MaskAlwaysHasABatch, "Your mask gets its new axis at place 1. A mask (Tq, Tk) has no batch axis in front, so count from the end: `unsqueeze(-3)`."),
        Mistake(programs.MaskIsRemembered, "Your attention remembers the mask of an earlier call. A call without a mask hides nothing, whatever was hidden before."),
        Mistake(programs.MaskOfNothingIgnored, "Your mask counts for nothing where it hides everything. Then every query gets zeros."),
        Mistake(programs.MaskAfterSoftmax, "Your mask is applied after the softmax, so the weights that are left no longer sum to one. Hide the keys before it."),
        Mistake(programs.EmptyRowIsNan, "Your query that may attend to nothing gets NaN. Give it zeros: nothing was found. Your `scaled_dot_product` does."),
        Mistake(programs.EmptyRowIsTheMean, "Your query that may attend to nothing gets the mean of all values. Give it zeros: nothing was found. Your `scaled_dot_product` does."),
        Mistake(programs.AlwaysCausal, "Your attention never looks ahead. It should do so when the mask says so, and not on its own account."),
        Mistake(programs.MeanOfTheHeads, "Your heads are averaged, so what they found apart is mixed again. They go side by side: `merge_heads`."),
        Mistake(programs.LastHeadFirst, "Your heads are merged in reverse order. The first head's columns come first."),
        Mistake(programs.WeightsAveraged, "Your weights are averaged over the heads. Return those of each head: (B, heads, Tq, Tk)."),
        Mistake(programs.WeightsFirst, "Your two results are right and in the other order. Return the context first, then the weights."),
        Mistake(programs.ContextAlone, "Your `forward` returns the context alone. Return the weights with it, so that one can look at them."),
        Mistake(programs.ResidualAdded, "Your context has the query added to it. That comes later, around the attention; the lookup itself returns what it found."),
        Mistake(programs.WeightsDetached, "Your values are right, but the weights are cut off from the graph before the context, so nothing learns where to look."),
        Mistake(programs.ReturnsDetachedWeights, "Your context is right, but the weights that you return are cut off from the graph. Return them as they are; who draws them can detach them."),
    ],
    points=4,
    points_for_values=3,
)  # fmt: skip
