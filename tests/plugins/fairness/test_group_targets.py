"""A target for each group: every row has the loss of its own, and nothing of another group reaches it."""

from inspect import signature

import pytest
import torch
from torch.testing import assert_close

from smoothkit import builtin
from smoothkit.errors import UserError
from smoothkit.plugins import host
from smoothkit.targets import LabelSmoothing, LabelSmoothingPP, OnlineLabelSmoothing
from smoothkit.testing import TargetContract
from smoothkit_fairness.group_targets import TargetByGroup, make_target

GROUPS = torch.tensor([0, 2, 1, 0, 1, 1, 2, 0, 0, 1, 3, 0])
"""Of twelve training samples. Group 1 has a target of its own below, and group 3."""
INDEX = torch.tensor([4, 0, 10, 1, 9, 3, 6, 2])
"""A batch: some of the samples, in an order of its own."""
OWN = (GROUPS[INDEX] == 1).nonzero().flatten()
REST = ((GROUPS[INDEX] == 0) | (GROUPS[INDEX] == 2)).nonzero().flatten()


def batch(classes=5):
    """Logits and labels for the samples of `INDEX`."""
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(len(INDEX), classes, generator=generator).requires_grad_()
    return logits, torch.randint(classes, (len(INDEX),), generator=generator)


def by_group(make, classes=5):
    """A target of alpha 0.1 for groups 0 and 2, of 0.4 for group 1, and of 0.25 for group 3."""
    return TargetByGroup(make(classes, 0.1), {1: make(classes, 0.4), 3: make(classes, 0.25)}, GROUPS)


class TestTargetByGroup(TargetContract):
    """What holds for every target holds for several in one; an image has one group, whatever its pixels."""

    test_spatial_labels_equal_flattened_ones = None
    test_the_distribution_of_spatial_labels_is_that_of_flattened_ones = None

    def make(self):
        return by_group(LabelSmoothing)

    def context(self, target, batch=12):
        return {"index": torch.arange(batch) % 12}


class TestLearnedTargetByGroup(TestTargetByGroup):
    """The gradient of C is that of another function than the value."""

    def make(self):
        return by_group(LabelSmoothingPP)


class TestEstimatedTargetByGroup(TestTargetByGroup):
    """State is estimated within an epoch."""

    def make(self):
        return by_group(OnlineLabelSmoothing)


def test_the_gradient_of_a_row_is_p_minus_the_target_of_its_group():
    logits, labels = batch()
    loss = by_group(LabelSmoothing)(logits, labels, reduction="sum", index=INDEX)
    alphas = torch.tensor([0.1, 0.4, 0.1, 0.25])[GROUPS[INDEX]].unsqueeze(1)
    hard = torch.nn.functional.one_hot(labels, 5)
    expected = logits.softmax(dim=1) - ((1 - alphas) * hard + alphas / 5)
    assert_close(torch.autograd.grad(loss, logits)[0], expected.detach())


def alpha_targets():
    """The registered targets that are made of a number of classes and an alpha, and look at each row alone."""
    found = {}
    for name in builtin.TARGETS:
        cls = host().registry.get("targets", name).load()
        parameters = signature(cls).parameters.values()
        needed = {p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
        if "alpha" in signature(cls).parameters and needed <= {"num_classes"} and not cls.needs and cls.row_by_row:
            found[name] = cls
    return found


@pytest.mark.parametrize("name", alpha_targets())
def test_each_row_has_the_loss_of_its_target_alone(name):
    """Also where a target has no row in the batch, and where all of them have none."""
    cls = alpha_targets()[name]
    classes = 2 if name == "binary" else 5
    logits, labels = batch(classes)
    target = by_group(lambda k, alpha: cls(k, alpha=alpha), classes)
    losses = target(logits, labels, reduction="none", index=INDEX)
    assert_close(losses[OWN], cls(classes, alpha=0.4)(logits[OWN], labels[OWN], reduction="none"))
    assert_close(losses[REST], cls(classes, alpha=0.1)(logits[REST], labels[REST], reduction="none"))
    assert_close(target(logits, labels, index=INDEX), losses.mean())
    some = target(logits[REST], labels[REST], reduction="none", index=INDEX[REST])
    assert_close(some, losses[REST])
    none = target(logits[:0], labels[:0], reduction="none", index=INDEX[:0])
    assert none.shape == (0,)


def test_the_list_of_such_targets_is_no_short_one():
    assert {"ls", "ls++", "ols", "maxsup", "mbls"} <= alpha_targets().keys()


def test_what_is_learned_is_each_targets_own():
    """C of a group hears of its own rows alone; without rows its gradient is 0, and there."""
    logits, labels = batch()
    target = by_group(LabelSmoothingPP)
    target(logits[OWN], labels[OWN], index=INDEX[OWN]).backward()
    shared, first, second = (each.theta.grad for each in target.inner())
    alone = LabelSmoothingPP(5, 0.4)
    alone(logits[OWN], labels[OWN]).backward()
    assert_close(first, alone.theta.grad)
    assert first.count_nonzero() > 0
    assert shared.count_nonzero() == second.count_nonzero() == 0
    assert [group["params"][0] for group in target.parameter_groups()] == [each.theta for each in target.inner()]


def test_what_is_estimated_is_each_targets_own():
    logits, labels = batch()
    labels = logits.argmax(dim=1)
    target, alone = by_group(OnlineLabelSmoothing), OnlineLabelSmoothing(5, 0.4)
    target.update(logits, labels, index=INDEX)
    alone.update(logits[OWN], labels[OWN])
    target.end_epoch()
    alone.end_epoch()
    shared, own, unseen = target.inner()
    assert_close(own.spread, alone.spread)
    assert own.spread.unique().numel() > 2
    assert not torch.equal(own.spread, shared.spread)
    assert not torch.equal(unseen.spread, own.spread)
    # The spread of group 1 is in its loss, and not in that of the others.
    assert_close(
        target(logits, labels, reduction="none", index=INDEX)[OWN],
        alone(logits[OWN], labels[OWN], reduction="none"),
    )


def test_samples_must_be_told():
    logits, labels = batch()
    target = by_group(LabelSmoothing)
    assert target.needs == {"index"}
    with pytest.raises(ValueError, match=r"give index=, each sample's number in the training set"):
        target(logits, labels)
    with pytest.raises(ValueError, match=r"goes by groups: give index="):
        target.update(logits, labels)


def test_the_groups_are_not_saved():
    """They are the data's; a checkpoint has what is learned."""
    assert by_group(LabelSmoothingPP).state_dict().keys() == {"target.theta", "named.0.theta", "named.1.theta"}


# --- from a scenario file --------------------------------------------------------------------------------------------


@pytest.fixture
def made(configure, make_run, grouped_data):
    """The target that these overrides come to, of the data set `grouped`."""

    def made(*overrides):
        config = configure(*overrides)
        return make_target(config, make_run(config), grouped_data)

    return made


def test_the_named_groups_have_their_alpha_and_the_others_that_of_the_file(made, grouped_data):
    target = made(
        "target.name=ls",
        "target.alpha=0.05",
        "target.convention=others",
        'train.alpha_by_group."far east"=0.3',
    )
    labels, index = grouped_data.train.labels, torch.arange(len(grouped_data.train))
    own = target.distribution(labels, index=index)[index, labels]
    expected = torch.where(grouped_data.train.groups == 2, 0.7, 0.95)
    assert_close(own, expected)


def test_options_that_follow_a_schedule_still_do(made):
    target = made(
        "target.name=ls++",
        'target.schedule={scale={shape="linear", start=0.0, end=1.0}}',
        "train.alpha_by_group.south=0.3",
    )
    target.set_progress(0.25)
    assert [each.target.scale for each in target.inner()] == [0.25, 0.25]
    assert [each.target.alpha for each in target.inner()] == [0.1, 0.3]


def test_samples_are_remembered_by_each_target(made):
    target = made("target=ps-kd", "train.alpha_by_group.south=0.3", "train.alpha_by_group.north=0.5")
    assert [each.predictions.shape for each in target.inner()] == [(400, 3)] * 3
    assert target.needs == {"index"}


def test_without_alphas_the_target_is_the_plain_one(made):
    assert repr(made("target=ls")) == repr(LabelSmoothing(3))


REFUSED = {
    (
        "target=ls",
        "train.alpha_by_group.sooth=0.1",
    ): "alpha_by_group: sooth is no group of grouped; did you mean 'south'?",
    (
        "train.alpha_by_group.south=0.1",
    ): "alpha_by_group: target 'onehot' has no alpha; choose one that has, such as 'ls'",
    (
        "target.name=ls",
        'target.schedule={alpha={shape="linear", start=0.0, end=0.1}}',
        "train.alpha_by_group.south=0.1",
    ): "alpha_by_group: target.schedule sets alpha, for all groups; remove one of the two",
    (
        "target=uskd",
        "train.alpha_by_group.south=0.1",
    ): "target 'uskd' compares samples of a batch, which groups would divide",
    (
        "target=probe",
        "train.alpha_by_group.south=0.6",
    ): "alpha_by_group: south: target 'probe': alpha is 0.6; expected at most 0.5",
    ("target=kd",): "target: 'kd' needs a teacher, and a fairness scenario has no .teacher. table; choose another",
    ("target=augmix-jsd",): "'augmix-jsd' compares several views of each sample, and a fairness scenario makes one",
    ("target=meta-ls",): "'meta-ls' learns from samples held out for it, and a fairness scenario holds out none",
}


@pytest.mark.parametrize("overrides", REFUSED, ids=" ".join)
def test_what_cannot_be_is_refused_with_the_mend(overrides, made):
    with pytest.raises(UserError, match=REFUSED[overrides]) as raised:
        made(*overrides)
    assert "\n" not in str(raised.value)
