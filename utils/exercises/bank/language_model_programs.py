"""Right and wrong ways to write LanguageModel: the variants and mistakes of its exercise."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from utils.models import LanguageModel, TransformerBlock


class BlocksInAList(nn.Module):
    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__()
        blocks = [TransformerBlock(d_model=d_model, heads=heads, d_hidden=d_model * 4) for _ in range(layers)]
        self.head = nn.Linear(d_model, vocabulary, bias=False)
        self.head.weight.data.zero_()
        self.norm = nn.RMSNorm(d_model)
        self.embedding = nn.Embedding(vocabulary, d_model)
        self.blocks = nn.ModuleList(blocks)
        self.register_buffer("positions", torch.arange(context), persistent=False)

    def forward(self, tokens):
        T, longest = tokens.shape[1], len(self.positions)
        if T > longest:
            raise ValueError(f"context {longest}, tokens {T}")
        x = self.embedding(tokens)
        for i in range(len(self.blocks)):
            x = self.blocks[i](x, positions=self.positions[:T], causal=True)
        return self.head(self.norm(x))


class CountedFromOne(nn.Module):
    """Rotary positions tell how far apart two tokens are, so it does not matter where the count begins."""

    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__()
        self.embedding, self.longest = nn.Embedding(vocabulary, d_model), context
        self.blocks = nn.ModuleList()
        for _ in range(layers):
            self.blocks.append(TransformerBlock(d_model, heads, 4 * d_model))
        self.norm, self.head = nn.RMSNorm(d_model), nn.Linear(d_model, vocabulary, False)
        self.head.weight = nn.Parameter(torch.zeros(vocabulary, d_model))

    def forward(self, tokens):
        positions = torch.ones_like(tokens[0]).cumsum(0)
        if len(positions) > self.longest:
            raise ValueError(f"at most {self.longest} tokens, not {len(positions)}")
        x = F.embedding(tokens, self.embedding.weight)
        for block in self.blocks:
            x = block(x, positions)
        return self.norm(x) @ self.head.weight.mT


class InParts(LanguageModel):
    """The same as LanguageModel, in steps that a mistake can replace one at a time."""

    def forward(self, tokens):
        self.check(tokens)
        x = self.run(self.embed(tokens), self.positions(tokens))
        return self.read(x)

    def check(self, tokens):
        if tokens.size(1) > self.context:
            raise ValueError(f"{tokens.size(1)} tokens do not fit into a context of {self.context}")

    def embed(self, tokens):
        return self.embedding(tokens)

    def positions(self, tokens):
        return torch.arange(tokens.size(1))

    def run(self, x, positions):
        for block in self.blocks:
            x = block(x, positions)
        return x

    def read(self, x):
        return self.head(self.norm(x))


class NormUnused(InParts):
    def read(self, x):
        return self.head(x)


class NormBeforeTheBlocks(InParts):
    def embed(self, tokens):
        return self.norm(self.embedding(tokens))

    def read(self, x):
        return self.head(x)


class NormTwice(InParts):
    def embed(self, tokens):
        return self.norm(self.embedding(tokens))


class NormAfterEveryBlock(InParts):
    def run(self, x, positions):
        for block in self.blocks:
            x = self.norm(block(x, positions))
        return x

    def read(self, x):
        return self.head(x)


class NormAfterEveryBlockToo(InParts):
    def run(self, x, positions):
        for block in self.blocks:
            x = self.norm(block(x, positions))
        return x


class NormBeforeEveryBlock(InParts):
    def run(self, x, positions):
        for block in self.blocks:
            x = block(self.norm(x), positions)
        return x


class NoNorm(NormUnused):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        del self.norm


class LayerNorm(InParts):
    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__(vocabulary, d_model, heads, layers, context)
        self.norm = nn.LayerNorm(d_model)


class OneBlockManyTimes(InParts):
    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__(vocabulary, d_model, heads, layers, context)
        self.blocks = nn.ModuleList([self.blocks[0]] * layers)


class CopiesOfOneBlock(InParts):
    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__(vocabulary, d_model, heads, layers, context)
        self.blocks = nn.ModuleList(copy.deepcopy(self.blocks[0]) for _ in range(layers))


class SeedsItself(InParts):
    def __init__(self, *sizes):
        torch.manual_seed(0)
        super().__init__(*sizes)


class FirstBlockEveryTime(InParts):
    def run(self, x, positions):
        for _ in self.blocks:
            x = self.blocks[0](x, positions)
        return x


class LastBlockLeftOut(InParts):
    def run(self, x, positions):
        for block in self.blocks[:-1]:
            x = block(x, positions)
        return x


class EachBlockReadsTheEmbedding(InParts):
    def run(self, x, positions):
        for block in self.blocks:
            last = block(x, positions)
        return last


class BlocksBackwards(InParts):
    def run(self, x, positions):
        for block in reversed(self.blocks):
            x = block(x, positions)
        return x


class AnotherResidual(InParts):
    def run(self, x, positions):
        for block in self.blocks:
            x = x + block(x, positions)
        return x


class PlainList(InParts):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        blocks = list(self.blocks)
        del self.blocks
        self.blocks = blocks


class NoPositions(InParts):
    def positions(self, tokens):
        return None


class PositionsBackwards(InParts):
    def positions(self, tokens):
        return super().positions(tokens).flip(0)


class TokensAsPositions(InParts):
    def positions(self, tokens):
        return tokens[0]


class SequencesCounted(InParts):
    def positions(self, tokens):
        return torch.arange(len(tokens))


class PositionsAlwaysOfTheContext(InParts):
    def positions(self, tokens):
        return torch.arange(self.context)


class NotCausal(InParts):
    def run(self, x, positions):
        for block in self.blocks:
            x = block(x, positions, causal=False)
        return x


class HeadTied(InParts):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.head.weight = self.embedding.weight


class HeadWithBias(InParts):
    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__(vocabulary, d_model, heads, layers, context)
        self.head = nn.Linear(d_model, vocabulary)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)


class HeadStartsAtRandom(InParts):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.head.reset_parameters()


class EmbeddingStartsAtZero(InParts):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        nn.init.zeros_(self.embedding.weight)


class TokenZeroIsPadding(InParts):
    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__(vocabulary, d_model, heads, layers, context)
        self.embedding = nn.Embedding(vocabulary, d_model, padding_idx=0)


class EmbeddingScaled(InParts):
    def embed(self, tokens):
        return self.embedding(tokens) * math.sqrt(self.embedding.embedding_dim)


class Softmax(InParts):
    def read(self, x):
        return super().read(x).softmax(-1)


class LogSoftmax(InParts):
    def read(self, x):
        return super().read(x).log_softmax(-1)


class AlwaysThirtyTwoBits(InParts):
    def read(self, x):
        return super().read(x).float()


class Dropout(InParts):
    def embed(self, tokens):
        return F.dropout(super().embed(tokens), 0.1, self.training)


class LastPositionOnly(InParts):
    def read(self, x):
        return super().read(x)[:, -1]


class LogitsTurned(InParts):
    def read(self, x):
        return super().read(x).mT


class HiddenAsWideAsTheModel(InParts):
    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__(vocabulary, d_model, heads, layers, context)
        self.blocks = nn.ModuleList(TransformerBlock(d_model, heads, d_model) for _ in range(layers))


class HeadsAndLayersSwapped(InParts):
    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__(vocabulary, d_model, layers, heads, context)


class ContextAsVocabulary(InParts):
    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__(vocabulary, d_model, heads, layers, context)
        self.embedding = nn.Embedding(context, d_model)


class ContextIgnored(InParts):
    def check(self, tokens):
        pass


class ContextOneTooSmall(InParts):
    def check(self, tokens):
        if tokens.size(1) >= self.context:
            raise ValueError(f"{tokens.size(1)} tokens do not fit into a context of {self.context}")


class ContextWithoutNumbers(InParts):
    def check(self, tokens):
        if tokens.size(1) > self.context:
            raise ValueError("too many tokens")


class ContextAsserted(InParts):
    def check(self, tokens):
        assert tokens.size(1) <= self.context, f"{tokens.size(1)} tokens, context {self.context}"


class ContextFoundOutByPyTorch(InParts):
    def check(self, tokens):
        pass

    def positions(self, tokens):
        return torch.arange(self.context)[: tokens.size(1)]


class CutToTheContext(InParts):
    def forward(self, tokens):
        return super().forward(tokens[:, -self.context :])


class PositionsOfTheFirstCall(InParts):
    first = None

    def positions(self, tokens):
        if self.first is None:
            self.first = super().positions(tokens)
        return self.first


class LengthWrittenDown(InParts):
    def positions(self, tokens):
        return torch.arange(4)


class NoGradient(InParts):
    def run(self, x, positions):
        with torch.no_grad():
            return super().run(x, positions)


class NoGraph(InParts):
    @torch.no_grad()
    def forward(self, tokens):
        return super().forward(tokens)


class EmbeddingDetached(InParts):
    def embed(self, tokens):
        return super().embed(tokens).detach()
