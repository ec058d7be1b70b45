"""A language model made of blocks."""

import torch
from torch import tensor

from utils.attempts import probes
from utils.models import LanguageModel

from ..exercise import Case, Draw, Exercise, Mistake, normal
from . import language_model_programs as programs

SEED = Draw(lambda generator: torch.randint(10**6, (), generator=generator).item())


def _tokens(vocabulary, *shape):
    return Draw(lambda generator: torch.randint(vocabulary, shape, generator=generator))


def _drawn(B, T, vocabulary, d_model, heads, layers, context, **more):
    sizes = (vocabulary, d_model, heads, layers, context)
    return {"sizes": sizes, "seed": SEED, "tokens": _tokens(vocabulary, B, T)} | more


language_model = Exercise(
    reference=LanguageModel,
    probe=probes.language_model,
    cases=[
        Case("what it is made of: 7 tokens, d_model 4, 2 heads, 3 layers, context 5", sizes=(7, 4, 2, 3, 5)),
        Case("a new model finds all tokens equally likely", sizes=(7, 4, 2, 2, 5), tokens=_tokens(7, 2, 3)),
        Case(
            "new blocks give back their input, so by hand: (2, 2) and (3, -3), normed to (1, 1) and (1, -1), times the head", sizes=(2, 2, 1, 1, 2),
            tokens=tensor([[0, 1]]), **{"embedding.weight": tensor([[2.0, 2.0], [3.0, -3.0]]), "head.weight": tensor([[1.0, 0.0], [1.0, 10.0]])},
        ),
        Case("more tokens than the context", sizes=(5, 4, 2, 1, 3), tokens=tensor([[0, 1, 2, 3, 4, 3, 2, 1]])),
        Case("many more, in a batch", sizes=(50, 2, 1, 2, 4), tokens=_tokens(50, 3, 43)),
        Case("as many tokens as the context", **_drawn(2, 6, 5, 4, 2, 2, 6)),
        Case("fewer tokens than the context", **_drawn(3, 4, 7, 6, 3, 2, 9)),
        Case("one token", **_drawn(2, 1, 5, 4, 1, 2, 4)),
        Case("one sequence, one layer", **_drawn(1, 5, 6, 4, 2, 1, 5)),
        Case("everything of one size", **_drawn(4, 4, 4, 4, 4 // 2, 4, 4)),
        Case("three layers, three heads", **_drawn(2, 7, 9, 6, 3, 3, 8)),
        Case("a long sequence", **_drawn(1, 40, 5, 8, 2, 2, 64)),
        Case("after a call with a single token", **_drawn(2, 6, 5, 4, 2, 2, 6), earlier=tensor([[3]])),
        Case("in train() and in eval() mode", **_drawn(4, 8, 5, 8, 2, 2, 8), ask="modes"),
        Case("gradients of the parameters", **_drawn(2, 4, 5, 4, 2, 3, 6) | {"tokens": tensor([[0, 1, 2, 0], [4, 0, 3, 3]])}, ask="gradients", of_gradients=True),
        Case("64-bit numbers", **_drawn(2, 5, 6, 4, 2, 2, 5), **{"embedding.weight": normal(6, 4, scale=1000, dtype=torch.float64)}),
    ],
    variants=[programs.BlocksInAList, programs.CountedFromOne],
    mistakes=[
        Mistake(programs.NormUnused, "Your last norm is there and not used. The head reads `norm(x)`."),
        Mistake(programs.NormBeforeTheBlocks, "Your norm comes before the blocks. These have norms of their own; this one is for the head."),
        Mistake(programs.NormTwice, "Your norm is used before the blocks as well. Only the head reads through it."),
        Mistake(programs.NormAfterEveryBlock, "Your norm is used after every block, so nothing is carried through as it was. Once, before the head."),
        Mistake(programs.NormAfterEveryBlockToo, "Your norm is used after every block and before the head. The first are too many: what a block has given goes on as it is."),
        Mistake(programs.NormBeforeEveryBlock, "Your norm is used before every block. These have norms of their own; this one is for the head."),
        Mistake(programs.NoNorm, "Your model has no `norm` before its head. The sums have grown over the layers; the norm brings them to one size."),
        Mistake(programs.LayerNorm, "Your `norm` is a LayerNorm. Use `nn.RMSNorm`, as in the blocks."),
        Mistake(programs.OneBlockManyTimes, "Your list holds one and the same block several times, so all layers share their parameters. Build a new one for each layer."),
        Mistake(programs.CopiesOfOneBlock, "Your blocks all start with the same numbers: copies of one, or a seed set for each. Let every layer draw its own."),
        Mistake(programs.SeedsItself, "Your model seeds PyTorch's random numbers, so all models start with the same ones. Leave the seed to whoever builds them."),
        Mistake(programs.FirstBlockEveryTime, "Your first block is used for every layer. Go through all of them."),
        Mistake(programs.LastBlockLeftOut, "Your last block is not used."),
        Mistake(programs.EachBlockReadsTheEmbedding, "Each of your blocks reads the embedding, and only the last one's answer is kept. A block reads what the one before gave."),
        Mistake(programs.BlocksBackwards, "Your blocks are used from the last to the first."),
        Mistake(programs.AnotherResidual, "You add x to what a block gives. The block has added it already."),
        Mistake(programs.PlainList, "Your blocks are in a plain list, where PyTorch does not find their parameters. `nn.ModuleList` is a list that it looks into."),
        Mistake(programs.NoPositions, "Your blocks get no positions. The first attention then finds the tokens before each as a heap without order, and only deeper ones can guess at it."),
        Mistake(programs.PositionsBackwards, "Your positions count backwards."),
        Mistake(programs.TokensAsPositions, "Your blocks get the tokens as positions. A position says where a token stands: 0, 1, 2 and so on."),
        Mistake(programs.SequencesCounted, "You count the sequences of the batch. Positions count the tokens of one: `tokens.size(1)`."),
        Mistake(programs.PositionsAlwaysOfTheContext, "You make positions for the whole context. A sequence may be shorter: as many as there are tokens."),
        Mistake(programs.NotCausal, "Your model looks ahead: with `causal=False` it reads the very token that it is to predict."),
        Mistake(programs.HeadTied, "Your head is the embedding's matrix. Many models share the two; here the head is its own, and starts at zero."),
        Mistake(programs.HeadWithBias, "Your head has a bias. Leave it out."),
        Mistake(programs.HeadStartsAtRandom, "Your head starts at random, so a new model has opinions before it has read anything. Set its weight to zero."),
        Mistake(programs.EmbeddingStartsAtZero, "Your embedding starts at zero: all tokens are the same. Only the head starts there."),
        Mistake(programs.TokenZeroIsPadding, "Your embedding has a `padding_idx`, so this token's row starts at zero and is never learned. Here every token is a token."),
        Mistake(programs.EmbeddingScaled, "Your embedding is multiplied by the root of d_model, as in the paper of 2017. Here it goes in as it is."),
        Mistake(programs.Softmax, "You return probabilities. Return the logits: the loss and `sample` do the softmax."),
        Mistake(programs.LogSoftmax, "You return log-probabilities. Return the logits: the loss and `sample` do the softmax."),
        Mistake(programs.AlwaysThirtyTwoBits, "Your logits are 32-bit numbers whatever the parameters are. Leave them as they come."),
        Mistake(programs.Dropout, "Your model gives something else in train() than in eval() mode, as dropout makes it do. Many models have that; here there is none."),
        Mistake(programs.LastPositionOnly, "You return the last position alone. Every position predicts its next token: (B, T, vocabulary)."),
        Mistake(programs.LogitsTurned, "Your logits are (B, vocabulary, T). The vocabulary comes last."),
        Mistake(programs.HiddenAsWideAsTheModel, "Your blocks' hidden layer is as wide as the model. Make it 4 · d_model."),
        Mistake(programs.HeadsAndLayersSwapped, "Your heads and layers have changed places."),
        Mistake(programs.ContextAsVocabulary, "Your embedding has a row for each position of the context. It needs one for each token of the vocabulary."),
        Mistake(programs.ContextIgnored, "Your model takes more tokens than its context. Raise a ValueError that names both numbers."),
        Mistake(programs.ContextOneTooSmall, "Your model refuses as many tokens as its context. That many still fit."),
        Mistake(programs.ContextWithoutNumbers, "Your ValueError does not say how many tokens there were and how many fit. Name both numbers: who reads it wants to know."),
        Mistake(programs.ContextAsserted, "Your model checks the length with `assert`, which raises AssertionError, and nothing where Python runs with -O. Raise a ValueError."),
        Mistake(programs.ContextFoundOutByPyTorch, "Your model has no check of its own: too many tokens fail somewhere inside, with a message about shapes. Raise a ValueError that names both numbers."),
        Mistake(programs.CutToTheContext, "Your model quietly drops the first tokens where there are too many. Raise a ValueError, so that who calls it can decide."),
        Mistake(programs.PositionsOfTheFirstCall, "Your model keeps the positions of its first call. The next sequence may be longer: make them anew."),
        Mistake(programs.LengthWrittenDown, "You make the same number of positions every time. Count the tokens: `tokens.size(1)`."),
        Mistake(programs.NoGradient, "The numbers are right, but no gradient comes through the blocks (no_grad), so they would never learn."),
        Mistake(programs.NoGraph, "The numbers are right, but they come without a graph (no_grad, detach), so nothing would learn."),
        Mistake(programs.EmbeddingDetached, "The numbers are right, but no gradient reaches the embedding (detach), so it would never learn."),
    ],
    points=4,
    points_for_values=3,
)  # fmt: skip
