"""How long a training step takes on many ranks: what they compute, and what they send meanwhile."""

from ..exercise import Case, Exercise, Mistakes, replacing
from .causal_mask import drawn


def step_seconds(ranks, tokens, parameters, operations, bandwidth, latency=0.0):
    """Seconds of a training step on so many ranks that share its tokens.

    6 operations a parameter and token: a third forward, two thirds backward, with the ring all-reduce of float32
    gradients behind the backward pass. operations and bandwidth (bytes) are each rank's, per second; latency is
    seconds a hop. Sources: Kaplan et al. 2020, section 2.1; Patarasuk and Yuan 2009.
    """
    compute = 6 * parameters * tokens / ranks / operations
    hops = 2 * (ranks - 1)
    travel = hops / ranks * 4 * parameters / bandwidth + hops * latency
    return compute / 3 + max(compute * 2 / 3, travel)


def in_steps(
    ranks, tokens, parameters, operations, bandwidth, latency=0.0, for_each=6, share=lambda n: n, forward=1 / 3,
    backward=2 / 3, copies=lambda n: 2 * (n - 1) / n, hops=lambda n: 2 * (n - 1), number=4,
    together=lambda forward, backward, travel, wait: forward + max(backward, travel + wait), answer=lambda t: t,
):
    compute = for_each * parameters * tokens / share(ranks) / operations
    travel, wait = copies(ranks) * number * parameters / bandwidth, hops(ranks) * latency
    return answer(together(forward * compute, backward * compute, travel, wait))


# Right, and written differently

def step_by_step(ranks, tokens, parameters, operations, bandwidth, latency=0.0):
    mine = tokens / ranks
    forward, backward = (count * parameters * mine / operations for count in (2, 4))
    seconds_of_a_chunk = parameters * 32 / 8 / ranks / bandwidth
    travelling = 0.0
    for _ in range(2):  # a round that adds, and one that passes on
        for _ in range(ranks - 1):
            travelling += latency + seconds_of_a_chunk
    return forward + (travelling if travelling > backward else backward)

def what_does_not_hide(ranks, tokens, parameters, operations, bandwidth, latency=0.0):
    compute = 6.0 * tokens * parameters / (ranks * operations)
    wire = (8 * parameters / bandwidth / ranks + 2 * latency) * (ranks - 1)
    late = wire - 2 * compute / 3
    return compute + late if late > 0 else compute

def the_last_to_finish(ranks, tokens, parameters, operations, bandwidth, latency=0.0):
    per_rank = parameters * tokens / operations / ranks
    traffic = 2 * (1 - 1 / ranks) * parameters * 4
    return max(per_rank * 6, per_rank * 2 + traffic / bandwidth + latency * (2 * ranks - 2))


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("a_whole_copy_twice", but(copies=lambda n: 2),
    "Your gradients travel twice in full, whatever the number of ranks. In a ring each rank sends 2 (n - 1) chunks of n: with one rank nothing travels.")
mistakes.add("a_whole_copy", but(copies=lambda n: 1),
    "Your gradients travel once in full, whatever the number of ranks. In a ring each rank sends 2 (n - 1) chunks of n.")
mistakes.add("a_whole_copy_twice_but_for_one_rank", but(copies=lambda n: 2 * (n > 1)),
    "Your gradients travel twice in full. In a ring each rank sends 2 (n - 1) chunks of n, a little less.")
mistakes.add("one_round_and_its_hops", but(copies=lambda n: (n - 1) / n, hops=lambda n: n - 1),
    "Your ring goes round once. There are two rounds: one in which chunks are summed, one in which the sums go round, 2 (n - 1) hops in all.")
mistakes.add("copies_not_chunks", but(copies=lambda n: 2 * (n - 1)),
    "Your gradients travel n times as long as they need. Each of the 2 (n - 1) hops sends a chunk, 1 / n of them, and each rank has the whole bandwidth of its own wire.")
mistakes.add("whole_copies_around", but(copies=lambda n: n - 1),
    "Your ranks send whole gradients to each other. In a ring they send 2 (n - 1) chunks, each 1 / n of them.")
mistakes.add("chunks_of_n_less_one", but(copies=lambda n: 2 * n / (n + 1)),
    "Your chunks are counted one off. n ranks cut the gradients into n chunks, and each sends 2 (n - 1) of them.")
mistakes.add("whole_copies_by_whole_numbers", but(copies=lambda n: 2 * (n - 1) // n),
    "Your share of the bytes is cut to a whole number, by `//`. 2 (n - 1) / n is nearly 2.")
mistakes.add("share_upside_down", but(copies=lambda n: 2 * n / (n - 1)),
    "Your share is upside down, n / (n - 1). Each rank sends a little less than two copies, 2 (n - 1) / n, and with one rank nothing.")
mistakes.add("two_n_chunks", but(copies=lambda n: 2 * (n + 1) / n),
    "Your chunks are counted one off. n ranks cut the gradients into n chunks, and each sends 2 (n - 1) of them.")
mistakes.add("a_chunk_alone", but(copies=lambda n: 2 / n if n > 1 else 0.0),
    "Your ranks send two chunks each. It is 2 (n - 1) of them, one at every hop.")
mistakes.add("wires_shared", but(copies=lambda n: 2 * (n - 1) / n**2),
    "Your bandwidth is multiplied by the number of ranks. Each rank has its own wire, and the bytes are those that one rank sends.")

mistakes.add("nothing_hides", but(together=lambda f, b, travel, wait: f + b + travel + wait),
    "Your times are all added, as if the gradients began to travel when everything is computed. They travel while the backward pass goes on: of two things at a time the longer one counts.")
mistakes.add("behind_everything", but(together=lambda f, b, travel, wait: max(f + b, travel + wait)),
    "Your gradients travel behind the whole computation, the forward pass too, when there are none yet. They travel behind the backward pass alone.")
mistakes.add("behind_the_forward_pass", but(together=lambda f, b, travel, wait: b + max(f, travel + wait)),
    "Your gradients travel behind a third of the computation. They travel behind the backward pass, which is two thirds of it; the forward pass comes before.")
mistakes.add("the_shorter_counts", but(together=lambda f, b, travel, wait: f + min(b, travel + wait)),
    "Your shorter one of backward pass and travel counts. Two things at a time take as long as the longer one.")
mistakes.add("forward_forgotten", but(together=lambda f, b, travel, wait: max(b, travel + wait)),
    "Your forward pass is left out, or goes on beside the rest. It comes first, a third of the computation, and what then takes longer is added to it.")
mistakes.add("backward_forgotten", but(together=lambda f, b, travel, wait: f + travel + wait),
    "Your backward pass is left out where it takes longer than what travels. Of the two the longer one counts.")
mistakes.add("travel_forgotten", but(together=lambda f, b, travel, wait: f + b),
    "Your gradients travel in no time. Where that takes longer than the backward pass, it is what counts.")
mistakes.add("latency_does_not_hide", but(together=lambda f, b, travel, wait: f + max(b, travel) + wait),
    "Your latency is added in the end. It is part of the travel, all of which goes on behind the backward pass.")
mistakes.add("the_longer_of_bytes_and_hops", but(together=lambda f, b, travel, wait: f + max(b, travel, wait)),
    "Your latency hides behind the bytes. A hop waits first and sends then: add the two.")
mistakes.add("latency_once", but(hops=lambda n: 1),
    "Your latency counts once. Each of the 2 (n - 1) hops waits for it, since a rank sends on what has arrived; with one rank there is none.")
mistakes.add("latency_once_but_for_one_rank", but(hops=lambda n: n > 1),
    "Your latency counts once. Each of the 2 (n - 1) hops waits for it, since a rank sends on what has arrived.")
mistakes.add("latency_twice", but(hops=lambda n: 2),
    "Your latency counts twice, once a round. Each of the 2 (n - 1) hops waits for it, since a rank sends on what has arrived.")
mistakes.add("latency_of_one_round", but(hops=lambda n: n - 1),
    "Your latency counts for n - 1 hops. There are two rounds of them.")
mistakes.add("latency_of_every_rank", but(hops=lambda n: n),
    "Your latency counts for n hops. There are two rounds of n - 1.")
mistakes.add("latency_of_the_hops_of_all_ranks", but(hops=lambda n: 2 * (n - 1) * n),
    "Your latency counts for the hops of all ranks together. They wait at the same time: 2 (n - 1) hops after each other.")
mistakes.add("latency_of_two_n_hops", but(hops=lambda n: 2 * n),
    "Your latency counts for 2n hops. There are two rounds of n - 1.")
mistakes.add("latency_shared", but(hops=lambda n: 2 * (n - 1) / n),
    "Your latency is divided by the number of ranks, as the bytes are. A hop waits as long for a chunk as for the whole: it counts 2 (n - 1) times.")
mistakes.add("latency_forgotten", but(hops=lambda n: 0),
    "Your latency does not count, or next to nothing: is it added to the bytes, and divided by the bandwidth? Each of the 2 (n - 1) hops waits so many seconds.")

for name, number, sentence in (
    ("numbers_for_bytes", 1, "Your travel counts numbers. A float32 has 4 bytes, and `bandwidth` is in bytes."),
    ("half_the_bytes", 2, "Your travel has half of its bytes. A float32 has 4 of them, and there are two rounds: one in which chunks are summed, one in which the sums go round."),
    ("eight_bytes", 8, "Your gradients have 8 bytes a number, or are counted twice. A float32 has 4."),
    ("bits", 32, "Your travel counts bits, 32 for a float32. `bandwidth` is in bytes, and 4 of them make a float32."),
    ("bits_taken_for_bytes", 0.5, "Your bytes are divided by eight, as if `bandwidth` were in bits. It is in bytes already."),
    ("bandwidth_in_bits", 32 * 8, "Your bits are multiplied by eight once more. A float32 has 4 bytes, and `bandwidth` is in bytes."),
):
    mistakes.add(name, but(number=number), sentence)
mistakes.add("tokens_not_shared", but(share=lambda n: 1),
    "Your ranks each compute all tokens. They share them: each has 1 / n.")
mistakes.add("more_ranks_slower", but(share=lambda n: 1 / n),
    "Your computation is multiplied by the number of ranks. They share the tokens: divide.")
mistakes.add("parameters_shared_too", but(share=lambda n: n * n),
    "Your computation is divided by the number of ranks twice. They share the tokens, and each has the whole model.")
for name, count in {"two": 2, "four": 4, "three": 3, "eight": 8, "one": 1}.items():
    mistakes.add(f"{name}_operations_for_each", but(for_each=count),
        f"Your tokens cost {name} operation{'s' * (count > 1)} for each parameter in all. It is six: two forward, four backward.")
mistakes.add("halves", but(forward=1 / 2, backward=1 / 2),
    "Your forward and backward pass take half of the computation each. Backward takes twice as long: two thirds.")
mistakes.add("whole_computation_backward", but(backward=1.0),
    "Your backward pass takes all the computation, and the forward pass a third besides. It is two thirds of it.")
mistakes.add("whole_computation_forward", but(forward=1.0),
    "Your forward pass takes all the computation, and the backward pass two thirds besides. It is a third of it.")
mistakes.add("milliseconds", but(answer=lambda t: 1000 * t), "Your result is in milliseconds. Seconds are asked for.")
mistakes.add("whole_seconds", but(answer=lambda t: t // 1), "Your result is cut to whole seconds, by `//` perhaps.")
mistakes.add("steps_a_second", but(answer=lambda t: 1 / t), "Your result is steps a second. Seconds of one step are asked for.")

@mistakes.program("Your result is tokens a second. Seconds of one step are asked for.")
def tokens_a_second(ranks, tokens, *sizes, **more):
    return tokens / step_seconds(ranks, tokens, *sizes, **more)

@mistakes.program("Your result says how many times as fast so many ranks are. The seconds of a step are asked for.")
def speed_up(ranks, *sizes, **more):
    return step_seconds(1, *sizes, **more) / step_seconds(ranks, *sizes, **more)


RANGES = {"tokens": (50_000, 900_000), "parameters": (10**7, 9 * 10**8), "operations": (10**14, 9 * 10**14)}

def machine(ranks, bandwidth, **more):
    """A machine; what is a pair of numbers is drawn between them."""

    def draw(generator):
        chosen = RANGES | {"ranks": ranks, "bandwidth": bandwidth} | more
        exact = {name: drawn(generator, *ends) if isinstance(ends, tuple) else ends for name, ends in chosen.items()}
        return exact | ({"latency": exact["latency"] * 1e-7} if "latency" in exact else {})

    return {"together": draw}


SLOW, FAST = (10**8, 9 * 10**8), (10**11, 9 * 10**11)
exercise = Exercise(
    reference=step_seconds,
    cases=[
        Case("by hand: two ranks, 12 operations a second, one float32 a second",
            ranks=2, tokens=4, parameters=3, operations=12, bandwidth=4.0),
        Case("the same with a quarter of the bandwidth", ranks=2, tokens=4, parameters=3, operations=12, bandwidth=1.0),
        Case("one rank", **machine(1, SLOW, latency=(9_000_000, 30_000_000), tokens=(1, 20))),
        Case("two ranks, a fast wire", **machine(2, FAST)),
        Case("two ranks, a slow wire", **machine(2, SLOW)),
        Case("many ranks, a fast wire", **machine((5, 17), FAST, latency=(5, 50))),
        Case("many ranks, a slow wire", **machine((5, 17), SLOW)),
        Case("many ranks, a wire that is slow to begin", **machine((20, 60), FAST, latency=(900_000, 9_000_000))),
        Case("a slow wire that is slow to begin", **machine((5, 17), SLOW, latency=(9_000_000, 30_000_000))),
        Case("few tokens", **machine((3, 9), FAST, tokens=(1, 20))),
        Case("very many ranks", **machine((200, 4000), (10**10, 9 * 10**10), latency=(20, 90))),
    ],
    variants=[step_by_step, what_does_not_hide, the_last_to_finish],
    mistakes=mistakes,
    points=1,
)  # fmt: skip
