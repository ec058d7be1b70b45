"""What a linear classifier can still read from a network's states."""

import math

import torch
from torch import tensor
from torch.nn import functional as F

from ..exercise import Case, Exercise, Mistakes, replacing


def linear_probe(features, labels, held_out):
    """The share of the last `held_out` rows that a linear classifier gets right which was fitted on all rows before.

    features (n, D), labels (n,) whole numbers from 0 on; a float from 0 to 1. The classifier has an intercept. Fitted
    by least squares onto one-hot targets; other ways to fit (logistic regression) are as good here.
    """
    return in_steps(features, labels, held_out)


def before(rows, held_out):
    return rows[:-held_out]

def last(rows, held_out):
    return rows[-held_out:]

def everything(rows, held_out):
    return rows

def with_ones(features):
    return torch.cat([features, torch.ones_like(features[:, :1])], 1).double()

def least_squares(x, wanted):
    return torch.linalg.pinv(x) @ wanted

def mean(numbers):
    return numbers.double().mean().item()

def accuracy(scores, labels):
    return mean(scores.argmax(-1) == labels)

def in_steps(features, labels, held_out, fit_on=before, score_on=last,
             prepare=with_ones, targets=F.one_hot, fit=least_squares, answer=accuracy):
    x = prepare(features)
    weight = fit(fit_on(x, held_out), targets(fit_on(labels, held_out)).double())
    return answer(score_on(x, held_out) @ weight, score_on(labels, held_out))


# Right, and written differently

def standardised_ridge(features, labels, held_out):
    rows = len(features) - held_out
    x = (features - features[:rows].mean(0)) / (features[:rows].std(0) + 1e-12)
    wanted = F.one_hot(labels, int(labels.max()) + 1).to(x.dtype)
    middle = wanted[:rows].mean(0)
    penalty = 1e-4 * rows * torch.eye(x.size(1), dtype=x.dtype)
    weight = torch.linalg.solve(x[:rows].mT @ x[:rows] + penalty, x[:rows].mT @ (wanted[:rows] - middle))
    guesses = (x[rows:] @ weight + middle).argmax(1)
    return float((guesses == labels[rows:]).sum()) / held_out

def by_least_squares(features, labels, held_out):
    x = F.pad(features, (0, 1), value=1.0)
    classes = labels.unique()
    wanted = (labels[:, None] == classes).to(x.dtype)
    weight = torch.linalg.lstsq(x[:-held_out], wanted[:-held_out], driver="gelsd").solution
    guesses = classes[(x[-held_out:] @ weight).argmax(-1)].tolist()
    return sum(guess == label for guess, label in zip(guesses, labels[-held_out:].tolist(), strict=True)) / held_out

def logistic_regression(features, labels, held_out):
    x = features.float()
    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-6)
    weight, bias = torch.zeros(x.size(1), int(labels.max()) + 1), torch.zeros(int(labels.max()) + 1)
    parameters = [weight.requires_grad_(), bias.requires_grad_()]
    optimizer = torch.optim.Adam(parameters, lr=0.1)
    for _ in range(100):
        loss = F.cross_entropy(x[:-held_out] @ weight + bias, labels[:-held_out])
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        optimizer.step()
    return (torch.argmax(x[-held_out:] @ weight + bias, 1) == labels[-held_out:]).float().mean().item()


# Wrong

but = replacing(in_steps)
mistakes = Mistakes()

mistakes.add("scored_on_what_it_was_fitted_on", but(score_on=before),
    "You score the probe on the rows that it was fitted on. Score it on the last `held_out` rows, which it has not seen.")
mistakes.add("scored_on_everything", but(score_on=everything),
    "You score the probe on all rows. Only the last `held_out` rows count, which it has not seen.")
mistakes.add("fitted_on_everything", but(fit_on=everything),
    "You fit on all rows, held-out ones too. Then the score says what can be remembered, not what can be read.")
mistakes.add("fitted_on_the_held_out", but(fit_on=last),
    "You fit on the held-out rows and score on the same. Fit on the rows before them.")
mistakes.add("parts_swapped", but(fit_on=last, score_on=before),
    "You fit on the held-out rows and score on the others. It is the other way round.")
mistakes.add("first_rows_held_out", but(fit_on=lambda rows, n: rows[n:], score_on=lambda rows, n: rows[:n]),
    "You hold out the first rows. Hold out the last ones.")
mistakes.add("fitted_on_so_many", but(fit_on=lambda rows, n: rows[:n], score_on=lambda rows, n: rows[n:]),
    "You fit on the first `held_out` rows. That is how many are held out, at the end: fit on all the others.")
mistakes.add("no_intercept", but(prepare=lambda features: features.double()),
    "Your classifier has no intercept, so it fails where the features are not centred. A column of ones gives it one.")
@mistakes.program("You centre the features instead of fitting an intercept, and the mean is that of all rows, held-out ones too. A column of ones beside them gives an intercept from the fitted rows alone.")
def centred_on_all_rows(features, labels, held_out):
    x = (features - features.mean(0)).double()
    weight = least_squares(before(x, held_out), before(F.one_hot(labels).double(), held_out))
    return accuracy(last(x, held_out) @ weight, last(labels, held_out))

def centred_on_the_fitted(features, labels, held_out):
    centred = features - features[:-held_out].mean(0)
    return in_steps(centred, labels, held_out, prepare=lambda features: features.double())

mistakes.add("centred_without_an_intercept", centred_on_the_fitted,
    "You centre the features and leave out the intercept, which fails where some labels are rarer than others. A column of ones gives it one.")
@mistakes.program("You shuffle the rows before you split them, so others are scored than the last `held_out`. Take these as they stand.")
def random_split(features, labels, held_out):
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))
    return in_steps(features[order], labels[order], held_out)

@mistakes.program("You have a column for each label that occurs, and take the column's number for the label. Labels may have gaps: look up which one the column stands for.")
def column_for_label(features, labels, held_out):
    classes = labels[:-held_out].unique()
    return in_steps(features, labels, held_out, targets=lambda labels: labels[:, None] == classes)

@mistakes.program("Your normal equations are solved in 32 bits, and lose what counts where features have a large offset. Compute in `double()`, or let `pinv` work on the rows themselves.")
def normal_equations(features, labels, held_out):
    x = with_ones(features).float()[:-held_out]
    weight = torch.linalg.pinv(x.mT @ x) @ (x.mT @ F.one_hot(labels).float()[:-held_out])
    return accuracy(with_ones(features).float()[-held_out:] @ weight, labels[-held_out:])

@mistakes.program("You fit an intercept and leave it out when you guess. It belongs to every score.")
def intercept_left_out(features, labels, held_out):
    weight = least_squares(before(with_ones(features), held_out), before(F.one_hot(labels).double(), held_out))
    return accuracy(last(features.double(), held_out) @ weight[:-1], last(labels, held_out))

@mistakes.program("You divide each feature by its spread, and where one never changes that is zero by zero. `clamp(min=1e-9)` keeps it finite; least squares needs no such step.")
def divided_by_no_spread(features, labels, held_out):
    x = features.double()
    return in_steps((x - before(x, held_out).mean(0)) / before(x, held_out).std(0), labels, held_out)

@mistakes.program("A few gradient steps do not arrive where features are small, large or far from zero. Bring them to one size first, or solve by least squares.")
def trained_for_a_while(features, labels, held_out):
    x = features.float()
    weight, bias = torch.zeros(x.size(1), int(labels.max()) + 1), torch.zeros(int(labels.max()) + 1)
    parameters = [weight.requires_grad_(), bias.requires_grad_()]
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        F.cross_entropy(before(x, held_out) @ weight + bias, before(labels, held_out)).backward()
        optimizer.step()
    return accuracy(last(x, held_out) @ weight + bias, last(labels, held_out))

mistakes.add("label_as_a_number", but(targets=lambda y: y[:, None], answer=lambda s, y: mean(s[:, 0].round() == y)),
    "You fit the label as a number, as if label 2 lay between 1 and 3. Give each label a column of its own (one-hot) and let the largest win.")
mistakes.add("more_than_a_half", but(answer=lambda scores, y: mean(scores[range(len(y)), y] > 0.5)),
    "You count a row as right when its label's score is above one half. It is right when its label's score is the largest.")

@mistakes.program("You compare one-hot rows entry by entry, where most entries are zero anyway. Compare the guessed label with the label.")
def share_of_right_entries(features, labels, held_out):
    guesses = in_steps(features, labels, held_out, answer=lambda scores, labels: scores.argmax(-1))
    return mean(F.one_hot(guesses, labels.max() + 1) == F.one_hot(labels)[-held_out:])

@mistakes.program("You return the squared error. Return the share of held-out rows whose label is guessed.")
def squared_error(features, labels, held_out):
    scores = in_steps(features, labels, held_out, answer=lambda scores, labels: scores)
    return mean((scores - F.one_hot(labels)[-held_out:, : scores.size(1)]) ** 2)

mistakes.add("best_row_for_each_class", but(answer=lambda scores, labels: mean(scores.argmax(0) == labels)),
    "Your argmax runs over the rows. For each row, which class has the largest score?")

@mistakes.program("You always guess the commonest label. The guess should depend on the features.")
def commonest_label(features, labels, held_out):
    return mean(labels[-held_out:] == labels[:-held_out].mode().values)

mistakes.add("share_of_errors", but(answer=lambda scores, labels: 1 - accuracy(scores, labels)),
    "That is the share of wrong guesses. Return the share of right ones.")
mistakes.add("percent", but(answer=lambda scores, labels: 100 * accuracy(scores, labels)),
    "You return percent. Return a share, 0 to 1.")
mistakes.add("count", but(answer=lambda scores, labels: len(labels) * accuracy(scores, labels)),
    "You return how many are right. Divide by the number of held-out rows.")

@mistakes.program("You divide by the number of all rows. Divide by the number of those held out.")
def divided_by_all_rows(features, labels, held_out):
    return linear_probe(features, labels, held_out) * held_out / len(labels)

mistakes.add("tensor_in_64_bits", but(
    answer=lambda scores, labels: tensor(accuracy(scores, labels), dtype=torch.float64)),
    "You return a tensor with one number. `.item()` or `float()` makes it a plain one.")
mistakes.add("tensor", but(answer=lambda scores, labels: tensor(accuracy(scores, labels))),
    "You return a tensor with one number. `.item()` or `float()` makes it a plain one.")
mistakes.add("which_are_right", but(answer=lambda scores, labels: scores.argmax(-1) == labels),
    "You return which rows are right. Return their share, one number.")
mistakes.add("guesses", but(answer=lambda scores, labels: scores.argmax(-1)),
    "You return the guessed labels. Return the share that is right.")

def ridge(x, wanted):
    return torch.linalg.solve(x.mT @ x + torch.eye(x.size(1)), x.mT @ wanted)

def slight_ridge(x, wanted):
    return torch.linalg.solve(x.mT @ x + 1e-3 * torch.eye(x.size(1)), x.mT @ wanted)

mistakes.add("slight_ridge_on_raw_features", but(fit=slight_ridge),
    "Your ridge is of a fixed size, and where features are small enough it presses their weights to nothing. Bring the features to one size first, or leave the ridge out.")
mistakes.add("ridge_on_raw_features", but(fit=ridge),
    "Your ridge is large beside features that are small, so it presses their weights to nothing. Bring the features to one size first, or leave the ridge out.")

def a_few_steps(x, wanted):
    weight = torch.zeros(x.size(1), wanted.size(1)).double()
    for _ in range(100):
        weight = weight - 0.1 * x.mT @ (x @ weight - wanted) / len(x)
    return weight

mistakes.add("a_few_steps_on_raw_features", but(fit=a_few_steps),
    "Gradient steps on features as they are take for ever, or run away, where sizes differ. Bring the features to one size first, or solve by least squares.")
mistakes.add("as_many_classes_as_there_are_labels", but(targets=lambda labels: F.one_hot(labels, len(labels.unique()))),
    "You make as many columns as there are different labels; the numbers may have gaps. The largest label plus one is enough.")

@mistakes.program("You write into the features that you were given. Work on a new tensor.")
def standardised_in_place(features, labels, held_out):
    features -= features.mean(0)
    features /= features.std(0) + 1e-9
    return linear_probe(features, labels, held_out)


def clusters(
    centres, rows, held_out, names=None, scale=1.0, offset=0.0, shares=None, dtype=torch.float32, noise=0, still=0
):
    """Features within 0.2 of their label's centre, so that any sensible classifier agrees.

    Before them stand `noise` more that say nothing, and behind them `still` more that are always the same.

    Of the held-out labels, a third or fewer, but at least one, are changed to the next label.
    """
    centres, fitted = tensor(centres), rows - held_out
    classes = torch.arange(len(centres))
    kinds = classes if shares is None else classes.repeat_interleave(tensor(shares))

    def together(generator):
        label = kinds[torch.arange(rows) % len(kinds)]
        label = torch.cat([label[torch.randperm(fitted, generator=generator)], label[fitted:]])
        features = centres[label] + 0.4 * torch.rand(rows, centres.size(1), generator=generator) - 0.2
        features = torch.cat([torch.rand(rows, noise, generator=generator) - 0.5, features, torch.ones(rows, still)], 1)
        changed = int(torch.randint(1, max(2, held_out // 3 + 1), (), generator=generator))
        places = fitted + torch.randperm(held_out, generator=generator)[:changed]
        label[places] = (label[places] + 1) % len(centres)
        label = label if names is None else tensor(names)[label]
        return {"features": (features * tensor(scale) + tensor(offset)).to(dtype), "labels": label}

    return {"held_out": held_out, "together": together}


def unseen(generator):
    """The class 2 is only among the last nine rows, and three of these are of another class."""
    label = tensor([0, 1] * 20 + [2, 0, 2, 1, 2, 2, 0, 2, 2])
    centres = tensor([[0.0, 0.0], [2.0, 2.0], [1.0, -1.0]])
    return {"features": centres[label] + 0.2 * torch.rand(len(label), 2, generator=generator), "labels": label}


def mostly_one(generator):
    """Both labels among the fitted rows alike, and nearly only label 1 among the held-out ones, a tenth of it wrong."""
    label = torch.cat([tensor([0, 1] * 20), torch.ones(300, dtype=torch.int64)])
    features = 10 + label[:, None] + 0.4 * torch.rand(len(label), 1, generator=generator) - 0.2
    label[40 + torch.randperm(300, generator=generator)[:30]] = 0
    return {"features": features, "labels": label}


TRIANGLE = [[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]
SQUARE = [[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]
CIRCLE = [[2 * math.cos(k * math.pi / 4), 2 * math.sin(k * math.pi / 4)] for k in range(8)]
CORNERS = (2.0 * torch.eye(5)).tolist()
exercise = Exercise(
    reference=linear_probe,
    cases=[
        Case("two classes on a line, far from zero, by hand: the last row's label is wrong",
            features=tensor([[10.0], [11.0], [10.0], [11.0], [10.0], [11.0], [10.0], [10.0]]),
            labels=tensor([0, 1, 0, 1, 0, 1, 0, 1]), held_out=4),
        Case("four classes at the corners of a square", **clusters(SQUARE, 48, 12)),
        Case("classes with an offset", **clusters(TRIANGLE, 60, 15, offset=[200.0, -150.0])),
        Case("features of different sizes", **clusters(CORNERS, 100, 20, scale=[100.0, 10.0, 1.0, 0.1, 0.03])),
        Case("small features, and a label that is rare", **clusters(TRIANGLE, 88, 16, scale=0.01, shares=[6, 1, 1])),
        Case("features of a ten-thousandth", **clusters(TRIANGLE, 88, 16, scale=1e-4, shares=[6, 1, 1])),
        Case("eight classes on a circle, each score below a half", **clusters(CIRCLE, 160, 40)),
        Case("a feature that never changes", **clusters(TRIANGLE, 60, 12, still=1)),
        Case("more features than matter", **clusters(CORNERS, 300, 40, noise=12)),
        Case("eighty features before those that matter", **clusters(CORNERS, 800, 100, noise=80)),
        Case("labels 0, 3 and 4", **clusters(TRIANGLE, 50, 10, names=[0, 3, 4])),
        Case("a label that is only among the held-out rows", held_out=9, together=unseen),
        Case("one feature, and a label that is rare", **clusters([[0.0], [1.0]], 160, 40, offset=[5.0], shares=[9, 1])),
        Case("held-out rows that are nearly all alike", held_out=300, together=mostly_one),
        Case("more rows held out than fitted on", **clusters(SQUARE, 200, 120)),
        Case("as many rows and features as before, other numbers", **clusters(SQUARE, 200, 120)),
        Case("64-bit numbers", **clusters(CORNERS, 80, 20, dtype=torch.float64)),
    ],
    variants=[standardised_ridge, by_least_squares, logistic_regression],
    mistakes=mistakes,
    points=3,
)
