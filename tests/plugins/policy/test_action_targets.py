"""Targets for actions: closed-form gradients against autograd, what is taken off again, and what is refused."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.errors import UserError
from smoothkit.targets import (
    ClassMatrix,
    ConfidencePenalty,
    Focal,
    LabelSmoothing,
    LabelSmoothingPP,
    MbLS,
    NegativeSmoothing,
    OneHot,
    OnlineLabelSmoothing,
    Ordinal,
)
from smoothkit.targets.schedule import Linear, Scheduled
from smoothkit_policy.action_targets import (
    action_targets,
    check_target,
    imitation_gradient,
    imitation_loss,
    uniform_share,
)

ACTIONS = 4
MATRIX = torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.1, 0.9, 0, 0], [0, 0, 1, 0], [0.25, 0.25, 0.25, 0.25]])
FIT = {
    "onehot": OneHot(ACTIONS),
    "ls": LabelSmoothing(ACTIONS, 0.3),
    "others": LabelSmoothing(ACTIONS, 0.3, "others"),
    "ordinal": Ordinal(ACTIONS),
    "matrix": ClassMatrix(ACTIONS, MATRIX),
    "negative": NegativeSmoothing(ACTIONS, -0.5),
    "scheduled": Scheduled(LabelSmoothing(ACTIONS), alpha=Linear(0.1, 0.3)),
}
UNFIT = {
    "focal": Focal(ACTIONS),
    "a learned matrix": LabelSmoothingPP(ACTIONS),
    "an online matrix": OnlineLabelSmoothing(ACTIONS),
    "a penalty": ConfidencePenalty(ACTIONS),
    "a margin": MbLS(ACTIONS),
    "a scheduled weight": Scheduled(Focal(ACTIONS), gamma=Linear(0.0, 2.0)),
    "other symbols": ClassMatrix(ACTIONS, torch.cat([MATRIX, MATRIX])),
}


def rows(seed, members=2, count=5):
    """Logits, actions and row weights in float64."""
    source = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(members, count, ACTIONS, generator=source, dtype=torch.float64)
    actions = torch.randint(ACTIONS, (members, count), generator=source)
    return logits.requires_grad_(), actions, torch.rand(members, count, generator=source, dtype=torch.float64)


@pytest.mark.parametrize("name", list(FIT))
@given(seed=st.integers(0, 100))
def test_the_gradient_is_that_of_the_targets_own_loss(name, seed):
    target, (logits, actions, weights) = FIT[name], rows(seed)
    losses = torch.stack([target(own, label, reduction="none") for own, label in zip(logits, actions, strict=True)])
    (expected,) = torch.autograd.grad((losses * weights).sum(), logits)
    targets = action_targets(target, actions).double()
    log_probs = logits.detach().log_softmax(-1)
    assert_close(imitation_gradient(log_probs, targets, weights), expected, rtol=0, atol=1e-6)
    assert_close(imitation_loss(log_probs, targets, weights), (losses * weights).sum(1).detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["onehot", "ls", "matrix", "scheduled"])
def test_a_distribution_as_a_label_is_the_mixture_of_its_actions_targets(name):
    target, (logits, _, _) = FIT[name], rows(1)
    labels = logits.detach().softmax(-1)
    each = action_targets(target, torch.arange(ACTIONS).unsqueeze(0))[0].double()
    assert_close(action_targets(target, labels).double(), labels @ each, rtol=1e-6, atol=1e-6)


def test_smoothing_a_distribution_mixes_the_uniform_one_in():
    labels = rows(2)[0].detach().softmax(-1)
    found = action_targets(LabelSmoothing(ACTIONS, 0.2), labels)
    assert_close(found, (0.8 * labels + 0.2 / ACTIONS).float())


@given(st.floats(0, 0.9, allow_subnormal=False), st.integers(2, 6))
def test_the_uniform_share_of_label_smoothing_is_alpha(alpha, actions):
    assert uniform_share(LabelSmoothing(actions, alpha)) == pytest.approx(alpha, abs=1e-6)
    others = alpha * (actions - 1) / actions
    assert uniform_share(LabelSmoothing(actions, others, "others")) == pytest.approx(alpha, abs=1e-6)


@pytest.mark.parametrize("name", list(FIT))
def test_what_is_left_without_the_uniform_share_has_an_action_of_probability_0_somewhere(name):
    target = FIT[name]
    left = action_targets(target, torch.arange(ACTIONS).unsqueeze(0)) - uniform_share(target) / ACTIONS
    assert left.min().item() == pytest.approx(0, abs=1e-6) or name == "negative"
    assert 0 <= uniform_share(target) < 1


def test_a_schedule_changes_the_share():
    target = FIT["scheduled"]
    target.set_progress(1.0)
    assert uniform_share(target) == pytest.approx(0.3, abs=1e-6)
    target.set_progress(0.0)
    assert uniform_share(target) == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("name", list(FIT))
def test_fixed_distributions_are_accepted(name):
    check_target(FIT[name], soft=False)
    check_target(FIT[name], soft=True)


@pytest.mark.parametrize("name", list(UNFIT))
def test_anything_else_is_refused(name):
    with pytest.raises(UserError, match=r"target: \w+ is no fixed distribution over actions .* take 'onehot', 'ls'"):
        check_target(UNFIT[name], soft=False)


def test_a_target_that_says_nothing_is_refused():
    for target in (LabelSmoothing(ACTIONS, 1.0), Scheduled(LabelSmoothing(ACTIONS), alpha=Linear(0.0, 1.0))):
        with pytest.raises(UserError, match=r"ends as the uniform distribution .* lower alpha"):
            check_target(target, soft=False)


def test_a_target_that_begins_uniform_is_accepted_and_left_at_its_beginning():
    target = Scheduled(LabelSmoothing(ACTIONS), alpha=Linear(1.0, 0.1))
    check_target(target, soft=False)
    assert uniform_share(target) == pytest.approx(1)
