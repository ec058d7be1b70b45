"""What a linear classifier can still read from a network's states."""

import torch
from torch import tensor
from torch.nn import functional as F

from ..exercise import Case, Exercise, Mistake


def linear_probe(features, labels, held_out):
    """The share of the last `held_out` rows that a linear classifier gets right which was fitted on all rows before.

    features (n, D), labels (n,) whole numbers from 0 on; a float from 0 to 1. The classifier has an intercept. Fitted by
    least squares onto one-hot targets; other ways to fit (logistic regression) are as good here.
    """
    return _accuracy(_fitted(features[:-held_out], labels[:-held_out]), features[-held_out:], labels[-held_out:])


def _with_ones(features):
    return torch.cat([features, torch.ones_like(features[:, :1])], 1).double()


def _fitted(features, labels, prepare=_with_ones):
    weight = torch.linalg.pinv(prepare(features)) @ F.one_hot(labels).double()
    return lambda features: prepare(features) @ weight


def _accuracy(classifier, features, labels):
    return (classifier(features).argmax(-1) == labels).double().mean().item()


def _standardised_ridge(features, labels, held_out):
    rows = len(features) - held_out
    x = (features - features[:rows].mean(0)) / (features[:rows].std(0) + 1e-12)
    wanted = F.one_hot(labels, int(labels.max()) + 1).to(x.dtype)
    middle = wanted[:rows].mean(0)
    penalty = 1e-4 * rows * torch.eye(x.size(1), dtype=x.dtype)
    weight = torch.linalg.solve(x[:rows].mT @ x[:rows] + penalty, x[:rows].mT @ (wanted[:rows] - middle))
    guesses = (x[rows:] @ weight + middle).argmax(1)
    return float((guesses == labels[rows:]).sum()) / held_out


def _by_least_squares(features, labels, held_out):
    x = F.pad(features, (0, 1), value=1.0)
    classes = labels.unique()
    wanted = (labels[:, None] == classes).to(x.dtype)
    weight = torch.linalg.lstsq(x[:-held_out], wanted[:-held_out], driver="gelsd").solution
    guesses = classes[(x[-held_out:] @ weight).argmax(-1)]
    return (
        sum(guess == label for guess, label in zip(guesses.tolist(), labels[-held_out:].tolist(), strict=True))
        / held_out
    )


def _logistic_regression(features, labels, held_out):
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


def _scored_on_what_it_was_fitted_on(features, labels, held_out):
    return _accuracy(_fitted(features[:-held_out], labels[:-held_out]), features[:-held_out], labels[:-held_out])


def _scored_on_everything(features, labels, held_out):
    return _accuracy(_fitted(features[:-held_out], labels[:-held_out]), features, labels)


def _fitted_on_everything(features, labels, held_out):
    return _accuracy(_fitted(features, labels), features[-held_out:], labels[-held_out:])


def _fitted_on_the_held_out(features, labels, held_out):
    return _accuracy(_fitted(features[-held_out:], labels[-held_out:]), features[-held_out:], labels[-held_out:])


def _parts_swapped(features, labels, held_out):
    return _accuracy(_fitted(features[-held_out:], labels[-held_out:]), features[:-held_out], labels[:-held_out])


def _first_rows_held_out(features, labels, held_out):
    return _accuracy(_fitted(features[held_out:], labels[held_out:]), features[:held_out], labels[:held_out])


def _fitted_on_so_many(features, labels, held_out):
    return _accuracy(_fitted(features[:held_out], labels[:held_out]), features[held_out:], labels[held_out:])


def _no_intercept(features, labels, held_out):
    classifier = _fitted(features[:-held_out], labels[:-held_out], lambda features: features.double())
    return _accuracy(classifier, features[-held_out:], labels[-held_out:])


def _label_as_a_number(features, labels, held_out):
    x = _with_ones(features)
    weight = torch.linalg.pinv(x[:-held_out]) @ labels[:-held_out, None].double()
    guesses = (x[-held_out:] @ weight)[:, 0].round()
    return (guesses == labels[-held_out:]).double().mean().item()


def _more_than_a_half(features, labels, held_out):
    guesses = _fitted(features[:-held_out], labels[:-held_out])(features[-held_out:])
    rows = torch.arange(held_out)
    return (guesses[rows, labels[-held_out:]] > 0.5).double().mean().item()


def _share_of_right_entries(features, labels, held_out):
    classes = int(labels.max()) + 1
    guesses = _fitted(features[:-held_out], labels[:-held_out])(features[-held_out:]).argmax(-1)
    return (F.one_hot(guesses, classes) == F.one_hot(labels[-held_out:], classes)).double().mean().item()


def _squared_error(features, labels, held_out):
    classes = int(labels.max()) + 1
    guesses = _fitted(F.pad(features[:-held_out], (0, 0)), labels[:-held_out])(features[-held_out:])
    wanted = F.one_hot(labels[-held_out:], classes).double()
    return ((guesses - wanted[:, : guesses.size(1)]) ** 2).mean().item()


def _best_row_for_each_class(features, labels, held_out):
    guesses = _fitted(features[:-held_out], labels[:-held_out])(features[-held_out:])
    return (guesses.argmax(0) == labels[-held_out:]).double().mean().item()


def _commonest_label(features, labels, held_out):
    return (labels[-held_out:] == labels[:-held_out].mode().values).double().mean().item()


def _share_of_errors(features, labels, held_out):
    return 1 - linear_probe(features, labels, held_out)


def _percent(features, labels, held_out):
    return 100 * linear_probe(features, labels, held_out)


def _count(features, labels, held_out):
    return linear_probe(features, labels, held_out) * held_out


def _divided_by_all_rows(features, labels, held_out):
    return linear_probe(features, labels, held_out) * held_out / len(labels)


def _tensor(features, labels, held_out):
    return torch.tensor(linear_probe(features, labels, held_out))


def _which_are_right(features, labels, held_out):
    guesses = _fitted(features[:-held_out], labels[:-held_out])(features[-held_out:]).argmax(-1)
    return guesses == labels[-held_out:]


def _guesses(features, labels, held_out):
    return _fitted(features[:-held_out], labels[:-held_out])(features[-held_out:]).argmax(-1)


def _ridge_on_raw_features(features, labels, held_out):
    x, wanted = _with_ones(features), F.one_hot(labels).double()
    gram = x[:-held_out].mT @ x[:-held_out] + torch.eye(x.size(1), dtype=x.dtype)
    weight = torch.linalg.solve(gram, x[:-held_out].mT @ wanted[:-held_out])
    return _accuracy(lambda x: x @ weight, x[-held_out:], labels[-held_out:])


def _a_few_steps_on_raw_features(features, labels, held_out):
    x, wanted = _with_ones(features), F.one_hot(labels).double()
    weight = torch.zeros(x.size(1), wanted.size(1), dtype=x.dtype)
    for _ in range(100):
        weight = weight - 0.1 * x[:-held_out].mT @ (x[:-held_out] @ weight - wanted[:-held_out]) / len(x)
    return _accuracy(lambda x: x @ weight, x[-held_out:], labels[-held_out:])


def _as_many_classes_as_there_are_labels(features, labels, held_out):
    wanted = F.one_hot(labels, len(labels.unique())).double()
    weight = torch.linalg.pinv(_with_ones(features)[:-held_out]) @ wanted[:-held_out]
    return _accuracy(lambda x: _with_ones(x) @ weight, features[-held_out:], labels[-held_out:])


def _standardised_in_place(features, labels, held_out):
    features -= features.mean(0)
    features /= features.std(0) + 1e-9
    return linear_probe(features, labels, held_out)


def _clusters(centres, rows, held_out, **options):
    """A case: rows around these centres, one for each label, and some of the held-out labels changed."""

    def draw(generator):
        return _drawn(torch.tensor(centres), rows, held_out, generator, **options)

    return {"held_out": held_out, "together": draw}


def _drawn(
    centres, rows, held_out, generator, names=None, scale=1.0, offset=0.0, shares=None, dtype=torch.float32, noise=0
):
    """Features within 0.2 of their label's centre, so that any sensible classifier agrees; `noise` more that say nothing.

    Of the held-out labels, a third or fewer, but at least one, are changed to the next label.
    """
    classes = len(centres)
    kinds = torch.arange(classes) if shares is None else torch.arange(classes).repeat_interleave(torch.tensor(shares))
    label = kinds[torch.arange(rows) % len(kinds)]
    order = torch.cat([torch.randperm(rows - held_out, generator=generator), torch.arange(rows - held_out, rows)])
    label = label[order]
    features = centres[label] + 0.4 * torch.rand(rows, centres.size(1), generator=generator) - 0.2
    features = torch.cat([torch.rand(rows, noise, generator=generator) - 0.5, features], 1)
    changed = int(torch.randint(1, max(2, held_out // 3 + 1), (), generator=generator))
    places = rows - held_out + torch.randperm(held_out, generator=generator)[:changed]
    label[places] = (label[places] + 1) % classes
    label = label if names is None else torch.tensor(names)[label]
    return {"features": (features * torch.tensor(scale) + torch.tensor(offset)).to(dtype), "labels": label}


def _unseen(generator):
    """The class 2 is only among the last nine rows, and three of these are of another class."""
    label = torch.tensor([0, 1] * 20 + [2, 0, 2, 1, 2, 2, 0, 2, 2])
    centres = torch.tensor([[0.0, 0.0], [2.0, 2.0], [1.0, -1.0]])
    return {"features": centres[label] + 0.2 * torch.rand(len(label), 2, generator=generator), "labels": label}


TRIANGLE = [[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]
SQUARE = [[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]
CORNERS = (2.0 * torch.eye(5)).tolist()
probe_of = Exercise(
    reference=linear_probe,
    cases=[
        Case(
            "two classes on a line, far from zero, by hand: the last row's label is wrong",
            features=tensor([[10.0], [11.0], [10.0], [11.0], [10.0], [11.0], [10.0], [10.0]]), labels=tensor([0, 1, 0, 1, 0, 1, 0, 1]), held_out=4,
        ),
        Case("four classes at the corners of a square", **_clusters(SQUARE, 48, 12)),
        Case("classes with an offset", **_clusters(TRIANGLE, 60, 15, offset=[30.0, -20.0])),
        Case("features of different sizes", **_clusters(CORNERS, 100, 20, scale=[100.0, 10.0, 1.0, 0.1, 0.03])),
        Case("small features, and a label that is rare", **_clusters(TRIANGLE, 88, 16, scale=0.01, shares=[6, 1, 1])),
        Case("more features than matter", **_clusters(CORNERS, 300, 40, noise=12)),
        Case("eighty features before those that matter", **_clusters(CORNERS, 800, 100, noise=80)),
        Case("labels 0, 3 and 4", **_clusters(TRIANGLE, 50, 10, names=[0, 3, 4])),
        Case("a label that is only among the held-out rows", held_out=9, together=_unseen),
        Case("more rows held out than fitted on", **_clusters(SQUARE, 200, 120)),
        Case("as many rows and features as before, other numbers", **_clusters(SQUARE, 200, 120)),
        Case("64-bit numbers", **_clusters(CORNERS, 80, 20, dtype=torch.float64)),
    ],
    variants=[_standardised_ridge, _by_least_squares, _logistic_regression],
    mistakes=[
        Mistake(_scored_on_what_it_was_fitted_on, "You score the probe on the rows that it was fitted on. Score it on the last `held_out` rows, which it has not seen."),
        Mistake(_scored_on_everything, "You score the probe on all rows. Only the last `held_out` rows count, which it has not seen."),
        Mistake(_fitted_on_everything, "You fit on all rows, held-out ones too. Then the score says what can be remembered, not what can be read."),
        Mistake(_fitted_on_the_held_out, "You fit on the held-out rows and score on the same. Fit on the rows before them."),
        Mistake(_parts_swapped, "You fit on the held-out rows and score on the others. It is the other way round."),
        Mistake(_first_rows_held_out, "You hold out the first rows. Hold out the last ones."),
        Mistake(_fitted_on_so_many, "You fit on the first `held_out` rows. That is how many are held out, at the end: fit on all the others."),
        Mistake(_no_intercept, "Your classifier has no intercept, so it fails where the features are not centred. A column of ones gives it one."),
        Mistake(_label_as_a_number, "You fit the label as a number, as if label 2 lay between 1 and 3. Give each label a column of its own (one-hot) and let the largest win."),
        Mistake(_more_than_a_half, "You count a row as right when its label's score is above one half. It is right when its label's score is the largest."),
        Mistake(_share_of_right_entries, "You compare one-hot rows entry by entry, where most entries are zero anyway. Compare the guessed label with the label."),
        Mistake(_squared_error, "You return the squared error. Return the share of held-out rows whose label is guessed."),
        Mistake(_best_row_for_each_class, "Your argmax runs over the rows. For each row, which class has the largest score?"),
        Mistake(_commonest_label, "You always guess the commonest label. The guess should depend on the features."),
        Mistake(_share_of_errors, "That is the share of wrong guesses. Return the share of right ones."),
        Mistake(_percent, "You return percent. Return a share, 0 to 1."),
        Mistake(_count, "You return how many are right. Divide by the number of held-out rows."),
        Mistake(_divided_by_all_rows, "You divide by the number of all rows. Divide by the number of those held out."),
        Mistake(_tensor, "You return a tensor with one number. `.item()` or `float()` makes it a plain one."),
        Mistake(_which_are_right, "You return which rows are right. Return their share, one number."),
        Mistake(_guesses, "You return the guessed labels. Return the share that is right."),
        Mistake(_ridge_on_raw_features, "Your ridge is large beside features that are small, so it presses their weights to nothing. Bring the features to one size first, or leave the ridge out."),
        Mistake(_a_few_steps_on_raw_features, "Gradient steps on features as they are take for ever, or run away, where sizes differ. Bring the features to one size first, or solve by least squares."),
        Mistake(_as_many_classes_as_there_are_labels, "You make as many columns as there are different labels; the numbers may have gaps. The largest label plus one is enough."),
        Mistake(_standardised_in_place, "You write into the features that you were given. Work on a new tensor."),
    ],
    points=3,
)  # fmt: skip
