"""The routes: half a day, a day, two days. What a part takes is held against its chapter in the tests."""

from .route import Part, Route

START = Part(10, "Arrive: the line of `ready`, the survey before")
LUNCH = Part(60, "Lunch")


def pause(minutes: int) -> Part:
    return Part(minutes, "Break")


def free(minutes: int) -> Part:
    return Part(minutes, "Kept free")


FIRST = Part(
    15,
    "00: attention in one picture, and how an exercise answers",
    "00_start_here",
    ("Attention in one picture", "How an exercise works", "double", "When you are stuck"),
)
SOFTMAX = Part(20, "02: every key answers", "02_soft_lookup", ("From the best key to every key", "softmax"))

HALF_DAY = (
    START,
    FIRST,
    Part(
        25,
        "01: a lookup is two products, and the nearest key has no slope",
        "01_dictionaries",
        ("The same lookup, as a product of matrices", "matrix_lookup", "The nearest key"),
        (
            "What a dictionary promises",
            "What fast means",
            "one_hot",
            "nearest_lookup",
            "Which way is better?",
            "numerical_gradient",
        ),
    ),
    SOFTMAX,
    pause(10),
    Part(
        50,
        "02: the soft lookup",
        "02_soft_lookup",
        ("Temperature: how sharp is the question?", "A mask: who may be asked", "soft_lookup", "Try it yourself"),
        ("Now there is a slope",),
    ),
    pause(10),
    Part(
        35,
        "03: a dictionary that learns",
        "03_a_dictionary_that_learns",
        ("Nobody fills it in", "SoftDictionary"),
        (
            "train_step",
            "Where do the keys go?",
            "Move through the training",
            "A dictionary for every input",
            "project_qkv",
        ),
    ),
    Part(
        20,
        "05: Bahdanau's attention at work",
        "05_bahdanau_attention",
        ("Look yourself",),
        (
            "A question at every step",
            "additive_scores",
            "Nobody looks at padding",
            "The attention",
            "BahdanauAttention",
            "Who asks, and when",
            "The curve, again",
            "What did it look at?",
        ),
    ),
    Part(10, "The survey after, and where to go on"),
    free(5),
)

DAY = (
    START,
    FIRST,
    Part(
        50,
        "01: a lookup is two products, and the nearest key has no slope",
        "01_dictionaries",
        (
            "What a dictionary promises",
            "What fast means",
            "The same lookup, as a product of matrices",
            "one_hot",
            "matrix_lookup",
            "The nearest key",
            "nearest_lookup",
        ),
        ("How it is done", "Which way is better?", "numerical_gradient"),
    ),
    SOFTMAX,
    pause(15),
    Part(
        55,
        "02: the soft lookup, and its slope",
        "02_soft_lookup",
        (
            "Temperature: how sharp is the question?",
            "A mask: who may be asked",
            "soft_lookup",
            "Try it yourself",
            "Now there is a slope",
        ),
        ("At temperature zero it is the nearest lookup", "The same formula in 1964"),
    ),
    Part(
        40,
        "03: a dictionary that learns",
        "03_a_dictionary_that_learns",
        ("Nobody fills it in", "SoftDictionary", "train_step"),
    ),
    LUNCH,
    Part(
        35,
        "03: where the keys go, and a dictionary for every input",
        "03_a_dictionary_that_learns",
        ("Where do the keys go?", "Move through the training", "A dictionary for every input", "project_qkv"),
        ("When most of the numbers do not matter", "It has to start soft"),
    ),
    Part(
        15,
        "04: a sentence through one vector",
        "04_the_bottleneck",
        (),
        ("A network as deep as the sentence is long", "A sentence through one vector", "fixed_context_step"),
    ),
    pause(15),
    Part(
        60,
        "05: Bahdanau's attention",
        "05_bahdanau_attention",
        (
            "A question at every step",
            "additive_scores",
            "Nobody looks at padding",
            "masked_softmax",
            "Who asks, and when",
            "attention_decoder_step",
            "The curve, again",
            "What did it look at?",
            "Look yourself",
        ),
        ("The attention", "BahdanauAttention"),
    ),
    pause(15),
    Part(
        50,
        "06: every position asks",
        "06_queries_keys_and_values",
        ("Why the width matters", "scaled_dot_product", "Every position asks", "Nobody may look ahead", "causal_mask"),
        (
            "From a sum to a product",
            "What became of the recurrent network?",
            "Several lookups at once",
            "Two questions at once",
        ),
    ),
    Part(15, "The survey after, and where to go on"),
    free(10),
)

FIRST_OF_TWO = (
    START,
    FIRST,
    Part(
        70,
        "01: a lookup is two products, and the nearest key has no slope",
        "01_dictionaries",
        (
            "What a dictionary promises",
            "What fast means",
            "How it is done",
            "The same lookup, as a product of matrices",
            "one_hot",
            "matrix_lookup",
            "The nearest key",
            "nearest_lookup",
            "Which way is better?",
            "numerical_gradient",
        ),
    ),
    pause(15),
    SOFTMAX,
    Part(
        55,
        "02: the soft lookup, and its slope",
        "02_soft_lookup",
        (
            "Temperature: how sharp is the question?",
            "A mask: who may be asked",
            "soft_lookup",
            "At temperature zero it is the nearest lookup",
            "Try it yourself",
            "Now there is a slope",
        ),
    ),
    LUNCH,
    Part(
        35,
        "02: the same formula in 1964",
        "02_soft_lookup",
        ("The same formula in 1964", "kernel_regression", "A width that is learned"),
        ("With this kernel it is the same lookup, to the letter",),
    ),
    Part(
        25,
        "02: how many pairs it holds",
        "02_soft_lookup",
        ("How many pairs can it hold?", "linear_memory"),
    ),
    pause(15),
    Part(
        60,
        "03: a dictionary that learns",
        "03_a_dictionary_that_learns",
        (
            "Nobody fills it in",
            "SoftDictionary",
            "train_step",
            "When most of the numbers do not matter",
            "Where do the keys go?",
            "Move through the training",
        ),
    ),
    pause(15),
    Part(
        50,
        "03: one change at a time, and a dictionary for every input",
        "03_a_dictionary_that_learns",
        (
            "It has to start soft",
            "effective_slots",
            "which_factor",
            "A dictionary for every input",
            "project_qkv",
        ),
    ),
    Part(10, "What was learned today, in the learners' words"),
    free(25),
)

SECOND_OF_TWO = (
    Part(10, "What was learned yesterday: three questions from the chapters' pages"),
    Part(
        25,
        "04: a sentence through one vector",
        "04_the_bottleneck",
        ("A sentence through one vector", "fixed_context_step"),
        ("A network as deep as the sentence is long", "How it fails"),
    ),
    Part(
        55,
        "05: additive attention",
        "05_bahdanau_attention",
        (
            "A question at every step",
            "additive_scores",
            "Nobody looks at padding",
            "masked_softmax",
            "The attention",
            "BahdanauAttention",
        ),
    ),
    pause(15),
    Part(
        35,
        "05: the curve, and what it looked at",
        "05_bahdanau_attention",
        (
            "Who asks, and when",
            "attention_decoder_step",
            "The curve, again",
            "What the comparison does not show",
            "What did it look at?",
            "Look yourself",
        ),
        ("Which looks does it need?",),
    ),
    Part(
        45,
        "06: every position asks",
        "06_queries_keys_and_values",
        ("Why the width matters", "scaled_dot_product", "Every position asks", "Nobody may look ahead", "causal_mask"),
        ("From a sum to a product", "What became of the recurrent network?"),
    ),
    LUNCH,
    Part(
        45,
        "06: several lookups at once",
        "06_queries_keys_and_values",
        ("Several lookups at once", "split_heads", "merge_heads", "MultiHeadAttention", "Two questions at once"),
        ("Order",),
    ),
    Part(
        35,
        "07: layer thirteen asks the input",
        "07_layer_thirteen",
        ("The thought", "attend_to_input"),
        ("Two sizes, layer by layer", "Ask the input"),
    ),
    pause(15),
    Part(
        50,
        "08: a block, a model that writes, two lookups that recall",
        "08_deep_attention_models",
        ("A block", "TransformerBlock"),
        ("A language model", "The loss", "Let it write", "Recall: a dictionary in the input", "How they do it"),
    ),
    pause(15),
    Part(
        35,
        "10: a dictionary that grows",
        "10_generation",
        ("A dictionary that grows", "KVCache"),
        ("decode", "Bytes", "cache_bytes"),
    ),
    Part(15, "The survey after, and where to go on"),
    free(25),
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
