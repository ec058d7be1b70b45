"""A block of a transformer: attention and a small network, each added to what it has read."""

import torch
from torch import eye, tensor, zeros

from utils.attempts import probes
from utils.models import TransformerBlock

from ..exercise import Case, Draw, Exercise, Mistake, normal
from . import transformer_block_programs as programs

SEED = Draw(lambda generator: torch.randint(10**6, (), generator=generator).item())


def _drawn(B, T, d_model, heads, d_hidden, dtype=torch.float32, scale=10.0, **more):
    return {
        "sizes": (d_model, heads, d_hidden),
        "seed": SEED,
        "x": normal(B, T, d_model, dtype=dtype, scale=scale),
    } | more


NETWORK_BY_HAND = {
    "attention.W_o.weight": zeros(2, 2), "up.weight": tensor([[1.0, 1.0], [-1.0, -1.0]]), "up.bias": zeros(2),
    "down.weight": tensor([[1.0, 5.0], [10.0, 5.0]]), "down.bias": zeros(2),
}  # fmt: skip
LOOKUP_BY_HAND = {
    "attention.W_q.weight": zeros(2, 2), "attention.W_v.weight": eye(2), "attention.W_o.weight": eye(2),
    "down.weight": zeros(2, 2), "down.bias": zeros(2),
}  # fmt: skip
transformer_block = Exercise(
    reference=TransformerBlock,
    probe=probes.transformer,
    cases=[
        Case("what it is made of, d_model 4, 2 heads, d_hidden 6, and how it starts", sizes=(4, 2, 6)),
        Case("a new block gives back its input", sizes=(4, 2, 6), x=normal(2, 3, 4)),
        Case("the network alone, by hand: (2, 2) is normed to (1, 1), goes up to (2, -2) and comes down as (2, 20)", sizes=(2, 1, 2), x=tensor([[[2.0, 2.0]]]), **NETWORK_BY_HAND),
        Case("the attention alone, by hand: the mean of the normed (1, 1) and (1, -1), as far as may be seen", sizes=(2, 1, 2), x=tensor([[[2.0, 2.0], [3.0, -3.0]]]), **LOOKUP_BY_HAND),
        Case("everything of one size", **_drawn(4, 4, 4, 2, 4)),
        Case("all sizes different", **_drawn(2, 5, 6, 3, 7)),
        Case("with positions", **_drawn(2, 5, 8, 2, 3, positions=torch.arange(5))),
        Case("with positions that have gaps", **_drawn(3, 4, 6, 1, 5, positions=tensor([2, 3, 9, 30]))),
        Case("causal, and told so", **_drawn(2, 5, 6, 3, 4, causal=True)),
        Case("not causal", **_drawn(2, 5, 6, 3, 4, causal=False)),
        Case("not causal, with positions", **_drawn(2, 4, 8, 2, 6, positions=tensor([0, 4, 1, 2]), causal=False)),
        Case("one position", **_drawn(3, 1, 4, 2, 5)),
        Case("one sequence", **_drawn(1, 6, 4, 1, 8, positions=torch.arange(6))),
        Case("one hidden unit", **_drawn(2, 3, 4, 2, 1)),
        Case("large inputs", **_drawn(2, 4, 6, 2, 5, scale=1000)),
        Case("gradients", **_drawn(2, 4, 8, 2, 5, positions=torch.arange(4)), grad=["x"]),
        Case("hidden numbers far above one", **_drawn(2, 4, 6, 2, 5), **{"norm_2.weight": torch.full((6,), 30.0)}),
        Case("in train() and in eval() mode", **_drawn(4, 8, 8, 2, 16), ask="modes"),
        Case("gradients of the parameters", **_drawn(2, 3, 4, 2, 5, positions=torch.arange(3)), ask="gradients", of_gradients=True),
        Case("64-bit numbers", **_drawn(2, 4, 4, 2, 6, dtype=torch.float64, scale=1000, positions=torch.arange(4)), grad=["x"]),
    ],
    variants=[programs.BranchByBranch, programs.ByFormula],
    mistakes=[
        Mistake(programs.PostNorm, "Your norms come after the sums (post-norm), as in the paper of 2017. Here each norm is on the way *into* its part, and the sum stays as it is: pre-norm."),
        Mistake(programs.NormAfterTheBranch, "Your norms are at the end of the branches. Each belongs at the beginning: norm, then attention or network, then the sum."),
        Mistake(programs.NormedStream, "Your sums add to the normed x. Norm what the part *reads*; what it is added to stays as it was."),
        Mistake(programs.NormedStreamBeforeTheAttention, "Your first sum adds to the normed x. Norm what the attention *reads*; what it is added to stays as it was."),
        Mistake(programs.NormedStreamBeforeTheNetwork, "Your second sum adds to the normed x. Norm what the network *reads*; what it is added to stays as it was."),
        Mistake(programs.AnotherNormAtTheEnd, "Your result goes through a norm once more. Return the second sum as it is."),
        Mistake(programs.NoResiduals, "Your block lacks both sums, so x itself is gone. Add each part's result to x."),
        Mistake(programs.NoResidualAroundAttention, "Your attention's result replaces x. Add it to x instead."),
        Mistake(programs.NoResidualAroundNetwork, "Your network's result replaces x. Add it to x instead."),
        Mistake(programs.InputAddedTwice, "Your input is added once more at the end. The sum after the attention carries it already."),
        Mistake(programs.SecondSumFromTheInput, "Your network's result is added to the block's input, so what the attention has found is lost. Add it to the sum after the attention."),
        Mistake(programs.NetworkReadsTheLookupAlone, "Your network reads the attention's result alone. It reads the sum of x and that."),
        Mistake(programs.Parallel, "Your network reads the block's input, side by side with the attention. Here it comes after: it reads the sum of x and what the attention found."),
        Mistake(programs.NetworkFirst, "Your network comes before the attention. First look up, then think."),
        Mistake(programs.FirstNormForBoth, "Your `norm_1` stands before both parts. The network has a norm of its own."),
        Mistake(programs.NormsSwapped, "Your norms have changed places: `norm_1` belongs to the attention, `norm_2` to the network."),
        Mistake(programs.NormsUnused, "Your norms are there and not used. Each part reads x through its norm."),
        Mistake(programs.FirstNormUnused, "Your attention reads x as it is. It should read `norm_1(x)`."),
        Mistake(programs.SecondNormUnused, "Your network reads x as it is. It should read `norm_2(x)`."),
        Mistake(programs.OneNorm, "Your two norms are one and the same module. Make two, each with a weight of its own."),
        Mistake(programs.LayerNorms, "Your norms are LayerNorms. Use `nn.RMSNorm`, which has a weight and no bias, and does not subtract the mean."),
        Mistake(programs.LayerNormsWithoutBias, "Your norms subtract the mean, as LayerNorm does. `nn.RMSNorm` only divides by the root of the mean square."),
        Mistake(programs.NoBiases, "Your `up` and `down` have no bias. Here they do; only the attention's maps are without."),
        Mistake(programs.AlwaysFourTimesAsWide, "Your hidden layer is 4 · d_model wide, whatever `d_hidden` says."),
        Mistake(programs.OneHead, "Your attention has one head, whatever `heads` says."),
        Mistake(programs.StartsAtRandom, "Your maps back into x start at random. Set `attention.W_o.weight`, `down.weight` and `down.bias` to zero, so that a new block gives back its input."),
        Mistake(programs.AttentionStartsAtRandom, "Your `attention.W_o` starts at random. Set its weight to zero, so that a new block gives back its input."),
        Mistake(programs.NetworkStartsAtRandom, "Your `down` starts at random. Set its weight and its bias to zero, so that a new block gives back its input."),
        Mistake(programs.BiasStartsAtRandom, "Your `down` starts with a weight of zero, and a bias that is not. Set the bias to zero as well, so that a new block gives back its input."),
        Mistake(programs.EverythingStartsAtZero, "All your parameters start at zero. Only what writes into x does, `attention.W_o` and `down`; the others stay as PyTorch starts them."),
        Mistake(programs.UpStartsAtZeroToo, "Your `up` starts at zero too. Leave it as `nn.Linear` starts it: only what writes into x, `attention.W_o` and `down`, starts at zero."),
        Mistake(programs.SeedsItself, "Your block seeds PyTorch's random numbers, so all blocks start with the same ones. Leave the seed to whoever builds them."),
        Mistake(programs.Dropout, "Your block gives something else in train() than in eval() mode, as dropout makes it do. Many models have that; here there is none."),
        Mistake(programs.NoRelu, "Your network has no ReLU between its layers: two linear maps in a row are one."),
        Mistake(programs.Gelu, "Your network uses GELU. Many models do; here it is ReLU."),
        Mistake(programs.Tanh, "Your network uses tanh. Here it is ReLU."),
        Mistake(programs.ReluAtTheEnd, "Your ReLU comes after `down`: it belongs between the layers, and what is added to x may be negative."),
        Mistake(programs.ReluAtBothLayers, "You have a second ReLU after `down`. What is added to x may be negative."),
        Mistake(programs.PositionsNotPassedOn, "Your attention does not get the `positions`, so it does not know the order."),
        Mistake(programs.PositionsCountedFromZero, "Your block makes positions of its own. Pass on those that it is given, or None."),
        Mistake(programs.CausalNotPassedOn, "Your attention does not get `causal`, so every position sees those that come later."),
        Mistake(programs.AlwaysCausal, "Your attention is causal whatever `causal` says. Pass it on."),
        Mistake(programs.CausalInverted, "Your attention is causal when it should not be, and the other way round. Pass `causal` on as it is."),
        Mistake(programs.NotCausalByDefault, "Your block is not causal unless it is told to be. The default is True."),
        Mistake(programs.ArgumentsMixedUp, "Your attention gets `causal` where it takes the positions. The order is x, positions, causal."),
        Mistake(programs.InPlace, "Your `+=` writes into the x that was given. Make a new tensor: `x = x + …`."),
        Mistake(programs.LookupDetached, "Your numbers are right, but no gradient comes through the attention (detach, no_grad)."),
        Mistake(programs.ReturnsBoth, "You return the middle as well. Return x after both parts, nothing else."),
    ],
    points=4,
    points_for_values=3,
)  # fmt: skip
