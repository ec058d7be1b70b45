"""Additive attention as a module with parameters."""

import math

import torch
from torch import tensor

from utils.attempts import probes
from utils.models import BahdanauAttention

from ..exercise import Case, Draw, Exercise, Mistake, normal
from . import bahdanau_programs as programs


def _visible(*shape, empty=False):
    """A random mask whose last key is hidden and first visible; with `empty`, the first row hides everything."""

    def draw(generator):
        mask = torch.rand(shape, generator=generator) < 0.6
        mask[..., 0], mask[..., -1] = True, False
        if empty:
            mask[..., 0, :] = False
        return mask

    return Draw(draw)


def _given(B, Tq, Tk, d_query, d_key, d_value, d_hidden, **more):
    dtype = more.pop("dtype", torch.float32)
    return {
        "sizes": (d_query, d_key, d_hidden),
        "query": normal(B, Tq, d_query, dtype=dtype),
        "key": normal(B, Tk, d_key, dtype=dtype),
        "value": normal(B, Tk, d_value, dtype=dtype),
        "W_q": normal(d_hidden, d_query, dtype=dtype),
        "W_k": normal(d_hidden, d_key, dtype=dtype),
        "score_vector": normal(d_hidden, dtype=dtype),
    } | more


ALL = ["query", "key", "value", "W_q", "W_k", "score_vector"]
bahdanau_attention = Exercise(
    reference=BahdanauAttention,
    probe=probes.bahdanau_attention,
    cases=[
        Case("what it is made of: queries of width 3, keys of width 4, 5 hidden", sizes=(3, 4, 5)),
        Case(
            "by hand: one query, two keys, scores 0 and log(3)", sizes=(1, 1, 1), query=tensor([[[2.0]]]), key=tensor([[[-1.0], [1.0]]]),
            value=tensor([[[4.0], [8.0]]]), W_q=tensor([[math.log(3) / 8]]), W_k=tensor([[math.log(3) / 4]]), score_vector=tensor([math.log(9)]),
        ),
        Case("everything of one size", **_given(3, 3, 3, 3, 3, 3, 3)),
        Case("one query, as in a decoder", **_given(3, 1, 5, 4, 6, 6, 2)),
        Case("all sizes different", **_given(2, 3, 4, 5, 6, 7, 8)),
        Case("no batch to speak of", **_given(1, 3, 2, 3, 4, 5, 6)),
        Case("one key", **_given(2, 3, 1, 3, 2, 4, 5)),
        Case("a mask for each sequence, as many sequences as queries and keys", **_given(2, 2, 2, 2, 2, 2, 2, mask=tensor([[True, False], [True, True]]))),
        Case("a mask for each sequence", **_given(3, 4, 5, 2, 3, 4, 5, mask=_visible(3, 5))),
        Case("a mask for each query, as many sequences as queries", **_given(2, 2, 3, 2, 2, 2, 2, mask=_visible(2, 2, 3))),
        Case("a mask for each query", **_given(3, 2, 4, 2, 3, 5, 4, mask=_visible(3, 2, 4))),
        Case("one sequence all padding", **_given(2, 1, 3, 2, 2, 2, 2, mask=tensor([[False] * 3, [True, True, False]]))),
        Case("a query that sees nothing", **_given(2, 2, 3, 2, 3, 4, 3, mask=_visible(2, 2, 3, empty=True))),
        Case("gradients", **_given(2, 3, 4, 3, 4, 2, 5, joined=True), grad=ALL),
        Case("gradients with a mask and an empty row", **_given(2, 3, 4, 4, 3, 2, 5, joined=True, mask=_visible(2, 3, 4, empty=True)), grad=ALL),
        Case("64-bit numbers", **_given(2, 2, 3, 3, 2, 4, 3, joined=True, mask=_visible(2, 3), dtype=torch.float64), grad=ALL),
        Case("scores in the thousands", **_given(2, 3, 4, 3, 2, 4, 3, score_vector=normal(3, scale=1000))),
    ],
    variants=[programs.WithEinsum, programs.QueryByQuery, programs.KeysFirst],
    mistakes=[
        Mistake(programs.Biases, "Your maps have a bias. Leave it out: `W_q` and `W_k` are matrices alone, and one of two biases that are added would be enough anyway."),
        Mistake(programs.MapsSwapped, "Your maps have each other's widths: `W_q` takes numbers of width d_query, `W_k` of width d_key."),
        Mistake(programs.MapsAsMatrices, "Your `W_q` and `W_k` are bare parameters. Make them linear layers without bias, which hold their matrix as `weight`."),
        Mistake(programs.ScoreVectorAsALayer, "Your `score_vector` is a linear layer. That computes the same; here it is a parameter of shape (d_hidden,), so that formula and code have the same parts."),
        Mistake(programs.ScoreVectorAsALayerWithBias, "Your `score_vector` is a linear layer with a bias, which adds the same to every score and falls out of the softmax. Make it a parameter of shape (d_hidden,)."),
        Mistake(programs.ScoreVectorAsAColumn, "Your `score_vector` is a column, (d_hidden, 1). Give it one axis, (d_hidden,): a product with it then leaves (B, Tq, Tk)."),
        Mistake(programs.ScoreVectorAsARow, "Your `score_vector` is a row, (1, d_hidden). Give it one axis, (d_hidden,): a product with it then leaves (B, Tq, Tk)."),
        Mistake(programs.ScoreVectorNotLearned, "Your `score_vector` is not among the parameters, so no optimizer will find it. `nn.Parameter` makes a tensor one that is learned."),
        Mistake(programs.Relu, "Your pairs go through a ReLU. The formula has tanh."),
        Mistake(programs.NoTanh, "Your score lacks its tanh. A plain sum adds the same number to all scores of a query, the softmax drops it, and every query gets the same weights."),
        Mistake(programs.Multiplied, "Your projected query and key are multiplied. In the additive score they are added, before the tanh."),
        Mistake(programs.DotProduct, "Your scores are dot products of the projected query and key. The additive score adds the two, takes tanh, and weighs the result with `score_vector`."),
        Mistake(programs.ScoreVectorUnused, "Your score adds up the hidden numbers as they are. `score_vector` says how much each of them counts."),
        Mistake(programs.Scaled, "Your scores are divided by the root of d_hidden. That belongs to dot products; the additive score is not scaled."),
        Mistake(programs.SoftmaxOverHidden, "Your softmax is taken over the hidden numbers of each pair, so all scores come out alike. Add them up to one score per pair, and take the softmax over the keys."),
        Mistake(programs.RolesSwapped, "Your `W_q` is used on the keys and your `W_k` on the query. Each has the map that bears its name."),
        Mistake(programs.OneMapForBoth, "Your query and keys both go through `W_q`. The keys have a map of their own."),
        Mistake(programs.KeyMapForBoth, "Your query and keys both go through `W_k`. The query has a map of its own."),
        Mistake(programs.QueryNotProjected, "Your query is added as it comes. Bring it to the width d_hidden with its map first."),
        Mistake(programs.KeyNotProjected, "Your keys are added as they come. Bring them to the width d_hidden with their map first."),
        Mistake(programs.SoftmaxOverQueries, "Your weights sum to one over the queries. Each query shares out its own vote: they should sum to one over the keys."),
        Mistake(programs.NoSoftmax, "Your values are weighed by their scores. Turn the scores into weights first, positive and with sum one."),
        Mistake(programs.MaskInverted, "Your attention hides the keys where mask is True. In this course True means 'may attend'."),
        Mistake(programs.MaskIgnored, "Your hidden keys have a say: `mask` is not used yet."),
        Mistake(programs.MaskWithoutAnAxis, "Your mask (B, Tk) meets scores (B, Tq, Tk) as it is, so its first axis is taken for the queries. Give it an axis of size one in the middle."),
        Mistake(programs.MaskOverQueries, "Your mask (B, Tk) gets its new axis at the end, and hides queries instead of keys. The axis of the queries is the middle one."),
        Mistake(programs.MaskAlwaysGetsAnAxis, "Your mask gets a new axis even where it has three already. Only one of shape (B, Tk) needs it."),
        Mistake(programs.MaskAfterSoftmax, "Your mask is applied after the softmax, so the weights that are left no longer sum to one. Hide the keys before it."),
        Mistake(programs.MaskedScoresAreZero, "Your hidden scores become zero, which is a score like any other. Your `masked_softmax` gives them the weight zero."),
        Mistake(programs.EmptyRowIsNan, "Your attention gives NaN to a query that may attend to nothing. Give it zeros: nothing was found."),
        Mistake(programs.EmptyRowIsTheMean, "Your attention gives the mean of all values to a query that may attend to nothing. Give it zeros: nothing was found."),
        Mistake(programs.EmptyContextReplaced, "Your context is right, but the weights behind it are NaN where there is nothing to attend to, and so are the gradients. The weights should be zeros there too."),
        Mistake(programs.ContextOfProjectedKeys, "Your context is made of the projected keys. Those are for matching; what is carried away are the values."),
        Mistake(programs.ContextOfKeys, "Your context is made of the keys. What is carried away are the values, even if they are often the same states."),
        Mistake(programs.WeightsFirst, "Your two results are right and in the other order. Return the context first, then the weights."),
        Mistake(programs.ContextAlone, "Your `forward` returns the context alone. Return the weights with it, so that one can look at them."),
        Mistake(programs.ScoresReturned, "Your second result are the scores before the softmax. Return the weights."),
        Mistake(programs.Detached, "Your values are right, but the weights are cut off from the graph before the context, so no gradient reaches the scores and nothing learns where to look."),
        Mistake(programs.ReturnsDetachedWeights, "Your context is right, but the weights that you return are cut off from the graph. Return them as they are; who draws them can detach them."),
    ],
    points=4,
    points_for_values=3,
)  # fmt: skip
