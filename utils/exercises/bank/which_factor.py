"""Which of two changes does harm by itself, found out from runs that differ in one thing."""

import torch
from torch import tensor

from utils.attempts.uses import experiments

from ..exercise import Case, Exercise, Mistakes, replacing


def which_factor(run):
    """Which change does harm by itself, the other left alone: "start", "step", "both" (each does) or "neither".

    run(start, step) gives the shares right of five seeds, (5,), for a start "soft" or "sharp" and a step "small" or
    "large". From soft and small a change does harm if the mean over the seeds falls by more than 0.1.
    """
    return in_steps(run)


SOFT_SMALL, SHARP_SMALL = ("soft", "small"), ("sharp", "small")
SOFT_LARGE, SHARP_LARGE = ("soft", "large"), ("sharp", "large")
ANSWERS = {(True, True): "both", (True, False): "start", (False, True): "step", (False, False): "neither"}

def mean(shares):
    return shares.mean()

def falls(before, after):
    return mean(before) - mean(after) > 0.1

def in_steps(run, harm=falls, start=(SOFT_SMALL, SHARP_SMALL), step=(SOFT_SMALL, SOFT_LARGE), said=ANSWERS):
    return said[tuple(bool(harm(run(*before), run(*after))) for before, after in (start, step))]


# Right, and written differently

def with_ifs(run):
    best = sum(run("soft", "small").tolist()) / 5
    of_start = best - sum(run("sharp", "small").tolist()) / 5
    of_step = best - sum(run("soft", "large").tolist()) / 5
    if of_start > 0.1 and of_step > 0.1:
        return "both"
    if of_start > 0.1:
        return "start"
    return "step" if of_step > 0.1 else "neither"

def all_four_in_a_table(run):
    table = torch.stack([torch.stack([run(start, step) for step in ("small", "large")]) for start in ("soft", "sharp")])
    means = table.double().mean(-1)  # (start, step)
    lost = means[0, 0] - torch.stack([means[1, 0], means[0, 1]])
    return ["neither", "start", "step", "both"][int((lost > 0.1).long() @ tensor([1, 2]))]

def differences_of_seeds(run):
    soft = run("soft", "small")
    harmful = [name for name, changed in [("start", run("sharp", "small")), ("step", run("soft", "large"))]
               if (soft - changed).mean() > 0.1]
    return "both" if len(harmful) == 2 else (harmful + ["neither"])[0]


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("other_left_at_its_worst", but(start=(SOFT_LARGE, SHARP_LARGE), step=(SHARP_SMALL, SHARP_LARGE)),
    "You change one thing while the other is changed already: from the large step, from the sharp start. By itself means from soft and small.")
mistakes.add("step_after_the_start", but(step=(SHARP_SMALL, SHARP_LARGE)),
    "You make one change after the other: your large step comes on top of the sharp start. Go back to the soft start for it.")
mistakes.add("start_after_the_step", but(start=(SOFT_LARGE, SHARP_LARGE)),
    "You make one change after the other: your sharp start comes on top of the large step. Go back to the small step for it.")
mistakes.add("both_changed_at_once", but(start=(SOFT_SMALL, SHARP_LARGE), step=(SOFT_SMALL, SHARP_LARGE)),
    "You compare two runs that differ in two things, so the result cannot say which of them it was. Change one and leave the other.")

@mistakes.program("You blame the start for a run in which the step has changed as well. Change one and leave the other.")
def start_blamed_for_both(run):
    return "start" if falls(run(*SOFT_SMALL), run(*SHARP_LARGE)) else "neither"

def on_average(run):
    shares = {each: mean(run(*each)) for each in (SOFT_SMALL, SHARP_SMALL, SOFT_LARGE, SHARP_LARGE)}
    start = shares[SOFT_SMALL] + shares[SOFT_LARGE] - shares[SHARP_SMALL] - shares[SHARP_LARGE] > 0.2
    step = shares[SOFT_SMALL] + shares[SHARP_SMALL] - shares[SOFT_LARGE] - shares[SHARP_LARGE] > 0.2
    return ANSWERS[bool(start), bool(step)]

mistakes.add("averaged_over_the_other", on_average,
    "You average over the other change. That is another question: where the two act on each other, what one does by itself is seen only while the other is left alone.")

@mistakes.program("You answer \"both\" where only the two at once do harm. \"both\" means that each of them does, by itself.")
def together_is_both(run):
    said = in_steps(run)
    return "both" if said == "neither" and falls(run(*SOFT_SMALL), run(*SHARP_LARGE)) else said

@mistakes.program("You name only the worse of two changes. Where each does harm by itself, the answer is \"both\".")
def the_worse_one(run):
    said = in_steps(run)
    worse = "start" if mean(run(*SHARP_SMALL)) < mean(run(*SOFT_LARGE)) else "step"
    return worse if said == "both" else said

@mistakes.program("You ask for one change and, if it does harm, do not look at the other. Where each does harm by itself, the answer is \"both\".")
def the_first_one(run):
    said = in_steps(run)
    return "start" if said == "both" else said

@mistakes.program("You find the worse of two changes, whether or not it does harm: there is a \"neither\", and a \"both\".")
def never_neither(run):
    return "start" if mean(run(*SHARP_SMALL)) < mean(run(*SOFT_LARGE)) else "step"

@mistakes.program("You answer \"both\" where you have found nothing, and one name where each of them does harm. Look at both changes before you answer.")
def both_is_the_rest(run):
    said = in_steps(run)
    return {"both": "start", "neither": "both"}.get(said, said)

@mistakes.program("You answer \"both\" as soon as the run with both changes is bad. One of them may have done it alone: look at each by itself.")
def both_at_once_is_both(run):
    return "both" if falls(run(*SOFT_SMALL), run(*SHARP_LARGE)) else in_steps(run)

@mistakes.program("You look at the two changes together first, and answer \"neither\" if these do no harm. One may undo what the other does: look at each by itself.")
def both_at_once_is_asked_first(run):
    return in_steps(run) if falls(run(*SOFT_SMALL), run(*SHARP_LARGE)) else "neither"

@mistakes.program("You call `run` with the step first. The start comes first: run(\"sharp\", \"small\").")
def step_first(run):
    return in_steps(lambda start, step: run(step, start))

mistakes.add("not_averaged", lambda run: ANSWERS[bool(run("soft", "small") - run("sharp", "small") > 0.1), False],
    "You compare five numbers with five, and get five answers. Take the mean over the seeds first.")
for always in ("start", "step", "both", "neither"):
    mistakes.add(f"always_{always}", lambda run, said=always: said,
        f"You answer \"{always}\" whatever the runs say. Print their means for a training of which you know the answer.")
mistakes.add("by_the_spread", but(harm=lambda before, after: mean(before) - mean(after) > before.std()),
    "You ask for a fall by more than the seeds' spread. The limit is 0.1, for the means.")
mistakes.add("one_seed", but(harm=lambda before, after: before[0] - after[0] > 0.1),
    "You look at one seed. Another seed may say the opposite: take the mean over all five.")
mistakes.add("last_seed", but(harm=lambda before, after: before[-1] - after[-1] > 0.1),
    "You look at the last seed alone. Another may say the opposite: take the mean over all five.")
mistakes.add("every_seed", but(harm=lambda before, after: (before - after > 0.1).all()),
    "You ask that every single seed falls. One may be lucky: take the mean over the five, then compare.")
mistakes.add("any_seed", but(harm=lambda before, after: (before - after > 0.1).any()),
    "You call it harm if any single seed falls. One may be unlucky: take the mean over the five, then compare.")
mistakes.add("most_seeds", but(harm=lambda before, after: (before - after > 0.1).sum() >= 3),
    "You count the seeds that fall. Take the mean over the five first, then compare.")
mistakes.add("worst_seed", but(harm=lambda before, after: before.min() - after.min() > 0.1),
    "You compare the worst seeds. One that is unlucky decides then: take the mean over the five.")
mistakes.add("best_seed", but(harm=lambda before, after: before.max() - after.max() > 0.1),
    "You compare the best seeds. One that is lucky decides then: take the mean over the five.")
mistakes.add("median_seed", but(harm=lambda before, after: before.median() - after.median() > 0.1),
    "You compare medians. The task says by how much the *mean* over the seeds falls.")
mistakes.add("any_fall", but(harm=lambda before, after: mean(before) > mean(after)),
    "You call any fall harm, however small. Trainings differ a little anyway: it has to be more than 0.1.")
mistakes.add("summed", but(harm=lambda before, after: before.sum() - after.sum() > 0.1),
    "You compare the sums over the seeds, which fall five times as far. Compare their means.")
mistakes.add("a_tenth_of_it", but(harm=lambda before, after: mean(after) < 0.9 * mean(before)),
    "You ask for a fall by a tenth *of the share before*. The limit is 0.1 of all answers, ten points, wherever it starts from.")
mistakes.add("any_difference", but(harm=lambda before, after: (mean(before) - mean(after)).abs() > 0.1),
    "You call a change harmful that helps: a difference may go either way. Harm is a fall.")
mistakes.add("upside_down", but(harm=lambda before, after: mean(after) - mean(before) > 0.1),
    "You have the difference the wrong way round: harm is where the share right is lower than with soft and small.")
mistakes.add("below_a_half", but(harm=lambda before, after: mean(after) < 0.5),
    "You ask whether a run is bad, not whether it is worse than the one without the change. Compare it with soft and small.")
mistakes.add("names_swapped", but(said=ANSWERS | {(True, False): "step", (False, True): "start"}),
    "You have the two names the wrong way round: it is the start where run(\"sharp\", \"small\") has fallen.")
mistakes.add("both_and_neither_swapped", but(said=ANSWERS | {(True, True): "neither", (False, False): "both"}),
    "You have \"both\" and \"neither\" the wrong way round.")
mistakes.add("nothing_for_neither", but(said=ANSWERS | {(False, False): None}),
    "Where neither does harm by itself your function returns nothing. Return the string \"neither\".")


# Means in the order soft small, sharp small, soft large, sharp large
PLAIN = [(0.8, 0.5, 0.8, 0.5), (0.8, 0.8, 0.5, 0.5), (0.8, 0.6, 0.5, 0.3), (0.8, 0.8, 0.8, 0.4), (0.7, 0.7, 0.7, 0.7)]
ACTING_ON_EACH_OTHER = [
    (0.8, 0.4, 0.8, 0.8), (0.8, 0.8, 0.4, 0.8), (0.8, 0.4, 0.6, 0.8), (0.8, 0.8, 0.5, 0.2), (0.8, 0.5, 0.8, 0.2),
]
HELPFUL = [(0.4, 0.7, 0.2, 0.4), (0.4, 0.2, 0.7, 0.4), (0.4, 0.7, 0.7, 0.8), (0.3, 0.3, 0.6, 0.6)]
SMALL = [
    (0.8, 0.74, 0.74, 0.68), (0.3, 0.24, 0.24, 0.2), (0.8, 0.74, 0.5, 0.44), (0.8, 0.5, 0.74, 0.44),
    (0.7, 0.69, 0.69, 0.68),
]
LOW = [(0.3, 0.3, 0.15, 0.15), (0.4, 0.2, 0.4, 0.2), (0.3, 0.3, 0.3, 0.3), (0.9, 0.6, 0.9, 0.6), (0.9, 0.6, 0.7, 0.55)]


def planted(*trainings, spread=0.0):
    """Trainings with these means, in an order that is drawn; `together` draws by how much the seeds differ."""

    def together(generator):
        order = torch.randperm(len(trainings), generator=generator).tolist()
        columns = list(zip(*(trainings[place] for place in order), strict=True))
        seeds = spread * torch.rand(4, 5, generator=generator) ** 3  # some stand out, above or below the others
        seeds *= torch.randint(2, (4, 1), generator=generator) * 2 - 1
        seeds -= seeds.mean(-1, keepdim=True)  # what is given is the mean
        return dict(zip(("soft_small", "sharp_small", "soft_large", "sharp_large"), columns, strict=True)) | {
            "seeds": seeds}

    return {"together": together}


exercise = Exercise(
    reference=which_factor,
    use=experiments.which_factor,
    cases=[
        Case("one training, by hand", soft_small=(0.9,), sharp_small=(0.9,), soft_large=(0.6,), sharp_large=(0.3,),
            seeds=torch.zeros(4, 5)),
        Case("five trainings, seeds alike", **planted(*PLAIN)),
        Case("where one change decides what the other does", **planted(*ACTING_ON_EACH_OTHER)),
        Case("changes that help", **planted(*HELPFUL)),
        Case("small falls", **planted(*SMALL)),
        Case("where everything is bad, and where nothing is", **planted(*LOW)),
        Case("seeds that differ", **planted(*PLAIN, spread=0.8)),
        Case("seeds that differ, and changes that help", **planted(*HELPFUL, *LOW, spread=0.8)),
        Case("seeds that differ, and small falls", **planted(*SMALL, *PLAIN, *ACTING_ON_EACH_OTHER, spread=0.8)),
    ],
    variants=[with_ifs, all_four_in_a_table, differences_of_seeds],
    mistakes=mistakes,
    points=3,
)
