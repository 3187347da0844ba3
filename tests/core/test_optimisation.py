"""The learning rate at each step, and which parameters move how."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from smoothkit.optimisation import lr_factor, make_optimizer, parameters_of, set_lr
from smoothkit.tables import OptimisationConfig
from smoothkit.targets import LabelSmoothingPP, OneHot

epochs = st.integers(1, 20)
per_epoch = st.integers(1, 50)


@given(epochs, per_epoch, st.data())
def test_a_constant_rate_is_constant(epochs, per_epoch, data):
    step = data.draw(st.integers(1, epochs * per_epoch))
    assert lr_factor(OptimisationConfig(epochs=epochs, schedule="constant"), step, per_epoch) == 1


@given(epochs, per_epoch, st.data())
def test_the_warm_up_is_linear_and_ends_at_the_peak(epochs, per_epoch, data):
    warmup = data.draw(st.integers(1, epochs))
    config = OptimisationConfig(epochs=epochs, warmup_epochs=float(warmup), schedule="constant")
    step = data.draw(st.integers(1, epochs * per_epoch))
    assert lr_factor(config, step, per_epoch) == min(1, step / (warmup * per_epoch))


@given(epochs, per_epoch, st.data())
def test_the_cosine_falls_from_the_peak_towards_zero(epochs, per_epoch, data):
    warmup = data.draw(st.integers(0, epochs - 1))
    config = OptimisationConfig(epochs=epochs, warmup_epochs=float(warmup))
    total = epochs * per_epoch
    factors = [lr_factor(config, step, per_epoch) for step in range(1, total + 1)]
    falling = factors[warmup * per_epoch :]
    assert all(after < before for before, after in itertools.pairwise(falling))
    assert all(0 < factor <= 1 for factor in factors)
    # Step k of n lies at k / (n + 1) of the half cosine: symmetric, so that they average one half.
    assert math.fsum(falling) == pytest.approx(len(falling) / 2, abs=1e-9)
    steps = len(falling)
    for k in (1, steps):
        assert falling[k - 1] == pytest.approx(math.cos(math.pi * k / (2 * (steps + 1))) ** 2, abs=1e-12)


def test_the_step_schedule_multiplies_after_each_milestone():
    config = OptimisationConfig(epochs=6, schedule="step", milestones=(2.0, 4.5), gamma=0.5)
    factors = [lr_factor(config, step, per_epoch=4) for step in range(1, 25)]
    assert factors == [1.0] * 8 + [0.5] * 10 + [0.25] * 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "step"}, "belong together"),
        ({"milestones": (3.0,)}, "belong together"),
        ({"schedule": "step", "milestones": (30.0,)}, "must lie before the end of training at epoch 30"),
    ],
)
def test_a_schedule_that_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        OptimisationConfig(**options)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_target_has_its_own_rate_and_decay(optimizer):
    model, target = nn.Linear(3, 4), LabelSmoothingPP(4, lr=0.5, weight_decay=0.25)
    made = make_optimizer(OptimisationConfig(optimizer=optimizer, lr=0.1, weight_decay=0.01), model, target)
    assert [(group["lr"], group["weight_decay"]) for group in made.param_groups] == [(0.1, 0.01), (0.5, 0.25)]
    assert list(parameters_of(made)) == [*model.parameters(), target.theta]
    for factor in (0.5, 0.1):
        set_lr(made, factor)
        assert [group["lr"] for group in made.param_groups] == [0.1 * factor, 0.5 * factor]


def test_a_target_without_parameters_adds_no_group():
    assert len(make_optimizer(OptimisationConfig(), nn.Linear(3, 4), OneHot(4)).param_groups) == 1
