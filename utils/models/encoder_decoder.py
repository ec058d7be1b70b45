"""A recurrent network that reads a sentence and writes another, with a slot for attention."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from utils.data import END, PAD, START, Corpus, Pair


def fixed_context_step(y: Tensor, s: Tensor, context: Tensor, cell: Callable) -> Tensor:
    """The decoder's next state (B, W) from the word before y (B, E), its state s (B, W) and a context (B, C).

    Source: Cho et al. 2014, where the context is the same at every step.
    """
    return cell(torch.cat([y, context], -1), s)


def attention_decoder_step(
    y: Tensor, s: Tensor, encoder_states: Tensor, mask: Tensor, attention: Callable, cell: Callable
) -> tuple[Tensor, Tensor, Tensor]:
    """The decoder's next state (B, W), the context (B, C) it was given, and the weights (B, Tk) behind that.

    The state s (B, W), from before this step, asks; encoder_states (B, Tk, C) are keys and values; mask (B, Tk), True =
    may attend; y (B, E) is the word before. Source: Bahdanau et al. 2015, equations 4 to 6 and A.1.2.
    """
    context, weights = attention(s[:, None], encoder_states, encoder_states, mask)  # (B, 1, C), (B, 1, Tk)
    return fixed_context_step(y, s, context[:, 0], cell), context[:, 0], weights[:, 0]


class Memory(NamedTuple):
    """What the encoder leaves: its states (B, Tk, 2W), where they are not padding (B, Tk), and a summary (B, W)."""

    states: Tensor
    mask: Tensor
    summary: Tensor


class EncoderDecoder(nn.Module):
    """A bidirectional GRU reads, a GRU cell writes. Sentences are rows of numbers as data.Corpus gives them.

    Without attention the decoder gets the encoder's summary (B, width) as its context at every step (Cho et al. 2014).
    With it, the context comes from `attention(query, key, value, mask)` over the encoder's states, of width 2 · width
    (Bahdanau et al. 2015). In both, the summary is the decoder's first state. `step` may replace the function that
    makes one step of the decoder: fixed_context_step without attention, attention_decoder_step with it.
    """

    def __init__(
        self,
        source_words: int,
        target_words: int,
        attention: nn.Module | None = None,
        step: Callable | None = None,
        width: int = 64,
        embedding: int = 32,
    ):
        super().__init__()
        self.attention = attention
        self.step: Callable = step or (attention_decoder_step if attention is not None else fixed_context_step)
        self.source_embedding = nn.Embedding(source_words, embedding)
        self.target_embedding = nn.Embedding(target_words, embedding)
        self.encoder = nn.GRU(embedding, width, batch_first=True, bidirectional=True)
        self.summarise = nn.Linear(2 * width, width)
        context = width if attention is None else 2 * width
        self.cell = nn.GRUCell(embedding + context, width)
        self.out = nn.Linear(width + embedding + context, target_words)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Logits (B, Tq, target_words) of the words that follow each word of target (B, Tq), given source (B, Tk)."""
        memory = self.encode(source)
        state, read_out = memory.summary, []
        for y in self.target_embedding(target).unbind(1):
            state, context, _ = self.advance(y, state, memory)
            read_out.append(torch.cat([state, y, context], -1))
        return self.out(torch.stack(read_out, 1))

    def encode(self, source: Tensor) -> Memory:
        """Read source (B, Tk), whose padding is not read."""
        mask = source != PAD
        lengths = mask.sum(1).cpu()
        packed = pack_padded_sequence(self.source_embedding(source), lengths, batch_first=True, enforce_sorted=False)
        states, last = self.encoder(packed)  # last (2, B, W): forwards at the end, backwards at the beginning
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=source.size(1))
        return Memory(states, mask, torch.tanh(self.summarise(torch.cat([*last], -1))))

    def advance(self, y: Tensor, state: Tensor, memory: Memory) -> tuple[Tensor, Tensor, Tensor | None]:
        """The decoder's next state (B, W), the context (B, C) that it got, and the weights (B, Tk) if there are any."""
        if self.attention is None:
            return self.step(y, state, memory.summary, self.cell), memory.summary, None
        return self.step(y, state, memory.states, memory.mask, self.attention, self.cell)

    @torch.no_grad()
    def greedy(self, source: Tensor, max_length: int = 40) -> tuple[Tensor, Tensor | None]:
        """The likeliest next word, again and again: words (B, T), and the weights (B, T, Tk) if there are any."""
        memory = self.encode(source)
        state = memory.summary
        words: list[Tensor] = []
        weights: list[Tensor] = []
        word = torch.full((len(source),), START, device=source.device)
        finished = torch.zeros_like(word, dtype=torch.bool)
        while len(words) < max_length and not finished.all():
            y = self.target_embedding(word)
            state, context, looked = self.advance(y, state, memory)
            word = self.out(torch.cat([state, y, context], -1)).argmax(-1).masked_fill(finished, PAD)
            finished |= word == END
            words.append(word)
            if looked is not None:
                weights.append(looked)
        return torch.stack(words, 1), torch.stack(weights, 1) if weights else None

    def translate(self, corpus: Corpus, pairs: Sequence[Pair]) -> list[list[str]]:
        """The greedy translation of each pair's source, in words."""
        source, _ = corpus.tensors(pairs)
        words, _ = self.greedy(source.to(self.out.weight.device))
        return [corpus.target.decode(row) for row in words.tolist()]


def translation_loss(model: nn.Module, source: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of the next word, over the words of target (B, Tq) that are not padding."""
    logits = model(source, target[:, :-1])  # (B, Tq - 1, target_words)
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)
