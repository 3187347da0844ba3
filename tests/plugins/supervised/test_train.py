"""The training loop does what the configuration says, and nothing else."""

import pytest
import torch
from torch import nn

from smoothkit.data import training_batches
from smoothkit.data.prepare import prepare
from smoothkit.models.mlp import MLP
from smoothkit.tables import DataConfig
from smoothkit_supervised.config import TrainConfig
from tests.plugins.supervised.conftest import Finished

STEP = ("train.schedule=step", "train.milestones=[1]")
# For each key of `[train]` and `[data]`, overrides that make a run, and one more that must change its outcome.
CHANGES = {
    "train.epochs": ((), "train.epochs=3"),
    "train.batch_size": ((), "train.batch_size=64"),
    "train.optimizer": ((), "train.optimizer=adamw"),
    "train.lr": ((), "train.lr=0.06"),
    "train.momentum": ((), "train.momentum=0.8"),
    "train.nesterov": ((), "train.nesterov=true"),
    "train.weight_decay": ((), "train.weight_decay=0.01"),
    "train.weight_decay of AdamW": (("train.optimizer=adamw",), "train.weight_decay=0.01"),
    "train.schedule": ((), "train.schedule=constant"),
    "train.warmup_epochs": ((), "train.warmup_epochs=1"),
    "train.milestones": (STEP, "train.milestones=[0.5]"),
    "train.gamma": (STEP, "train.gamma=0.5"),
    "train.clip": ((), "train.clip=0.1"),
    "train.ema": ((), "train.ema=0.9"),
    "train.augment": ((), 'train.augment=["crop"]'),
    "train.augment in another order": (('train.augment=["mixup", "cutmix"]',), 'train.augment=["cutmix", "mixup"]'),
    "data.name": ((), None),
    "data.validation": ((), "data.validation=0.2"),
    "data.train_limit": ((), "data.train_limit=256"),
    "data.image_size": ((), "data.image_size=10"),
    "data.label_noise": ((), "data.label_noise.rate=0.2"),
    "data.label_noise.kind": (("data.label_noise.rate=0.2",), "data.label_noise.kind=asymmetric"),
    "data.workers": ((), None),
    "run.precision": ((), "run.precision=bfloat16"),
    "model.hidden": ((), "model.hidden=[17]"),
    "target": ((), "target=ls"),
}


def test_no_key_is_forgotten():
    keys = {
        *(f"train.{name}" for name in TrainConfig.model_fields),
        *(f"data.{name}" for name in DataConfig.model_fields),
    }
    assert keys <= set(CHANGES)


@pytest.fixture(scope="module")
def bases() -> dict[tuple[str, ...], Finished]:
    """The runs that others are compared with, by their overrides: most have none."""
    return {}


@pytest.mark.parametrize("key", [key for key, (_, change) in CHANGES.items() if change is not None])
def test_every_key_changes_the_outcome(key, bases, carry_out):
    base, change = CHANGES[key]
    if base not in bases:
        bases[base] = carry_out(*base)
    before, after = bases[base], carry_out(*base, change)
    assert not torch.equal(before.weights, after.weights)
    assert before.result.scalars["nll"] != after.result.scalars["nll"]
    # And neither run has gone astray.
    assert min(before.result.scalars["accuracy"], after.result.scalars["accuracy"]) > 0.15


def test_two_runs_of_one_seed_are_one(carry_out):
    first, second = (carry_out('train.augment=["crop", "mixup"]', "target=ols") for _ in range(2))
    assert torch.equal(first.weights, second.weights)
    assert first.result == second.result
    assert not torch.equal(first.weights, carry_out('train.augment=["crop", "mixup"]', "target=ols", seed=1).weights)


@pytest.mark.parametrize(
    "change", ["evaluate.every=2", "evaluate.batch_size=7", "run.log_every=3", 'evaluate.metrics=["ece"]']
)
def test_what_is_measured_changes_no_weight(change, carry_out):
    assert torch.equal(carry_out().weights, carry_out(change).weights)


def test_the_loop_is_the_plain_one(configure, carry_out):
    """Warm-up, cosine, momentum, decay and clipping, against a loop that knows nothing of smoothkit's trainer."""
    overrides = ("train.warmup_epochs=0.5", "train.clip=0.7", "train.nesterov=true")
    data, _ = prepare(configure(*overrides).data, seed=0)
    torch.manual_seed(0)
    model = MLP(num_classes=10, in_channels=1, image_size=8, hidden=(16,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, nesterov=True, weight_decay=5e-4)
    batches = training_batches(data, 32, seed=0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda k: (
            (k + 1) / 5 if k < 5 else (1 + torch.tensor(torch.pi * (k - 4) / 16, dtype=torch.float64).cos().item()) / 2
        ),
    )
    for step in range(1, 21):
        images, labels, _ = batches.at(step)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.7)
        optimizer.step()
        schedule.step()
    expected = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    torch.testing.assert_close(carry_out(*overrides).weights, expected, rtol=0, atol=1e-6)


def test_the_average_is_the_exponential_one(carry_out, monkeypatch):
    from smoothkit_supervised import train

    seen = []
    real = train.AveragedModel.update_parameters

    def watched(self, model):
        real(self, model)
        seen.append(torch.cat([parameter.detach().flatten().clone() for parameter in model.parameters()]))

    monkeypatch.setattr(train.AveragedModel, "update_parameters", watched)
    averaged = carry_out("train.ema=0.8").weights
    expected = seen[0]
    for weights in seen[1:]:
        expected = 0.8 * expected + 0.2 * weights
    torch.testing.assert_close(averaged, expected, rtol=0, atol=1e-6)
    # The average watches; what is trained is what is trained without it.
    assert torch.equal(seen[-1], carry_out().weights)


def test_a_step_is_no_longer_than_the_clip_allows(carry_out):
    """Plain gradient descent moves by the rate times the gradient, so 20 steps go at most 20 rates times the norm."""
    plain = ("train.momentum=0", "train.weight_decay=0", "train.schedule=constant", "train.lr=0.05")
    torch.manual_seed(0)
    start = torch.cat(
        [p.detach().flatten() for p in MLP(num_classes=10, in_channels=1, image_size=8, hidden=(16,)).parameters()]
    )
    clipped, free = carry_out(*plain, "train.clip=0.01"), carry_out(*plain)
    assert (clipped.weights - start).norm() <= 20 * 0.05 * 0.01 * (1 + 1e-4)
    assert (free.weights - start).norm() > 20 * 0.05 * 0.01
    # What is recorded is the gradient as it was, which tells how much was clipped.
    assert min(norm for _, norm in clipped.run.history("train/gradient_norm")) > 0.01


# --- data ------------------------------------------------------------------------------------------------------------


def test_the_test_part_is_the_same_for_every_seed_and_validation_is_not(configure):
    config = configure()
    (data, one), (_, again), (other_data, other) = [prepare(config.data, seed) for seed in (0, 0, 1)]
    assert torch.equal(data.test.images, other_data.test.images)
    assert torch.equal(one.images, again.images)
    assert not torch.equal(one.images, other.images)


def test_noise_reaches_training_labels_alone(configure):
    (clean, before), (noisy, after) = (
        prepare(configure(*overrides).data, 0) for overrides in ((), ("data.label_noise.rate=0.5",))
    )
    assert torch.equal(clean.train.images, noisy.train.images)
    assert 0.3 < (clean.train.labels != noisy.train.labels).float().mean() < 0.7
    assert torch.equal(before.labels, after.labels)
    assert torch.equal(clean.test.labels, noisy.test.labels)


def test_the_parts_do_not_overlap(configure):
    data, validation = prepare(configure("data.train_limit=").data, 0)
    parts = [data.train, validation, data.test]
    assert sum(map(len, parts)) == 1797
    rows = [{image.numpy().tobytes() for image in part.images} for part in parts]
    assert not (rows[0] & rows[1])
    assert not (rows[0] & rows[2])
    assert not (rows[1] & rows[2])
