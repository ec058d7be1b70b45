"""Right and wrong ways to write TransformerBlock: the variants and mistakes of its exercise."""

import torch
from torch import nn
from torch.nn import functional as F

from utils.models import SelfAttention, TransformerBlock


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


class InParts(TransformerBlock):
    """The same as TransformerBlock, in steps that a mistake can replace one at a time."""

    def forward(self, x, positions=None, causal=True):
        return self.think(self.attend(x, positions, causal))

    def attend(self, x, positions, causal):
        return x + self.attention(self.norm_1(x), positions, causal)

    def think(self, x):
        return x + self.network(self.norm_2(x))

    def network(self, x):
        return self.down(F.relu(self.up(x)))


class PostNorm(InParts):
    def attend(self, x, positions, causal):
        return self.norm_1(x + self.attention(x, positions, causal))

    def think(self, x):
        return self.norm_2(x + self.network(x))


class NormAfterTheBranch(InParts):
    def attend(self, x, positions, causal):
        return x + self.norm_1(self.attention(x, positions, causal))

    def think(self, x):
        return x + self.norm_2(self.network(x))


class NormedStream(InParts):
    def attend(self, x, positions, causal):
        x = self.norm_1(x)
        return x + self.attention(x, positions, causal)

    def think(self, x):
        x = self.norm_2(x)
        return x + self.network(x)


class NormedStreamBeforeTheAttention(InParts):
    def attend(self, x, positions, causal):
        x = self.norm_1(x)
        return x + self.attention(x, positions, causal)


class NormedStreamBeforeTheNetwork(InParts):
    def think(self, x):
        x = self.norm_2(x)
        return x + self.network(x)


class AnotherNormAtTheEnd(InParts):
    def think(self, x):
        return self.norm_2(super().think(x))


class NoResiduals(InParts):
    def attend(self, x, positions, causal):
        return self.attention(self.norm_1(x), positions, causal)

    def think(self, x):
        return self.network(self.norm_2(x))


class NoResidualAroundAttention(InParts):
    def attend(self, x, positions, causal):
        return self.attention(self.norm_1(x), positions, causal)


class NoResidualAroundNetwork(InParts):
    def think(self, x):
        return self.network(self.norm_2(x))


class InputAddedTwice(InParts):
    def forward(self, x, positions=None, causal=True):
        return super().forward(x, positions, causal) + x


class SecondSumFromTheInput(InParts):
    def forward(self, x, positions=None, causal=True):
        return x + self.network(self.norm_2(self.attend(x, positions, causal)))


class NetworkReadsTheLookupAlone(InParts):
    def forward(self, x, positions=None, causal=True):
        found = self.attention(self.norm_1(x), positions, causal)
        return x + found + self.network(self.norm_2(found))


class Parallel(InParts):
    def forward(self, x, positions=None, causal=True):
        return x + self.attention(self.norm_1(x), positions, causal) + self.network(self.norm_2(x))


class NetworkFirst(InParts):
    def forward(self, x, positions=None, causal=True):
        return self.attend(self.think(x), positions, causal)


class FirstNormForBoth(InParts):
    def think(self, x):
        return x + self.network(self.norm_1(x))


class NormsSwapped(InParts):
    def attend(self, x, positions, causal):
        return x + self.attention(self.norm_2(x), positions, causal)

    def think(self, x):
        return x + self.network(self.norm_1(x))


class NormsUnused(InParts):
    def attend(self, x, positions, causal):
        return x + self.attention(x, positions, causal)

    def think(self, x):
        return x + self.network(x)


class FirstNormUnused(InParts):
    def attend(self, x, positions, causal):
        return x + self.attention(x, positions, causal)


class SecondNormUnused(InParts):
    def think(self, x):
        return x + self.network(x)


class OneNorm(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        self.norm_2 = self.norm_1


class LayerNorms(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        self.norm_1, self.norm_2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)


class LayerNormsWithoutBias(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        self.norm_1, self.norm_2 = nn.LayerNorm(d_model, bias=False), nn.LayerNorm(d_model, bias=False)


class NoBiases(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        self.up, self.down = nn.Linear(d_model, d_hidden, bias=False), nn.Linear(d_hidden, d_model, bias=False)
        nn.init.zeros_(self.down.weight)


class AlwaysFourTimesAsWide(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, 4 * d_model)


class OneHead(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, 1, d_hidden)


class StartsAtRandom(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        for layer in (self.attention.W_o, self.down):
            layer.reset_parameters()


class AttentionStartsAtRandom(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        self.attention.W_o.reset_parameters()


class NetworkStartsAtRandom(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        self.down.reset_parameters()


class BiasStartsAtRandom(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        self.down.reset_parameters()
        nn.init.zeros_(self.down.weight)


class EverythingStartsAtZero(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)


class UpStartsAtZeroToo(InParts):
    def __init__(self, d_model, heads, d_hidden):
        super().__init__(d_model, heads, d_hidden)
        nn.init.zeros_(self.up.weight)


class NoRelu(InParts):
    def network(self, x):
        return self.down(self.up(x))


class Gelu(InParts):
    def network(self, x):
        return self.down(F.gelu(self.up(x)))


class Tanh(InParts):
    def network(self, x):
        return self.down(torch.tanh(self.up(x)))


class ReluAtTheEnd(InParts):
    def network(self, x):
        return F.relu(self.down(self.up(x)))


class ReluAtBothLayers(InParts):
    def network(self, x):
        return F.relu(self.down(F.relu(self.up(x))))


class SeedsItself(InParts):
    def __init__(self, d_model, heads, d_hidden):
        torch.manual_seed(0)
        super().__init__(d_model, heads, d_hidden)


class Dropout(InParts):
    def network(self, x):
        return F.dropout(super().network(x), 0.1, self.training)


class PositionsNotPassedOn(InParts):
    def attend(self, x, positions, causal):
        return x + self.attention(self.norm_1(x), causal=causal)


class PositionsCountedFromZero(InParts):
    def attend(self, x, positions, causal):
        return super().attend(x, torch.arange(x.size(1)), causal)


class CausalNotPassedOn(InParts):
    def attend(self, x, positions, causal):
        return x + self.attention(self.norm_1(x), positions)


class AlwaysCausal(InParts):
    def attend(self, x, positions, causal):
        return x + self.attention(self.norm_1(x), positions, causal=True)


class CausalInverted(InParts):
    def attend(self, x, positions, causal):
        return super().attend(x, positions, not causal)


class NotCausalByDefault(InParts):
    def forward(self, x, positions=None, causal=False):
        return super().forward(x, positions, causal)


class ArgumentsMixedUp(InParts):
    def attend(self, x, positions, causal):
        return x + self.attention(self.norm_1(x), causal, positions)


class InPlace(InParts):
    def forward(self, x, positions=None, causal=True):
        x += self.attention(self.norm_1(x), positions, causal)
        x += self.network(self.norm_2(x))
        return x


class LookupDetached(InParts):
    def attend(self, x, positions, causal):
        return x + self.attention(self.norm_1(x), positions, causal).detach()


class ReturnsBoth(InParts):
    def forward(self, x, positions=None, causal=True):
        x = self.attend(x, positions, causal)
        return x, self.think(x)
