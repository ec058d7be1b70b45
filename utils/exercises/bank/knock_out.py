"""A language model with one part of one block put out of action."""

import copy

import torch
from torch import nn, tensor
from torch.nn import functional as F

from utils.attempts.uses import knock_outs

from ..exercise import Case, Draw, Exercise, Mistakes, normal, replacing


def knock_out(model, layer, part):
    """A copy of the LanguageModel in which one part of block `layer` (0, 1, …) is put out of action:

    'attention' adds nothing; 'weights' still adds, but every position looks equally at itself and all
    before it; 'mlp' adds nothing. `model` is left alone. Raises ValueError for any other part.
    """
    return in_steps(model, layer, part)


def zeroed(*parameters):
    with torch.no_grad():
        for parameter in parameters:
            parameter.zero_()

def refuse(part):
    if part not in ("attention", "weights", "mlp"):
        raise ValueError(f"a part is 'attention', 'weights' or 'mlp', not {part!r}")

def of_that_layer(blocks, layer):
    return [blocks[layer]]

def nothing_found(block):
    zeroed(block.attention.W_o.weight)

def looks_evenly(block):
    zeroed(block.attention.W_q.weight)  # a query of zeros: all scores are 0, so all weights alike

def nothing_thought(block):
    zeroed(block.down.weight, block.down.bias)

def the_model(model, layer):
    return model

def in_steps(model, layer, part, check=refuse, copied=copy.deepcopy, chosen=of_that_layer, attention=nothing_found,
             weights=looks_evenly, mlp=nothing_thought, answer=the_model):
    check(part)
    model = copied(model)
    for block in chosen(model.blocks, layer):
        {"attention": attention, "weights": weights, "mlp": mlp}.get(part, mlp)(block)
    return answer(model, layer)


# Right, and written differently

class Nothing(nn.Module):
    def forward(self, x, *_, **__):
        return torch.zeros_like(x)

class Evenly(nn.Module):
    """In an attention's place: `shares(T)` (T, T) says how much each position takes of each."""

    def __init__(self, attention, shares):
        super().__init__()
        self.attention, self.shares = attention, shares

    def forward(self, x, positions=None, causal=False):
        return self.attention.W_o(self.shares(x.size(1)) @ self.attention.W_v(x))

def mean_so_far(T):
    return torch.ones(T, T).tril() / torch.arange(1, T + 1)[:, None]

def other_modules(model, layer, part):
    model = copy.deepcopy(model)
    block = model.blocks[layer]
    match part:
        case "attention":
            block.attention = Nothing()
        case "weights":
            block.attention = Evenly(block.attention, mean_so_far)
        case "mlp":
            block.up, block.down = nn.Identity(), Nothing()
        case _:
            raise ValueError(part)
    return model

def hooks(model, layer, part):
    model = copy.deepcopy(model)
    block = model.blocks[layer]
    places = {"attention": block.attention, "weights": block.attention.W_k, "mlp": block.down}
    if part not in places:
        raise ValueError(f"no part {part}")
    places[part].register_forward_hook(lambda module, inputs, output: 0 * output)
    return model

class Run(nn.Module):
    """The model's own parts, used here; `out` are the layers and parts that are out of action."""

    def __init__(self, model, *out):
        super().__init__()
        self.embedding, self.blocks, self.norm, self.head = model.embedding, model.blocks, model.norm, model.head
        self.out = {*getattr(model, "out", ()), out}

    def forward(self, tokens):
        x, positions = self.embedding(tokens), torch.arange(tokens.size(1), device=tokens.device)
        for number, block in enumerate(self.blocks):
            if (number, "weights") in self.out:
                value = block.attention.W_v(block.norm_1(x))
                x = x + block.attention.W_o(value.cumsum(1) / (positions + 1)[:, None])
            elif (number, "attention") not in self.out:
                x = x + block.attention(block.norm_1(x), positions, True)
            if (number, "mlp") not in self.out:
                x = x + block.down(F.relu(block.up(block.norm_2(x))))
        return self.head(self.norm(x))

def run_by_hand(model, layer, part):
    if part not in {"attention", "weights", "mlp"}:
        raise ValueError(f"part {part}")
    return Run(copy.deepcopy(model), layer, part)

def other_numbers(model, layer, part):
    """Values of zeros add nothing, keys of zeros match everything alike."""
    names = {"attention": ["attention.W_v.weight"], "weights": ["attention.W_k.weight"]}
    names["mlp"] = ["down.weight", "down.bias"]
    if part not in names:
        raise ValueError(part)
    model, state = copy.deepcopy(model), {name: value.clone() for name, value in model.state_dict().items()}
    for name in names[part]:
        state[f"blocks.{layer}.{name}"] *= 0
    model.load_state_dict(state)
    return model


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("changes_the_given_one", but(copied=lambda model: model),
    "You change the model that was given and return it, so nothing whole is left to compare with. Work on a `copy.deepcopy` of it.")
mistakes.add("shallow_copy", but(copied=copy.copy),
    "`copy.copy` makes a new model around the same parameters, so the given one has lost the part as well. `copy.deepcopy` copies what is inside, too.")
def changes_the_original(model, layer, part):
    changed = copy.deepcopy(model)
    in_steps(model, layer, part, copied=lambda model: model)
    return changed

mistakes.add("changes_the_original", changes_the_original,
    "You copy the model, and then change the one that was given: the copy that you return is whole. Take the block from the copy.")
mistakes.add("copies_too_late", but(copied=lambda model: model, answer=lambda model, layer: copy.deepcopy(model)),
    "You copy the model after the change, so the one that was given has lost the part as well. First copy, then change the copy.")

@mistakes.program("Your hook hangs on the model that was given: its parameters are as before, and yet it answers differently from now on. Hang it on a copy.")
def hook_on_the_given(model, layer, part):
    refuse(part)
    block = model.blocks[layer]
    place = {"attention": block.attention, "weights": block.attention.W_k, "mlp": block.down}[part]
    place.register_forward_hook(lambda module, inputs, output: 0 * output)
    return model

@mistakes.program("Your result runs the parameters of the model that was given, so to train one would change the other. Copy them: `copy.deepcopy`.")
def runs_the_given_one(model, layer, part):
    refuse(part)
    return Run(model, layer, part)

mistakes.add("leaves_the_bias", but(mlp=lambda block: zeroed(block.down.weight)),
    "With 'mlp', something is still added, the same at every position: the bias of `down`. It has to go with the weight.")
mistakes.add("zeroes_up_alone", but(mlp=lambda block: zeroed(block.up.weight)),
    "With 'mlp', no token gets through `up` any more (or through its norm), and what `down` makes of the biases is still added. `down` is what writes into the stream: zero its weight and its bias.")
mistakes.add("bias_alone", but(mlp=lambda block: zeroed(block.down.bias)),
    "With 'mlp', you zero the bias of `down` alone. Its weight writes into the stream as well.")

def evenly(shares):
    def put_in(block):
        block.attention = Evenly(block.attention, shares)
    return put_in

mistakes.add("sees_the_future", but(weights=evenly(lambda T: torch.full((T, T), 1 / T))),
    "With 'weights', a position looks at later ones too. Alike, but only over itself and those before: the model stays causal.")
mistakes.add("divides_by_the_length", but(weights=evenly(lambda T: torch.ones(T, T).tril() / T)),
    "With 'weights', you divide by the length of the whole sequence. Position t sees t + 1 positions (counted from 0), and its weights sum to one.")
mistakes.add("sum_for_the_mean", but(weights=evenly(lambda T: torch.ones(T, T).tril())),
    "With 'weights', a position adds up all values that it sees. Weights sum to one, so even ones make a mean.")
mistakes.add("itself_alone", but(weights=evenly(torch.eye)),
    "With 'weights', every position looks at itself alone. It looks at all before it just as much.")
mistakes.add("without_itself", but(weights=evenly(lambda T: mean_so_far(T).roll(1, 0).tril(-1))),
    "With 'weights', a position does not look at itself. It is one of those that it sees, so the first one looks at itself alone.")

class EvenlyOverTheInputs(Evenly):
    def forward(self, x, positions=None, causal=False):
        return mean_so_far(x.size(1)) @ x

@mistakes.program("With 'weights', the mean is taken of what the attention reads. What it carries are values, and they come back through `W_o`: only the weights change.")
def inputs_for_values(model, layer, part):
    def put_in(block):
        block.attention = EvenlyOverTheInputs(block.attention, mean_so_far)
    return in_steps(model, layer, part, weights=put_in)

mistakes.add("values_alike", but(weights=lambda block: block.attention.W_v.weight.data.fill_(1 / block.up.in_features)),
    "With 'weights', you have changed the values. What is carried stays as it was; only how much is taken from where becomes even.")
mistakes.add("queries_of_ones", but(weights=lambda block: block.attention.W_q.weight.data.fill_(1)),
    "With 'weights', you fill `W_q` with ones: a query is then the same number everywhere, and scores still differ from key to key. All scores are alike where the query is zero.")
mistakes.add("queries_and_keys_of_ones", but(weights=lambda block:
    [parameter.data.fill_(1) for name, parameter in block.attention.named_parameters() if name[:3] in ("W_q", "W_k")]),
    "With 'weights', you fill `W_q` and `W_k` with ones: the scores still differ with what stands at each position. All scores are alike where the query is zero.")
mistakes.add("even_is_off", but(weights=nothing_found),
    "With 'weights', the attention adds nothing. It should still add, namely the mean of the values that a position sees.")
mistakes.add("off_is_even", but(attention=looks_evenly),
    "With 'attention', it still adds the mean of the values. It should add nothing.")
mistakes.add("attention_and_weights_swapped", but(attention=looks_evenly, weights=nothing_found),
    "Your 'attention' and 'weights' have changed places: the first adds nothing, the second adds an even mean.")
mistakes.add("attention_and_mlp_swapped", but(attention=nothing_thought, mlp=nothing_found),
    "Your 'attention' and 'mlp' have changed places.")
mistakes.add("always_the_attention", but(weights=nothing_found, mlp=nothing_found),
    "You put the attention out of action whatever `part` says.")

def passes_on(block):
    block.forward = lambda x, *_, **__: x

mistakes.add("block_for_attention", but(attention=passes_on),
    "With 'attention', the block's MLP has gone as well. Only the attention's sum is left out.")
mistakes.add("block_for_mlp", but(mlp=passes_on),
    "With 'mlp', the block's attention has gone as well. Only the MLP's sum is left out.")
mistakes.add("whole_block", but(attention=passes_on, mlp=passes_on),
    "You take out the whole block. With 'attention' its MLP still adds, with 'mlp' its attention does.")

def is_silent(block):
    block.register_forward_hook(lambda block, inputs, output: 0 * output)

mistakes.add("silent_block", but(attention=is_silent, mlp=is_silent),
    "Your block gives zeros, so the stream has gone with it, and with that all that came before. The block still passes on what it has read; one part of it adds nothing.")

def is_drawn_anew(linear):
    return lambda block: linear(block).reset_parameters()

mistakes.add("drawn_anew", but(
    attention=is_drawn_anew(lambda block: block.attention.W_o),
    weights=is_drawn_anew(lambda block: block.attention.W_q),
    mlp=is_drawn_anew(lambda block: block.down)),
    "You give the part fresh random numbers, so it adds noise. Out of action means that it adds nothing: zeros.")

mistakes.add("counts_from_one", but(chosen=lambda blocks, layer: [blocks[layer - 1]]),
    "You knock out block layer - 1. Layers count from 0 here, as in the list.")
mistakes.add("one_too_far", but(chosen=lambda blocks, layer: [blocks[layer + 1]]),
    "You knock out block layer + 1. Layers count from 0 here, as in the list.")
mistakes.add("from_the_end", but(chosen=lambda blocks, layer: [blocks[-layer - 1]]),
    "You count layers from the end. Layer 0 is the first that reads the embedding.")
mistakes.add("always_the_first", but(chosen=lambda blocks, layer: [blocks[0]]),
    "You knock out the first block whatever `layer` says.")
mistakes.add("always_the_last", but(chosen=lambda blocks, layer: [blocks[-1]]),
    "You knock out the last block whatever `layer` says: after a loop, its variable is the last one.")
mistakes.add("all_layers", but(chosen=lambda blocks, layer: blocks),
    "You knock out the part in every block. Only block `layer` loses it.")
mistakes.add("up_to_that_layer", but(chosen=lambda blocks, layer: blocks[:layer + 1]),
    "You knock out the part in all blocks up to `layer`. Only this one loses it.")
mistakes.add("from_that_layer_on", but(chosen=lambda blocks, layer: blocks[layer:]),
    "You knock out the part in all blocks from `layer` on. Only this one loses it.")
mistakes.add("all_but_that_layer", but(chosen=lambda blocks, layer: [*blocks[:layer], *blocks[layer + 1:]]),
    "You knock out the part in every block but that one.")

mistakes.add("takes_any_part", but(check=lambda part: None),
    "You take any other part without a word, so that somebody's slip of the pen looks like a finding. Raise a ValueError.")

@mistakes.program("An unknown part ends in a KeyError, which says what the dictionary lacks and not what may be asked for. Raise a ValueError.")
def key_error(model, layer, part):
    {"attention": 0, "weights": 1, "mlp": 2}[part]
    return in_steps(model, layer, part)

@mistakes.program("You check the part with `assert`, which raises AssertionError, and nothing where Python runs with -O. Raise a ValueError.")
def asserts(model, layer, part):
    assert part in ("attention", "weights", "mlp"), part
    return in_steps(model, layer, part)

mistakes.add("returns_nothing", but(answer=lambda model, layer: None),
    "You return nothing. Return the copy.")
mistakes.add("returns_the_block", but(answer=lambda model, layer: model.blocks[layer]),
    "You return the block. Return the whole model that it is part of.")
mistakes.add("assigns_a_tensor", but(
    attention=lambda block: setattr(block.attention.W_o, "weight", torch.zeros_like(block.attention.W_o.weight)),
    weights=lambda block: setattr(block.attention.W_q, "weight", torch.zeros_like(block.attention.W_q.weight)),
    mlp=lambda block: setattr(block.down, "weight", torch.zeros_like(block.down.weight))),
    "You put a plain tensor in a parameter's place, which PyTorch refuses. Fill the parameter that is there: `.zero_()`, within `torch.no_grad()`.")
mistakes.add("without_no_grad", but(
    attention=lambda block: block.attention.W_o.weight.zero_(),
    weights=lambda block: block.attention.W_q.weight.zero_(),
    mlp=lambda block: [parameter.zero_() for parameter in block.down.parameters()]),
    "PyTorch refuses to change a parameter in place while it records for the gradient. Do it within `with torch.no_grad():`.")
mistakes.add("none_for_the_part", but(
    attention=lambda block: setattr(block, "attention", None),
    weights=lambda block: setattr(block.attention, "W_q", None),
    mlp=lambda block: setattr(block, "down", None)),
    "You put None in the part's place, and the block still calls it. Leave the part where it is, and let it give zeros.")
mistakes.add("identity_for_the_part", but(
    attention=lambda block: setattr(block, "attention", nn.Identity()),
    weights=lambda block: setattr(block.attention, "W_q", nn.Identity()),
    mlp=lambda block: setattr(block, "down", nn.Identity())),
    "`nn.Identity` passes on what it reads, so that would be added. Out of action means that zeros are added.")


SEED = Draw(lambda generator: torch.randint(10**6, (), generator=generator).item())


def drawn(B, T, vocabulary, d_model, heads, layers, **more):
    tokens = Draw(lambda generator: torch.randint(vocabulary, (B, T), generator=generator))
    return {"sizes": (vocabulary, d_model, heads, layers), "seed": SEED, "tokens": tokens} | more


BY_HAND = {
    "embedding.weight": tensor([[2.0, 2.0], [3.0, -3.0]]), "norm.weight": torch.ones(2), "head.weight": torch.eye(2),
    "blocks.0.norm_1.weight": torch.ones(2), "blocks.0.attention.W_v.weight": 2 * torch.eye(2),
    "blocks.0.attention.W_o.weight": torch.eye(2), "blocks.0.down.weight": torch.zeros(2, 8),
    "blocks.0.down.bias": tensor([1.0, 0.0]),
}
exercise = Exercise(
    reference=knock_out,
    use=knock_outs.knock_out,
    cases=[
        Case("no attention, by hand: (2, 2) and (3, -3) stay, the MLP adds (1, 0), and (3, 2) and (4, -3) are normed",
            sizes=(2, 2, 1, 1), tokens=tensor([[0, 1]]), layer=0, part="attention", **BY_HAND),
        Case("even weights, by hand: the first adds its own (2, 2), the second the mean (2, 0) of that and (2, -2), both then (1, 0)",
            sizes=(2, 2, 1, 1), tokens=tensor([[0, 1]]), layer=0, part="weights", seed=SEED, **BY_HAND),
        Case("the attention of the first layer", **drawn(2, 5, 7, 6, 3, 3, layer=0, part="attention")),
        Case("of the second", **drawn(3, 4, 6, 8, 2, 3, layer=1, part="attention")),
        Case("of the third", **drawn(2, 6, 9, 4, 1, 3, layer=2, part="attention")),
        Case("the weights of the first layer", **drawn(2, 5, 7, 6, 3, 3, layer=0, part="weights")),
        Case("of the second, a long sequence", **drawn(1, 30, 5, 8, 2, 3, layer=1, part="weights")),
        Case("of the third, in a large batch", **drawn(9, 4, 6, 4, 2, 3, layer=2, part="weights")),
        Case("the MLP of the first layer", **drawn(2, 5, 7, 6, 3, 3, layer=0, part="mlp")),
        Case("of the second, everything of one size", **drawn(4, 4, 4, 4, 2, 4, layer=1, part="mlp")),
        Case("of the last", **drawn(2, 3, 5, 8, 4, 3, layer=2, part="mlp")),
        Case("one layer", **drawn(2, 4, 5, 6, 1, 1, layer=0, part="attention")),
        Case("one token, which looks at itself", **drawn(3, 1, 5, 4, 2, 2, layer=1, part="weights")),
        Case("one after the other: both MLPs", **drawn(2, 5, 6, 4, 2, 2, layer=0, part="mlp", then=(1, "mlp"))),
        Case("one after the other: all that a block adds",
            **drawn(2, 5, 6, 4, 2, 3, layer=1, part="attention", then=(1, "mlp"))),
        # large, so that a program with another mistake too is told that one first
        Case("a part that there is not", **drawn(10, 20, 5, 4, 2, 2, layer=0, part="values")),
        Case("a part with a capital", **drawn(10, 20, 5, 4, 2, 2, layer=1, part="MLP")),
        Case("64-bit numbers",
            **drawn(2, 5, 6, 4, 2, 2, layer=0, part="mlp"),
            **{"embedding.weight": normal(6, 4, scale=1000, dtype=torch.float64)}),
    ],
    variants=[other_modules, hooks, run_by_hand, other_numbers],
    mistakes=mistakes,
    points=3,
)
