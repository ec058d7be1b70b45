"""A training that is interrupted and goes on is, to the last bit, the one that was not."""

import itertools
from functools import partial

import pytest
import torch
from torch import nn

from utils.training import Checkpoint, checkpoints, train


class Interrupted(Exception):
    pass


def network(width=4, seed=0):
    """With dropout, so that the random numbers have to go on as well, and a buffer that training changes."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Dropout(0.5), nn.Linear(width, 2))


def batches(seed=0):
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randn(8, 3, generator=generator), torch.randn(8, 2, generator=generator)


def squared(model, x, y):
    return (model(x) - y).square().mean()


def fails_at(call):
    """The loss, which raises at that call."""
    calls = itertools.count()

    def loss(model, x, y):
        if next(calls) == call:
            raise Interrupted
        return squared(model, x, y)

    return loss


RECIPE = {"steps": 30, "rate": 0.02, "warm_up": 5, "decay": True, "clip": 0.5, "weight_decay": 0.1, "betas": (0.8, 0.9)}


def whole(model, loss=squared, **options):
    return train(model, batches(), loss, **(RECIPE | options))


def same(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("calls", [[0], [3], [10], [11, 7], [25, 2, 1]])
def test_an_interrupted_training_ends_as_if_it_had_never_stopped(calls, tmp_path):
    expected = network()
    losses = whole(expected)
    random_state = torch.get_rng_state()
    checkpoint = Checkpoint(tmp_path / "kept" / "training.pt", every=5)
    for call in calls:
        with pytest.raises(Interrupted):
            whole(network(seed=0), fails_at(call), checkpoint=checkpoint)
    model = network(seed=0) if not checkpoint.path.exists() else network(seed=9)  # what it starts from is replaced
    found = whole(model, checkpoint=checkpoint)
    assert torch.equal(found, losses) and same(model, expected)
    assert torch.equal(torch.get_rng_state(), random_state)


def test_a_finished_training_is_read_and_not_made_again(tmp_path):
    checkpoint = Checkpoint(tmp_path / "training.pt", every=7)
    first, again = network(), network(seed=1)
    losses = whole(first, checkpoint=checkpoint)
    assert torch.equal(whole(again, fails_at(0), checkpoint=checkpoint), losses) and same(again, first)


def test_keeping_it_changes_nothing(tmp_path):
    with_file, without = network(), network()
    losses = whole(with_file, checkpoint=Checkpoint(tmp_path / "training.pt", every=3))
    expected = network()
    assert torch.equal(losses, whole(expected)) and same(with_file, expected) and not same(without, expected)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"rate": 0.03}, "rate 0.02 there, 0.03 here"),
        ({"steps": 40}, "number of steps 30 there, 40 here"),
        ({"betas": (0.9, 0.999)}, r"betas \[0.8, 0.9\] there"),
        ({"precision": torch.bfloat16}, "precision torch.float32 there, torch.bfloat16 here"),
        ({"weight_decay": 0.0}, "weight decay 0.1 there"),
    ],
)
def test_a_checkpoint_of_another_recipe_is_refused(changed, words, tmp_path):
    checkpoint = Checkpoint(tmp_path / "training.pt")
    whole(network(), checkpoint=checkpoint)
    with pytest.raises(ValueError, match=rf"training\.pt is of another training: {words}"):
        whole(network(), checkpoint=checkpoint, **changed)


@pytest.mark.parametrize("build", [partial(network, width=5), lambda: nn.Linear(3, 2)], ids=["width", "kind"])
def test_a_checkpoint_of_another_model_is_refused_and_leaves_it_as_it_was(build, tmp_path):
    checkpoint = Checkpoint(tmp_path / "training.pt")
    whole(network(), checkpoint=checkpoint)
    model = build()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match="of another training: shape of "):
        whole(model, checkpoint=checkpoint)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_other_batches_are_refused(tmp_path):
    checkpoint = Checkpoint(tmp_path / "training.pt")
    whole(network(), checkpoint=checkpoint)
    with pytest.raises(ValueError, match="other batches"):
        train(network(), batches(seed=1), squared, checkpoint=checkpoint, **RECIPE)
    with pytest.raises(ValueError, match="other batches"):
        train(network(), itertools.islice(batches(), 9), squared, checkpoint=checkpoint, **RECIPE)


def test_what_else_is_said_about_a_training_has_to_be_the_same(tmp_path):
    path = tmp_path / "training.pt"
    whole(network(), checkpoint=Checkpoint(path, about={"heads": 4}))
    with pytest.raises(ValueError, match="heads 4 there, 2 here"):
        whole(network(), checkpoint=Checkpoint(path, about={"heads": 2}))


def test_a_place_where_nothing_can_be_kept_is_found_out_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        whole(network(), fails_at(0), checkpoint=Checkpoint(tmp_path / "file" / "training.pt"))


def test_where_it_goes_on_is_said(tmp_path, capsys):
    checkpoint = Checkpoint(tmp_path / "training.pt", every=10)
    with pytest.raises(Interrupted):
        whole(network(), fails_at(15), checkpoint=checkpoint)
    whole(network(), checkpoint=checkpoint, label="a network")
    assert f"a network: goes on from step 10 of 30, kept in {checkpoint.path}" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04"])
def test_a_broken_file_is_named(content, tmp_path):
    path = tmp_path / "training.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"training\.pt is no checkpoint, or a broken one; remove it"):
        whole(network(), checkpoint=Checkpoint(path))
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_written_whole_leaves_the_one_before(tmp_path, monkeypatch):
    checkpoint = Checkpoint(tmp_path / "training.pt", every=10)
    with pytest.raises(Interrupted):
        whole(network(), fails_at(15), checkpoint=checkpoint)
    kept = checkpoint.path.read_bytes()

    def half(state, file):
        file.write(b"half of it")
        raise OSError("the disk is full")

    monkeypatch.setattr(checkpoints.torch, "save", half)
    with pytest.raises(OSError, match="disk is full"):
        whole(network(), checkpoint=checkpoint)
    assert checkpoint.path.read_bytes() == kept and list(tmp_path.iterdir()) == [checkpoint.path]
