"""A block of a transformer: attention and an MLP, each added to what it has read."""

import torch
from torch import eye, nn, tensor, zeros
from torch.nn import functional as F

from utils.attempts.uses import transformers
from utils.models import SelfAttention, TransformerBlock

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing


class InSteps(nn.Module):
    """The same as TransformerBlock. `how` are the positions and whether it is causal."""

    def __init__(self, d_model, heads, d_hidden):
        super().__init__()
        self.norm_1, self.norm_2 = self.norms(d_model)
        self.attention = SelfAttention(d_model, heads)
        self.up, self.down = self.linear(d_model, d_hidden), self.linear(d_hidden, d_model)
        for parameter in self.at_zero():
            nn.init.zeros_(parameter)

    def norms(self, d_model):
        return nn.RMSNorm(d_model), nn.RMSNorm(d_model)

    def linear(self, width_in, width_out):
        return nn.Linear(width_in, width_out)

    def at_zero(self):
        return [self.attention.W_o.weight, *self.down.parameters()]

    def forward(self, x, positions=None, causal=True):
        return self.both(x, positions, causal)

    def both(self, x, *how):
        return self.think(self.attend(x, *how))

    def attend(self, x, *how):
        return x + self.found(x, *how)

    def found(self, x, *how):
        return self.attention(self.norm_1(x), *how)

    def think(self, x):
        return x + self.thought(x)

    def thought(self, x):
        return self.network(self.norm_2(x))

    def network(self, x):
        return self.down(F.relu(self.up(x)))


# Right, and written differently

class BranchByBranch(nn.Module):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__()
        self.attention = SelfAttention(d_model, heads)
        self.norm_1 = nn.RMSNorm(d_model)
        self.up = nn.Linear(d_model, d_hidden)
        self.down = nn.Linear(d_hidden, d_model)
        self.norm_2 = nn.RMSNorm(d_model)
        with torch.no_grad():
            self.attention.W_o.weight.zero_()
            self.down.weight.zero_()
            self.down.bias.zero_()

    def forward(self, x, positions=None, causal=True):
        looked_up = self.attention(self.norm_1(x), positions=positions, causal=causal)
        after = torch.add(x, looked_up)
        hidden = self.up(self.norm_2(after)).clamp(min=0)
        return self.down(hidden) + after

class ByFormula(nn.Module):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__()
        self.norm_2, self.norm_1 = (nn.RMSNorm(d_model, eps=1e-5) for _ in range(2))
        self.down, self.up = nn.Linear(d_hidden, d_model), nn.Linear(d_model, d_hidden)
        self.attention = SelfAttention(d_model, heads)
        for layer in (self.attention.W_o, self.down):
            layer.weight = nn.Parameter(torch.zeros_like(layer.weight))
        self.down.bias.data = 0 * self.down.bias.data

    def forward(self, x, positions=None, causal=True):
        for branch in (lambda x: self.attention(self.normed(x, self.norm_1), positions, causal), self.think):
            x = branch(x) + x
        return x

    def normed(self, x, norm):
        return x / (x.square().mean(-1, keepdim=True) + norm.eps).sqrt() * norm.weight

    def think(self, x):
        hidden = torch.relu(F.linear(self.normed(x, self.norm_2), self.up.weight, self.up.bias))
        return torch.einsum("btf,df->btd", hidden, self.down.weight) + self.down.bias


# Wrong

but = replacing(InSteps)
mistakes = Mistakes()

mistakes.add("PostNorm", but(
    attend=lambda self, x, *how: self.norm_1(x + self.attention(x, *how)),
    think=lambda self, x: self.norm_2(x + self.network(x))),
    "Your norms come after the sums (post-norm), as in the paper of 2017. Here each norm is on the way *into* its part, and the sum stays as it is: pre-norm.")
mistakes.add("NormAfterTheBranch", but(
    attend=lambda self, x, *how: x + self.norm_1(self.attention(x, *how)),
    think=lambda self, x: x + self.norm_2(self.network(x))),
    "Your norms are at the end of the branches. Each belongs at the beginning: norm, then attention or MLP, then the sum.")
mistakes.add("NormedStream", but(
    attend=lambda self, x, *how: self.norm_1(x) + self.found(x, *how),
    think=lambda self, x: self.norm_2(x) + self.thought(x)),
    "Your sums add to the normed x. Norm what the part *reads*; what it is added to stays as it was.")
mistakes.add("NormedStreamBeforeTheAttention", but(attend=lambda self, x, *how: self.norm_1(x) + self.found(x, *how)),
    "Your first sum adds to the normed x. Norm what the attention *reads*; what it is added to stays as it was.")
mistakes.add("NormedStreamBeforeTheNetwork", but(think=lambda self, x: self.norm_2(x) + self.thought(x)),
    "Your second sum adds to the normed x. Norm what the MLP *reads*; what it is added to stays as it was.")
mistakes.add("AnotherNormAtTheEnd", but(think=lambda self, x: self.norm_2(x + self.thought(x))),
    "Your result goes through a norm once more. Return the second sum as it is.")
mistakes.add("NoResiduals", but(both=lambda self, x, *how: self.thought(self.found(x, *how))),
    "Your block lacks both sums, so x itself is gone. Add each part's result to x.")
mistakes.add("NoResidualAroundAttention", but(attend=lambda self, x, *how: self.found(x, *how)),
    "Your attention's result replaces x. Add it to x instead.")
mistakes.add("NoResidualAroundNetwork", but(think=lambda self, x: self.thought(x)),
    "Your MLP's result replaces x. Add it to x instead.")
mistakes.add("InputAddedTwice", but(both=lambda self, x, *how: self.think(self.attend(x, *how)) + x),
    "Your input is added once more at the end. The sum after the attention carries it already.")
mistakes.add("SecondSumFromTheInput", but(both=lambda self, x, *how: x + self.thought(self.attend(x, *how))),
    "Your MLP's result is added to the block's input, so what the attention has found is lost. Add it to the sum after the attention.")
mistakes.add("NetworkReadsTheLookupAlone",
    but(both=lambda self, x, *how: self.attend(x, *how) + self.thought(self.found(x, *how))),
    "Your MLP reads the attention's result alone. It reads the sum of x and that.")
mistakes.add("Parallel", but(both=lambda self, x, *how: self.attend(x, *how) + self.thought(x)),
    "Your MLP reads the block's input, side by side with the attention. Here it comes after: it reads the sum of x and what the attention found.")
mistakes.add("NetworkFirst", but(both=lambda self, x, *how: self.attend(self.think(x), *how)),
    "Your MLP comes before the attention. First look up, then think.")
mistakes.add("FirstNormForBoth", but(thought=lambda self, x: self.network(self.norm_1(x))),
    "Your `norm_1` stands before both parts. The MLP has a norm of its own.")
mistakes.add("NormsSwapped", but(
    found=lambda self, x, *how: self.attention(self.norm_2(x), *how),
    thought=lambda self, x: self.network(self.norm_1(x))),
    "Your norms have changed places: `norm_1` belongs to the attention, `norm_2` to the MLP.")
mistakes.add("NormsUnused", but(
    found=lambda self, x, *how: self.attention(x, *how),
    thought=lambda self, x: self.network(x)),
    "Your norms are there and not used. Each part reads x through its norm.")
mistakes.add("FirstNormUnused", but(found=lambda self, x, *how: self.attention(x, *how)),
    "Your attention reads x as it is. It should read `norm_1(x)`.")
mistakes.add("SecondNormUnused", but(thought=lambda self, x: self.network(x)),
    "Your MLP reads x as it is. It should read `norm_2(x)`.")
mistakes.add("OneNorm", but(norms=lambda self, d_model: [nn.RMSNorm(d_model)] * 2),
    "Your two norms are one and the same module. Make two, each with a weight of its own.")
mistakes.add("LayerNorms", but(norms=lambda self, d_model: (nn.LayerNorm(d_model), nn.LayerNorm(d_model))),
    "Your norms are LayerNorms. Use `nn.RMSNorm`, which has a weight and no bias, and does not subtract the mean.")
mistakes.add("LayerNormsWithoutBias",
    but(norms=lambda self, d_model: (nn.LayerNorm(d_model, bias=False), nn.LayerNorm(d_model, bias=False))),
    "Your norms subtract the mean, as LayerNorm does. `nn.RMSNorm` only divides by the root of the mean square.")
mistakes.add("NoBiases", but(linear=lambda self, *widths: nn.Linear(*widths, bias=False)),
    "Your `up` and `down` have no bias. Here they do; only the attention's maps are without.")
mistakes.add("AlwaysFourTimesAsWide",
    but(__init__=lambda self, d_model, heads, d_hidden: InSteps.__init__(self, d_model, heads, 4 * d_model)),
    "Your hidden layer is 4 · d_model wide, whatever `d_hidden` says.")
mistakes.add("OneHead",
    but(__init__=lambda self, d_model, heads, d_hidden: InSteps.__init__(self, d_model, 1, d_hidden)),
    "Your attention has one head, whatever `heads` says.")
mistakes.add("StartsAtRandom", but(at_zero=lambda self: []),
    "Your maps back into x start at random. Set `attention.W_o.weight`, `down.weight` and `down.bias` to zero, so that a new block gives back its input.")
mistakes.add("AttentionStartsAtRandom", but(at_zero=lambda self: self.down.parameters()),
    "Your `attention.W_o` starts at random. Set its weight to zero, so that a new block gives back its input.")
mistakes.add("NetworkStartsAtRandom", but(at_zero=lambda self: [self.attention.W_o.weight]),
    "Your `down` starts at random. Set its weight and its bias to zero, so that a new block gives back its input.")
mistakes.add("BiasStartsAtRandom", but(at_zero=lambda self: [self.attention.W_o.weight, self.down.weight]),
    "Your `down` starts with a weight of zero, and a bias that is not. Set the bias to zero as well, so that a new block gives back its input.")
mistakes.add("EverythingStartsAtZero", but(at_zero=lambda self: self.parameters()),
    "All your parameters start at zero. Only what writes into x does, `attention.W_o` and `down`; the others stay as PyTorch starts them.")
mistakes.add("UpStartsAtZeroToo", but(at_zero=lambda self: [self.up.weight, *InSteps.at_zero(self)]),
    "Your `up` starts at zero too. Leave it as `nn.Linear` starts it: only what writes into x, `attention.W_o` and `down`, starts at zero.")

@mistakes.program("Your block seeds PyTorch's random numbers, so all blocks start with the same ones. Leave the seed to whoever builds them.")
class SeedsItself(InSteps):
    def __init__(self, *sizes):
        torch.manual_seed(0)
        super().__init__(*sizes)

mistakes.add("Dropout", but(network=lambda self, x: F.dropout(InSteps.network(self, x), 0.1, self.training)),
    "Your block gives something else in train() than in eval() mode, as dropout makes it do. Many models have that; here there is none.")
mistakes.add("NoRelu", but(network=lambda self, x: self.down(self.up(x))),
    "Your MLP has no ReLU between its layers: two linear maps in a row are one.")
mistakes.add("Gelu", but(network=lambda self, x: self.down(F.gelu(self.up(x)))),
    "Your MLP uses GELU. Many models do; here it is ReLU.")
mistakes.add("Tanh", but(network=lambda self, x: self.down(torch.tanh(self.up(x)))),
    "Your MLP uses tanh. Here it is ReLU.")
mistakes.add("ReluAtTheEnd", but(network=lambda self, x: F.relu(self.down(self.up(x)))),
    "Your ReLU comes after `down`: it belongs between the layers, and what is added to x may be negative.")
mistakes.add("ReluAtBothLayers", but(network=lambda self, x: F.relu(self.down(F.relu(self.up(x))))),
    "You have a second ReLU after `down`. What is added to x may be negative.")
mistakes.add("PositionsNotPassedOn",
    but(found=lambda self, x, positions, causal: self.attention(self.norm_1(x), causal=causal)),
    "Your attention does not get the `positions`, so it does not know the order.")
mistakes.add("PositionsCountedFromZero",
    but(found=lambda self, x, positions, causal: self.attention(self.norm_1(x), torch.arange(x.size(1)), causal)),
    "Your block makes positions of its own. Pass on those that it is given, or None.")
mistakes.add("CausalNotPassedOn",
    but(found=lambda self, x, positions, causal: self.attention(self.norm_1(x), positions)),
    "Your attention does not get `causal`, so every position sees those that come later.")
mistakes.add("AlwaysCausal",
    but(found=lambda self, x, positions, causal: self.attention(self.norm_1(x), positions, causal=True)),
    "Your attention is causal whatever `causal` says. Pass it on.")
mistakes.add("CausalInverted",
    but(found=lambda self, x, positions, causal: self.attention(self.norm_1(x), positions, not causal)),
    "Your attention is causal when it should not be, and the other way round. Pass `causal` on as it is.")
mistakes.add("NotCausalByDefault",
    but(forward=lambda self, x, positions=None, causal=False: self.both(x, positions, causal)),
    "Your block is not causal unless it is told to be. The default is True.")
mistakes.add("ArgumentsMixedUp",
    but(found=lambda self, x, positions, causal: self.attention(self.norm_1(x), causal, positions)),
    "Your attention gets `causal` where it takes the positions. The order is x, positions, causal.")

@mistakes.program("Your `+=` writes into the x that was given. Make a new tensor: `x = x + …`.")
class InPlace(InSteps):
    def both(self, x, *how):
        x += self.found(x, *how)
        x += self.thought(x)
        return x

mistakes.add("LookupDetached", but(attend=lambda self, x, *how: x + self.found(x, *how).detach()),
    "Your numbers are right, but no gradient comes through the attention (detach, no_grad).")

@mistakes.program("You return the middle as well. Return x after both parts, nothing else.")
class ReturnsBoth(InSteps):
    def both(self, x, *how):
        x = self.attend(x, *how)
        return x, self.think(x)


SEED = Draw(lambda generator: torch.randint(10**6, (), generator=generator).item())


def drawn(B, T, d_model, heads, d_hidden, dtype=torch.float32, scale=10.0, **more):
    x = normal(B, T, d_model, dtype=dtype, scale=scale)
    return {"sizes": (d_model, heads, d_hidden), "seed": SEED, "x": x} | more


NETWORK_BY_HAND = {
    "attention.W_o.weight": zeros(2, 2), "up.weight": tensor([[1.0, 1.0], [-1.0, -1.0]]), "up.bias": zeros(2),
    "down.weight": tensor([[1.0, 5.0], [10.0, 5.0]]), "down.bias": zeros(2),
}
LOOKUP_BY_HAND = {
    "attention.W_q.weight": zeros(2, 2), "attention.W_v.weight": eye(2), "attention.W_o.weight": eye(2),
    "down.weight": zeros(2, 2), "down.bias": zeros(2),
}
exercise = Exercise(
    reference=TransformerBlock,
    use=transformers.transformer,
    cases=[
        Case("what it is made of, d_model 4, 2 heads, d_hidden 6, and how it starts", sizes=(4, 2, 6)),
        Case("a new block gives back its input", sizes=(4, 2, 6), x=normal(2, 3, 4)),
        Case("the MLP alone, by hand: (2, 2) is normed to (1, 1), goes up to (2, -2) and comes down as (2, 20)",
            sizes=(2, 1, 2), x=tensor([[[2.0, 2.0]]]), **NETWORK_BY_HAND),
        Case("the attention alone, by hand: the mean of the normed (1, 1) and (1, -1), as far as may be seen",
            sizes=(2, 1, 2), x=tensor([[[2.0, 2.0], [3.0, -3.0]]]), **LOOKUP_BY_HAND),
        Case("everything of one size", **drawn(4, 4, 4, 2, 4)),
        Case("all sizes different", **drawn(2, 5, 6, 3, 7)),
        Case("with positions", **drawn(2, 5, 8, 2, 3, positions=torch.arange(5))),
        Case("with positions that have gaps", **drawn(3, 4, 6, 1, 5, positions=tensor([2, 3, 9, 30]))),
        Case("causal, and told so", **drawn(2, 5, 6, 3, 4, causal=True)),
        Case("not causal", **drawn(2, 5, 6, 3, 4, causal=False)),
        Case("not causal, with positions", **drawn(2, 4, 8, 2, 6, positions=tensor([0, 4, 1, 2]), causal=False)),
        Case("one position", **drawn(3, 1, 4, 2, 5)),
        Case("one sequence", **drawn(1, 6, 4, 1, 8, positions=torch.arange(6))),
        Case("one hidden unit", **drawn(2, 3, 4, 2, 1)),
        Case("large inputs", **drawn(2, 4, 6, 2, 5, scale=1000)),
        Case("gradients", **drawn(2, 4, 8, 2, 5, positions=torch.arange(4)), grad=["x"]),
        Case("hidden numbers far above one", **drawn(2, 4, 6, 2, 5), **{"norm_2.weight": torch.full((6,), 30.0)}),
        Case("in train() and in eval() mode", **drawn(4, 8, 8, 2, 16), ask="modes"),
        Case("gradients of the parameters", of_gradients=True,
            **drawn(2, 3, 4, 2, 5, positions=torch.arange(3)), ask="gradients"),
        Case("64-bit numbers",
            **drawn(2, 4, 4, 2, 6, dtype=torch.float64, scale=1000, positions=torch.arange(4)), grad=["x"]),
    ],
    variants=[BranchByBranch, ByFormula],
    mistakes=mistakes,
    points=4,
    points_for_values=3,
)
