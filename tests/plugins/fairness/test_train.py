"""The training loop does what the configuration says, and nothing else."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.testing import assert_close

from smoothkit.data import training_batches
from smoothkit.data.prepare import prepare
from smoothkit.distributed import Group
from smoothkit.errors import UserError
from smoothkit.metrics import accuracy, nll, top_label
from smoothkit.models.mlp import MLP
from smoothkit.prediction import predict
from smoothkit.report.legibility import MOST_DIAGRAMS
from smoothkit.tables import DataConfig
from smoothkit_fairness.config import EvaluateConfig, FairnessConfig, TrainConfig
from smoothkit_fairness.progress import figures_every, group_figures, measured

STEP = ("train.schedule=step", "train.milestones=[1]")
DRO = ("train.weighting=dro",)
# For each key of `[train]` and `[data]`, overrides that make a run, and one more that must change its outcome.
CHANGES = {
    "train.epochs": ((), "train.epochs=3"),
    "train.batch_size": ((), "train.batch_size=64"),
    "train.optimizer": ((), "train.optimizer=adamw"),
    "train.lr": ((), "train.lr=0.06"),
    "train.momentum": ((), "train.momentum=0.8"),
    "train.nesterov": ((), "train.nesterov=true"),
    "train.weight_decay": ((), "train.weight_decay=0.01"),
    "train.schedule": ((), "train.schedule=constant"),
    "train.warmup_epochs": ((), "train.warmup_epochs=1"),
    "train.milestones": (STEP, "train.milestones=[0.5]"),
    "train.gamma": (STEP, "train.gamma=0.5"),
    "train.clip": ((), "train.clip=0.5"),
    "train.weighting": ((), "train.weighting=group"),
    "train.weighting of cells": (("train.weighting=group",), "train.weighting=group-and-class"),
    "train.weighting for independence": ((), "train.weighting=independence"),
    "train.weighting by DRO": (("train.weighting=group",), "train.weighting=dro"),
    "train.dro_step": (DRO, "train.dro_step=0.1"),
    "train.dro_adjustment": (DRO, "train.dro_adjustment=2.0"),
    "train.alpha_by_group": (("target=ls",), "train.alpha_by_group.south=0.3"),
    "train.alpha_by_group of a small group": (("target=ls",), 'train.alpha_by_group."far east"=0.3'),
    "data.name": ((), None),
    "data.validation": ((), "data.validation=0.15"),
    "data.train_limit": ((), "data.train_limit=256"),
    "data.image_size": ((), None),
    "data.label_noise": ((), "data.label_noise.rate=0.2"),
    "data.workers": ((), None),
    "run.precision": ((), "run.precision=bfloat16"),
    "model.hidden": ((), "model.hidden=[9]"),
    "target": ((), "target=ls"),
    "target that remembers samples": ((), "target=ps-kd"),
}


def test_no_key_is_forgotten():
    keys = {
        *(f"train.{name}" for name in TrainConfig.model_fields),
        *(f"data.{name}" for name in DataConfig.model_fields),
    }
    assert keys <= set(CHANGES)


@pytest.fixture(scope="module")
def trained_before():
    """Runs by their overrides: many keys are changed from the same one."""
    return {}


@pytest.mark.parametrize("key", [key for key, (_, change) in CHANGES.items() if change is not None])
def test_every_key_changes_the_outcome(key, train_small, trained_before):
    base, change = CHANGES[key]
    if base not in trained_before:
        trained_before[base] = train_small(*base)
    before, after = trained_before[base], train_small(*base, change)
    assert not torch.equal(before.weights, after.weights)
    # And neither run has gone astray.
    assert min(done.run.history("test/accuracy")[-1][1] for done in (before, after)) > 0.4


def test_two_runs_of_one_seed_are_one(train_small):
    overrides = ("target=ols", "train.alpha_by_group.south=0.3", *DRO)
    first, second = (train_small(*overrides) for _ in range(2))
    assert torch.equal(first.weights, second.weights)
    assert not torch.equal(first.weights, train_small(*overrides, seed=1).weights)


def test_what_is_measured_changes_no_weight(train_small):
    weights = train_small(*DRO).weights
    for change in ("evaluate.every=1", "evaluate.batch_size=7", "run.log_every=3", "evaluate.bins=4"):
        assert torch.equal(train_small(*DRO, change).weights, weights)


# --- against a loop that knows nothing of smoothkit's trainer --------------------------------------------------------


def plain_loop(configure, loss_of):
    """The weights after 20 steps of SGD with momentum on `loss_of(losses, groups of the batch, classes)`."""
    data, _ = prepare(configure().data, seed=0)
    torch.manual_seed(0)
    model = MLP(num_classes=3, in_channels=4, image_size=1, hidden=(8,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: (1 + math.cos(math.pi * (done + 1) / 21)) / 2)
    batches = training_batches(data, 32, seed=0)
    for step in range(1, 21):
        images, labels, index = batches.at(step)
        losses = nn.functional.cross_entropy(model(images), labels, reduction="none")
        optimizer.zero_grad()
        loss_of(losses, data.train.groups[index], labels, data.train).backward()
        optimizer.step()
        schedule.step()
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_loop_is_the_plain_one(configure, train_small):
    expected = plain_loop(configure, lambda losses, groups, labels, train: losses.mean())
    assert_close(train_small().weights, expected, rtol=0, atol=1e-6)


def test_weights_are_those_of_the_samples_in_the_batch(configure, train_small):
    def loss_of(losses, groups, labels, train):
        n = {g: int((train.groups == g).sum()) for g in range(3)}
        return (losses * torch.tensor([len(train) / (3 * n[g]) for g in groups.tolist()])).mean()

    expected = plain_loop(configure, loss_of)
    assert_close(train_small("train.weighting=group").weights, expected, rtol=0, atol=1e-6)


def test_group_dro_is_its_algorithm(configure, train_small):
    q = torch.ones(3) / 3

    def loss_of(losses, groups, labels, train):
        total = torch.zeros(())
        means = {g: losses[groups == g].mean() for g in groups.unique().tolist()}
        for g, mean in means.items():
            q[g] *= torch.exp(0.2 * (mean.detach() + 1.5 / (train.groups == g).sum().sqrt()))
        q.div_(q.sum())
        for g, mean in means.items():
            total = total + q[g] * mean
        return total

    expected = plain_loop(configure, loss_of)
    done = train_small(*DRO, "train.dro_step=0.2", "train.dro_adjustment=1.5")
    assert_close(done.weights, expected, rtol=0, atol=1e-6)
    assert_close(done.saved["weighting"]["log_q"].exp(), q, rtol=1e-4, atol=1e-6)
    recorded = [done.run.history(f"train/weight/{group}")[-1][1] for group in done.trained.data.group_names]
    assert_close(torch.tensor(recorded), q, rtol=1e-4, atol=1e-6)


def test_group_dro_raises_the_group_that_is_worst(train_small):
    """That is the one with most wrong labels."""
    done = train_small(*DRO, "train.epochs=10", "train.dro_step=0.02")
    weights = {group: dict(done.run.history(f"train/weight/{group}")) for group in done.trained.data.group_names}
    assert weights["far east"][100] > weights["far east"][50] > 0.36
    assert weights["far east"][100] > 0.5 > 0.3 > weights["south"][100] > weights["north"][100]
    plain = train_small("train.epochs=10")
    assert done.run.history("test/nll/far east")[-1] < plain.run.history("test/nll/far east")[-1]


def test_equal_alphas_by_group_are_one_alpha(train_small):
    by_group = [f'train.alpha_by_group."{group}"=0.2' for group in ("north", "south", "far east")]
    one, several = train_small("target.name=ls", "target.alpha=0.2"), train_small("target=ls", *by_group)
    assert_close(several.weights, one.weights, rtol=0, atol=1e-6)


# --- a stop in the middle --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides",
    [
        (*DRO, "train.dro_step=0.3", "target=ls"),
        ("target.name=ls++", "target.lr=1.0", "train.alpha_by_group.south=0.3", "train.weighting=independence"),
        ("target=ols", 'train.alpha_by_group."far east"=0.1', "train.optimizer=adamw"),
    ],
    ids=["dro", "ls++", "ols"],
)
def test_a_run_that_was_stopped_comes_to_the_same_end(overrides, train_small, tmp_path):
    whole = train_small(*overrides)
    resumed = train_small(*overrides, stop_after=5, directory=tmp_path / "resumed")
    assert torch.equal(whole.weights, resumed.weights)
    assert whole.run._history.rows == resumed.run._history.rows
    for thing in ("target", *(["weighting"] if "dro" in overrides[0] else [])):
        assert whole.saved[thing].keys() == resumed.saved[thing].keys()
        for name, value in whole.saved[thing].items():
            assert torch.equal(value, resumed.saved[thing][name])


# --- what a target is told -------------------------------------------------------------------------------------------


def test_each_target_is_told_of_its_own_samples_and_of_the_time(train_small, monkeypatch):
    from smoothkit_fairness import train

    made = []
    real = train.make_target
    monkeypatch.setattr(train, "make_target", lambda *given: made.append(real(*given)) or made[-1])
    done = train_small("target=probe", "train.alpha_by_group.south=0.3", "evaluate.every=1")
    groups = done.trained.data.train.groups
    shared, south = made[0].inner()
    for target, own in ((shared, groups != 1), (south, groups == 1)):
        seen = torch.cat(target.of("update"))
        assert own[seen].all()
        assert len(seen) == 2 * own.sum()
        assert target.of("progress") == [step / 20 for step in range(20)] + [1.0]
        assert len(target.of("epoch")) == 2
        logits, labels = target.of("validation")[-1]
        assert len(target.of("validation")) == 2
        assert torch.equal(labels, done.trained.validation.labels)
        # A target may keep what it is told, and learn through it.
        assert not logits.is_inference()


# --- progress --------------------------------------------------------------------------------------------------------


def test_each_group_is_measured_on_both_parts(train_small):
    done = train_small()
    data, validation = done.trained.data, done.trained.validation
    for name, part in (("validation", validation), ("test", data.test)):
        logits, labels = predict(done.run, done.trained.model, data, part)
        rows = {"": part.groups >= 0}
        rows |= {f"/{group}": part.groups == index for index, group in enumerate(data.group_names)}
        for suffix, own in rows.items():
            confidence, correctness = top_label(logits[own], labels[own])
            expected = {
                "accuracy": accuracy(logits[own], labels[own]).item(),
                "nll": nll(logits[own], labels[own]).item(),
                "gap": (confidence - correctness).mean().item(),
            }
            for quantity, value in expected.items():
                ((step, found),) = done.run.history(f"{name}/{quantity}{suffix}")
                assert step == 20
                assert found == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("every", "steps"), [(1, [10, 20, 30]), (2, [20, 30]), (5, [30])])
def test_evaluations_come_every_so_many_epochs_and_at_the_end(every, steps, train_small):
    done = train_small("train.epochs=3", f"evaluate.every={every}")
    assert [step for step, _ in done.run.history("test/accuracy")] == steps
    assert [step for step, _ in done.shown] == steps


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 30))
def test_figures_are_at_most_twenty_and_belong_to_evaluations(epochs, every):
    config = FairnessConfig(scenario="fairness", train=TrainConfig(epochs=epochs), evaluate=EvaluateConfig(every=every))
    between = figures_every(config)
    assert between % every == 0
    shown = {*range(between, epochs + 1, between), epochs}
    assert len(shown) <= 20
    # No more are left out than must be.
    assert len(shown) > 10 or len(shown) == len({*range(every, epochs + 1, every), epochs})


def test_figures_are_of_the_validation_part_in_bins_that_groups_share(train_small):
    done = train_small("evaluate.bins=4", "evaluate.binning=width")
    ((_, figures),) = done.shown
    validation = done.trained.validation
    sizes = torch.bincount(validation.groups).tolist()
    assert figures["validation/gaps"].counts == tuple(sorted(sizes, reverse=True))
    diagrams = figures["validation/reliability"].groups
    assert tuple(diagrams) == done.trained.data.group_names
    assert {diagram.edges for diagram in diagrams.values()} == {(0.0, 0.25, 0.5, 0.75, 1.0)}
    assert [sum(diagram.counts) for diagram in diagrams.values()] == sizes
    by_mass = train_small("evaluate.bins=4").shown[0][1]["validation/reliability"].groups
    edges = {diagram.edges for diagram in by_mass.values()}
    assert len(edges) == 1
    assert edges != {(0.0, 0.25, 0.5, 0.75, 1.0)}


def test_many_groups_have_no_diagram_each_and_empty_ones_no_value(configure):
    many = MOST_DIAGRAMS + 1
    names = tuple(f"group {index}" for index in range(many))
    logits, labels = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 3
    groups = torch.arange(40) % (many - 1)
    assert group_figures(configure().evaluate, logits, labels, groups, names).keys() == {"gaps"}
    values = measured(logits, labels, groups, names)
    assert "gap/group 11" in values
    assert "gap/group 12" not in values
    assert not any(math.isnan(value) for value in values.values())


# --- what cannot be --------------------------------------------------------------------------------------------------


def test_data_without_groups_are_refused_with_the_mend(train_small):
    for overrides, name in ((("data.with_groups=false",), "grouped"), (("data=digits",), "digits")):
        with pytest.raises(UserError, match=rf"^data: {name} has no groups; name them with its `groups` option"):
            train_small(*overrides)


def test_a_batch_that_processes_cannot_share_is_refused(train_small):
    with pytest.raises(UserError, match=r"^train: batch_size is 33; expected a multiple of the 2 processes"):
        train_small("train.batch_size=33", processes=Group(0, 2))
