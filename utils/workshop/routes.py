"""The routes: half a day, a day, two days. What a part takes is held against its chapter in the tests."""

from .route import Part, Route


def part(minutes: int, chapter: str, title: str, do: str = "", show: str = "") -> Part:
    """A part of which the names are written in a row, with semicolons between them."""
    done, shown = (tuple(filter(None, names.split("; "))) for names in (do, show))
    return Part(minutes, title, chapter, done, shown)


def pause(minutes: int) -> Part:
    return Part(minutes, "Break")


def free(minutes: int) -> Part:
    return Part(minutes, "Kept free")


START = Part(10, "Arrive: the line of `ready`, the survey before")
LUNCH = Part(60, "Lunch")
FIRST = part(
    15,
    "00_start_here",
    "00: attention in one picture, and how an exercise answers",
    do="Attention in one picture; How an exercise works; double; When you are stuck",
)
SOFTMAX = part(
    20,
    "02_soft_lookup",
    "02: every key answers",
    do="From the best key to every key; softmax",
)

HALF_DAY = (
    START,
    FIRST,
    part(
        25,
        "01_dictionaries",
        "01: a lookup is two products, and the nearest key has no slope",
        do="The same lookup, as a product of matrices; matrix_lookup; The nearest key",
        show="What a dictionary promises; What fast means; one_hot; nearest_lookup; Which way is better?; "
        "numerical_gradient",
    ),
    SOFTMAX,
    pause(10),
    part(
        50,
        "02_soft_lookup",
        "02: the soft lookup",
        do="Temperature: how sharp is the question?; A mask: who may be asked; soft_lookup; Try it yourself",
        show="Now there is a slope",
    ),
    pause(10),
    part(
        35,
        "03_a_dictionary_that_learns",
        "03: a dictionary that learns",
        do="Nobody fills it in; SoftDictionary",
        show="train_step; Where do the keys go?; Move through the training; A dictionary for every input; project_qkv",
    ),
    part(
        20,
        "05_bahdanau_attention",
        "05: Bahdanau's attention at work",
        do="Look yourself",
        show="A question at every step; additive_scores; Nobody looks at padding; The attention; "
        "BahdanauAttention; Who asks, and when; The curve, again; What did it look at?",
    ),
    Part(10, "The survey after, and where to go on"),
    free(5),
)

DAY = (
    START,
    FIRST,
    part(
        50,
        "01_dictionaries",
        "01: a lookup is two products, and the nearest key has no slope",
        do="What a dictionary promises; What fast means; The same lookup, as a product of matrices; one_hot; "
        "matrix_lookup; The nearest key; nearest_lookup",
        show="How it is done; Which way is better?; numerical_gradient",
    ),
    SOFTMAX,
    pause(15),
    part(
        55,
        "02_soft_lookup",
        "02: the soft lookup, and its slope",
        do="Temperature: how sharp is the question?; A mask: who may be asked; soft_lookup; Try it yourself; Now "
        "there is a slope",
        show="At temperature zero it is the nearest lookup; The same formula in 1964",
    ),
    part(
        40,
        "03_a_dictionary_that_learns",
        "03: a dictionary that learns",
        do="Nobody fills it in; SoftDictionary; train_step",
    ),
    LUNCH,
    part(
        35,
        "03_a_dictionary_that_learns",
        "03: where the keys go, and a dictionary for every input",
        do="Where do the keys go?; Move through the training; A dictionary for every input; project_qkv",
        show="When most of the numbers do not matter; It has to start soft",
    ),
    part(
        15,
        "04_the_bottleneck",
        "04: a sentence through one vector",
        show="A network as deep as the sentence is long; A sentence through one vector; fixed_context_step",
    ),
    pause(15),
    part(
        60,
        "05_bahdanau_attention",
        "05: Bahdanau's attention",
        do="A question at every step; additive_scores; Nobody looks at padding; masked_softmax; Who asks, and "
        "when; attention_decoder_step; The curve, again; What did it look at?; Look yourself",
        show="The attention; BahdanauAttention",
    ),
    pause(15),
    part(
        50,
        "06_queries_keys_and_values",
        "06: every position asks",
        do="Why the width matters; scaled_dot_product; Every position asks; Nobody may look ahead; causal_mask",
        show="From a sum to a product; What became of the recurrent network?; Several lookups at once; Two "
        "questions at once",
    ),
    Part(15, "The survey after, and where to go on"),
    free(10),
)

FIRST_OF_TWO = (
    START,
    FIRST,
    part(
        70,
        "01_dictionaries",
        "01: a lookup is two products, and the nearest key has no slope",
        do="What a dictionary promises; What fast means; How it is done; The same lookup, as a product of "
        "matrices; one_hot; matrix_lookup; The nearest key; nearest_lookup; Which way is better?; "
        "numerical_gradient",
    ),
    pause(15),
    SOFTMAX,
    part(
        55,
        "02_soft_lookup",
        "02: the soft lookup, and its slope",
        do="Temperature: how sharp is the question?; A mask: who may be asked; soft_lookup; At temperature zero "
        "it is the nearest lookup; Try it yourself; Now there is a slope",
    ),
    LUNCH,
    part(
        35,
        "02_soft_lookup",
        "02: the same formula in 1964",
        do="The same formula in 1964; kernel_regression; A width that is learned",
        show="With this kernel it is the same lookup, to the letter",
    ),
    part(
        25,
        "02_soft_lookup",
        "02: how many pairs it holds",
        do="How many pairs can it hold?; linear_memory",
    ),
    pause(15),
    part(
        60,
        "03_a_dictionary_that_learns",
        "03: a dictionary that learns",
        do="Nobody fills it in; SoftDictionary; train_step; When most of the numbers do not matter; Where do the "
        "keys go?; Move through the training",
    ),
    pause(15),
    part(
        50,
        "03_a_dictionary_that_learns",
        "03: one change at a time, and a dictionary for every input",
        do="It has to start soft; effective_slots; which_factor; A dictionary for every input; project_qkv",
    ),
    Part(10, "What was learned today, in the learners' words"),
    free(25),
)

SECOND_OF_TWO = (
    Part(10, "What was learned yesterday: three questions from the chapters' pages"),
    part(
        25,
        "04_the_bottleneck",
        "04: a sentence through one vector",
        do="A sentence through one vector; fixed_context_step",
        show="A network as deep as the sentence is long; How it fails",
    ),
    part(
        55,
        "05_bahdanau_attention",
        "05: additive attention",
        do="A question at every step; additive_scores; Nobody looks at padding; masked_softmax; The attention; "
        "BahdanauAttention",
    ),
    pause(15),
    part(
        35,
        "05_bahdanau_attention",
        "05: the curve, and what it looked at",
        do="Who asks, and when; attention_decoder_step; The curve, again; What the comparison does not show; "
        "What did it look at?; Look yourself",
        show="Which looks does it need?",
    ),
    part(
        45,
        "06_queries_keys_and_values",
        "06: every position asks",
        do="Why the width matters; scaled_dot_product; Every position asks; Nobody may look ahead; causal_mask",
        show="From a sum to a product; What became of the recurrent network?",
    ),
    LUNCH,
    part(
        45,
        "06_queries_keys_and_values",
        "06: several lookups at once",
        do="Several lookups at once; split_heads; merge_heads; MultiHeadAttention; Two questions at once",
        show="Order",
    ),
    part(
        40,
        "07_layer_thirteen",
        "07: layer thirteen asks the input",
        do="The thought; attend_to_input",
        show="Two sizes, layer by layer; gradient_by_layer; Ask the input",
    ),
    pause(15),
    part(
        50,
        "08_deep_attention_models",
        "08: a block, a model that writes, two lookups that recall",
        do="A block; TransformerBlock",
        show="A language model; The loss; Let it write; Recall: a dictionary in the input; How they do it",
    ),
    pause(15),
    part(
        35,
        "10_generation",
        "10: a dictionary that grows",
        do="A dictionary that grows; KVCache",
        show="decode; Bytes; cache_bytes",
    ),
    Part(15, "The survey after, and where to go on"),
    free(20),
)

ROUTES = (
    Route("half-day", 210, (HALF_DAY,)),
    Route("day", 480, (DAY,)),
    Route("two-days", 480, (FIRST_OF_TWO, SECOND_OF_TWO)),
)


def get(name: str) -> Route:
    """The route of that name. Raises ValueError naming those that there are."""
    for route in ROUTES:
        if route.name == name:
            return route
    raise ValueError(f"no route is called {name!r}; there are {', '.join(route.name for route in ROUTES)}")
