"""A language model made of blocks."""

import copy

import torch
from torch import nn, tensor
from torch.nn import functional as F

from utils.attempts.uses import transformers
from utils.models import LanguageModel, TransformerBlock

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing


class InSteps(nn.Module):
    """The same as LanguageModel."""

    def __init__(self, vocabulary, d_model, heads, layers, context):
        super().__init__()
        self.context = context
        self.embedding = self.new_embedding(vocabulary, d_model)
        self.blocks = self.new_blocks(layers, d_model, heads)
        self.norm = self.new_norm(d_model)
        self.head = self.new_head(d_model, vocabulary)
        for parameter in self.at_zero():
            nn.init.zeros_(parameter)

    def new_embedding(self, vocabulary, d_model):
        return nn.Embedding(vocabulary, d_model)

    def new_blocks(self, layers, *sizes):
        return nn.ModuleList(self.new_block(*sizes) for _ in range(layers))

    def new_block(self, d_model, heads):
        return TransformerBlock(d_model, heads, 4 * d_model)

    def new_norm(self, d_model):
        return nn.RMSNorm(d_model)

    def new_head(self, d_model, vocabulary):
        return nn.Linear(d_model, vocabulary, bias=False)

    def at_zero(self):
        return self.head.parameters()

    def forward(self, tokens):
        T = tokens.size(1)
        if not self.fits(T):
            raise self.refusal(T)
        return self.read(self.run(self.embed(tokens), self.positions(tokens)))

    def fits(self, T):
        return T <= self.context

    def refusal(self, T):
        return ValueError(f"{T} tokens do not fit into a context of {self.context}")

    def embed(self, tokens):
        return self.embedding(tokens)

    def positions(self, tokens):
        return torch.arange(tokens.size(1))

    def run(self, x, positions):
        for block in self.in_order():
            x = self.layer(block, x, positions)
        return x

    def in_order(self):
        return self.blocks

    def layer(self, block, x, positions):
        return block(x, positions)

    def read(self, x):
        return self.head(self.norm(x))


# Right, and written differently

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


# Wrong

but = replacing(InSteps)
mistakes = Mistakes()

mistakes.add("NormUnused", but(read=lambda self, x: self.head(x)),
    "Your last norm is there and not used. The head reads `norm(x)`.")
mistakes.add("NormBeforeTheBlocks", but(
    embed=lambda self, tokens: self.norm(self.embedding(tokens)),
    read=lambda self, x: self.head(x)),
    "Your norm comes before the blocks. These have norms of their own; this one is for the head.")
mistakes.add("NormTwice", but(embed=lambda self, tokens: self.norm(self.embedding(tokens))),
    "Your norm is used before the blocks as well. Only the head reads through it.")
mistakes.add("NormAfterEveryBlock", but(
    layer=lambda self, block, x, positions: self.norm(block(x, positions)),
    read=lambda self, x: self.head(x)),
    "Your norm is used after every block, so nothing is carried through as it was. Once, before the head.")
mistakes.add("NormAfterEveryBlockToo", but(layer=lambda self, block, x, positions: self.norm(block(x, positions))),
    "Your norm is used after every block and before the head. The first are too many: what a block has given goes on as it is.")
mistakes.add("NormBeforeEveryBlock", but(layer=lambda self, block, x, positions: block(self.norm(x), positions)),
    "Your norm is used before every block. These have norms of their own; this one is for the head.")
mistakes.add("NoNorm", but(new_norm=lambda self, d_model: None, read=lambda self, x: self.head(x)),
    "Your model has no `norm` before its head. The sums have grown over the layers; the norm brings them to one size.")
mistakes.add("LayerNorm", but(new_norm=lambda self, d_model: nn.LayerNorm(d_model)),
    "Your `norm` is a LayerNorm. Use `nn.RMSNorm`, as in the blocks.")
mistakes.add("OneBlockManyTimes",
    but(new_blocks=lambda self, layers, *sizes: nn.ModuleList([self.new_block(*sizes)] * layers)),
    "Your list holds one and the same block several times, so all layers share their parameters. Build a new one for each layer.")

@mistakes.program("Your blocks all start with the same numbers: copies of one, or a seed set for each. Let every layer draw its own.")
class CopiesOfOneBlock(InSteps):
    def new_blocks(self, layers, *sizes):
        first = self.new_block(*sizes)
        return nn.ModuleList(copy.deepcopy(first) for _ in range(layers))

@mistakes.program("Your model seeds PyTorch's random numbers, so all models start with the same ones. Leave the seed to whoever builds them.")
class SeedsItself(InSteps):
    def __init__(self, *sizes):
        torch.manual_seed(0)
        super().__init__(*sizes)

mistakes.add("FirstBlockEveryTime", but(in_order=lambda self: [self.blocks[0]] * len(self.blocks)),
    "Your first block is used for every layer. Go through all of them.")
mistakes.add("LastBlockLeftOut", but(in_order=lambda self: self.blocks[:-1]),
    "Your last block is not used.")
mistakes.add("EachBlockReadsTheEmbedding",
    but(run=lambda self, x, positions: [block(x, positions) for block in self.blocks][-1]),
    "Each of your blocks reads the embedding, and only the last one's answer is kept. A block reads what the one before gave.")
mistakes.add("BlocksBackwards", but(in_order=lambda self: reversed(self.blocks)),
    "Your blocks are used from the last to the first.")
mistakes.add("AnotherResidual", but(layer=lambda self, block, x, positions: x + block(x, positions)),
    "You add x to what a block gives. The block has added it already.")
mistakes.add("PlainList", but(new_blocks=lambda self, layers, *sizes: [self.new_block(*sizes) for _ in range(layers)]),
    "Your blocks are in a plain list, where PyTorch does not find their parameters. `nn.ModuleList` is a list that it looks into.")
mistakes.add("NoPositions", but(positions=lambda self, tokens: None),
    "Your blocks get no positions. The first attention then finds the tokens before each as a heap without order, and only deeper ones can guess at it.")
mistakes.add("PositionsBackwards", but(positions=lambda self, tokens: torch.arange(tokens.size(1)).flip(0)),
    "Your positions count backwards.")
mistakes.add("TokensAsPositions", but(positions=lambda self, tokens: tokens[0]),
    "Your blocks get the tokens as positions. A position says where a token stands: 0, 1, 2 and so on.")
mistakes.add("SequencesCounted", but(positions=lambda self, tokens: torch.arange(len(tokens))),
    "You count the sequences of the batch. Positions count the tokens of one: `tokens.size(1)`.")
mistakes.add("PositionsAlwaysOfTheContext", but(positions=lambda self, tokens: torch.arange(self.context)),
    "You make positions for the whole context. A sequence may be shorter: as many as there are tokens.")
mistakes.add("NotCausal", but(layer=lambda self, block, x, positions: block(x, positions, causal=False)),
    "Your model looks ahead: with `causal=False` it reads the very token that it is to predict.")

@mistakes.program("Your head is the embedding's matrix. Many models share the two; here the head is its own, and starts at zero.")
class HeadTied(InSteps):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.head.weight = self.embedding.weight

@mistakes.program("Your head is the embedding's matrix, and with it the embedding starts at zero as well: all tokens are the same. Here the head is its own.")
class HeadTiedAndZero(InSteps):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.head.weight = self.embedding.weight
        nn.init.zeros_(self.head.weight)

mistakes.add("HeadWithBias", but(new_head=lambda self, d_model, vocabulary: nn.Linear(d_model, vocabulary)),
    "Your head has a bias. Leave it out.")
mistakes.add("HeadStartsAtRandom", but(at_zero=lambda self: []),
    "Your head starts at random, so a new model has opinions before it has read anything. Set its weight to zero.")
mistakes.add("EmbeddingStartsAtZero", but(at_zero=lambda self: [self.embedding.weight, self.head.weight]),
    "Your embedding starts at zero: all tokens are the same. Only the head starts there.")
mistakes.add("TokenZeroIsPadding", but(new_embedding=lambda self, *sizes: nn.Embedding(*sizes, padding_idx=0)),
    "Your embedding has a `padding_idx`, so this token's row starts at zero and is never learned. Here every token is a token.")
mistakes.add("EmbeddingScaled",
    but(embed=lambda self, tokens: self.embedding(tokens) * self.embedding.embedding_dim**0.5),
    "Your embedding is multiplied by the root of d_model, as in the paper of 2017. Here it goes in as it is.")
mistakes.add("Softmax", but(read=lambda self, x: self.head(self.norm(x)).softmax(-1)),
    "You return probabilities. Return the logits: the loss and `sample` do the softmax.")
mistakes.add("LogSoftmax", but(read=lambda self, x: self.head(self.norm(x)).log_softmax(-1)),
    "You return log-probabilities. Return the logits: the loss and `sample` do the softmax.")
mistakes.add("AlwaysThirtyTwoBits", but(read=lambda self, x: self.head(self.norm(x)).float()),
    "Your logits are 32-bit numbers whatever the parameters are. Leave them as they come.")
mistakes.add("Dropout", but(embed=lambda self, tokens: F.dropout(self.embedding(tokens), 0.1, self.training)),
    "Your model gives something else in train() than in eval() mode, as dropout makes it do. Many models have that; here there is none.")
mistakes.add("LastPositionOnly", but(read=lambda self, x: self.head(self.norm(x))[:, -1]),
    "You return the last position alone. Every position predicts its next token: (B, T, vocabulary).")
mistakes.add("LogitsTurned", but(read=lambda self, x: self.head(self.norm(x)).mT),
    "Your logits are (B, vocabulary, T). The vocabulary comes last.")
mistakes.add("HiddenAsWideAsTheModel",
    but(new_block=lambda self, d_model, heads: TransformerBlock(d_model, heads, d_model)),
    "Your blocks' hidden layer is as wide as the model. Make it 4 · d_model.")
mistakes.add("HeadsAndLayersSwapped",
    but(new_blocks=lambda self, layers, d_model, heads: InSteps.new_blocks(self, heads, d_model, layers)),
    "Your heads and layers have changed places.")
mistakes.add("ContextAsVocabulary",
    but(new_embedding=lambda self, vocabulary, d_model: nn.Embedding(self.context, d_model)),
    "Your embedding has a row for each position of the context. It needs one for each token of the vocabulary.")
mistakes.add("ContextIgnored", but(fits=lambda self, T: True),
    "Your model takes more tokens than its context. Raise a ValueError that names both numbers.")
mistakes.add("ContextOneTooSmall", but(fits=lambda self, T: T < self.context),
    "Your model refuses as many tokens as its context. That many still fit.")
mistakes.add("ContextWithoutNumbers", but(refusal=lambda self, T: ValueError("too many tokens")),
    "Your ValueError does not say how many tokens there were and how many fit. Name both numbers: who reads it wants to know.")
mistakes.add("ContextAsserted", but(refusal=lambda self, T: AssertionError(f"{T} tokens, context {self.context}")),
    "Your model checks the length with `assert`, which raises AssertionError, and nothing where Python runs with -O. Raise a ValueError.")
mistakes.add("ContextFoundOutByPyTorch", but(
    fits=lambda self, T: True,
    positions=lambda self, tokens: torch.arange(self.context)[: tokens.size(1)]),
    "Your model has no check of its own: too many tokens fail somewhere inside, with a message about shapes. Raise a ValueError that names both numbers.")
mistakes.add("CutToTheContext",
    but(forward=lambda self, tokens: InSteps.forward(self, tokens[:, -self.context :])),
    "Your model quietly drops the first tokens where there are too many. Raise a ValueError, so that who calls it can decide.")

@mistakes.program("Your model keeps the positions of its first call. The next sequence may be longer: make them anew.")
class PositionsOfTheFirstCall(InSteps):
    first = None

    def positions(self, tokens):
        if self.first is None:
            self.first = super().positions(tokens)
        return self.first

mistakes.add("LengthWrittenDown", but(positions=lambda self, tokens: torch.arange(4)),
    "You make the same number of positions every time. Count the tokens: `tokens.size(1)`.")
mistakes.add("NoGradient", but(run=torch.no_grad()(InSteps.run)),
    "The numbers are right, but no gradient comes through the blocks (no_grad), so they would never learn.")
mistakes.add("NoGraph", but(forward=torch.no_grad()(InSteps.forward)),
    "The numbers are right, but they come without a graph (no_grad, detach), so nothing would learn.")
mistakes.add("EmbeddingDetached", but(embed=lambda self, tokens: self.embedding(tokens).detach()),
    "The numbers are right, but no gradient reaches the embedding (detach), so it would never learn.")


SEED = Draw(lambda generator: torch.randint(10**6, (), generator=generator).item())


def some_tokens(vocabulary, *shape):
    return Draw(lambda generator: torch.randint(vocabulary, shape, generator=generator))


def drawn(B, T, vocabulary, d_model, heads, layers, context, **more):
    sizes = (vocabulary, d_model, heads, layers, context)
    return {"sizes": sizes, "seed": SEED, "tokens": some_tokens(vocabulary, B, T)} | more


BY_HAND = {
    "embedding.weight": tensor([[2.0, 2.0], [3.0, -3.0]]), "head.weight": tensor([[1.0, 0.0], [1.0, 10.0]]),
}
exercise = Exercise(
    reference=LanguageModel,
    use=transformers.language_model,
    cases=[
        Case("what it is made of: 7 tokens, d_model 4, 2 heads, 3 layers, context 5", sizes=(7, 4, 2, 3, 5)),
        Case("a new model finds all tokens equally likely", sizes=(7, 4, 2, 2, 5), tokens=some_tokens(7, 2, 3)),
        Case("new blocks give back their input, so by hand: (2, 2) and (3, -3), normed to (1, 1) and (1, -1), times the head",
            sizes=(2, 2, 1, 1, 2), tokens=tensor([[0, 1]]), **BY_HAND),
        Case("more tokens than the context", sizes=(5, 4, 2, 1, 3), tokens=tensor([[0, 1, 2, 3, 4, 3, 2, 1]])),
        Case("many more, in a batch", sizes=(50, 2, 1, 2, 4), tokens=some_tokens(50, 3, 43)),
        Case("as many tokens as the context", **drawn(2, 6, 5, 4, 2, 2, 6)),
        Case("fewer tokens than the context", **drawn(3, 4, 7, 6, 3, 2, 9)),
        Case("one token", **drawn(2, 1, 5, 4, 1, 2, 4)),
        Case("one sequence, one layer", **drawn(1, 5, 6, 4, 2, 1, 5)),
        Case("everything of one size", **drawn(4, 4, 4, 4, 2, 4, 4)),
        Case("three layers, three heads", **drawn(2, 7, 9, 6, 3, 3, 8)),
        Case("a long sequence", **drawn(1, 40, 5, 8, 2, 2, 64)),
        Case("after a call with a single token", **drawn(2, 6, 5, 4, 2, 2, 6), earlier=tensor([[3]])),
        Case("in train() and in eval() mode", **drawn(4, 8, 5, 8, 2, 2, 8), ask="modes"),
        Case("gradients of the parameters", of_gradients=True,
            **drawn(2, 4, 5, 4, 2, 3, 6, tokens=tensor([[0, 1, 2, 0], [4, 0, 3, 3]])), ask="gradients"),
        Case("64-bit numbers",
            **drawn(2, 5, 6, 4, 2, 2, 5), **{"embedding.weight": normal(6, 4, scale=1000, dtype=torch.float64)}),
    ],
    variants=[BlocksInAList, CountedFromOne],
    mistakes=mistakes,
    points=4,
    points_for_values=3,
)
