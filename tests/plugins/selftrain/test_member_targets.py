"""A target for each member: at once where members' targets cannot come to differ, one by one where they can."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit.scenario import TargetConfig
from smoothkit_selftrain.answers import Answers
from smoothkit_selftrain.member_targets import MemberTargets

MEMBERS, BATCH, CLASSES = 3, 8, 5
ALIKE = ("onehot", "ls", "maxsup", "focal", "kd", "adaptive-ls", "instance-ls")
APART = ("ls++", "ols", "measured-ls", "ps-kd")


@pytest.fixture
def build(configure, make_runs):
    """The targets of this name."""

    def build(name, **options):
        config = configure()
        target = TargetConfig.model_validate({"name": name, **options})
        return MemberTargets("target", target, config.train, make_runs(config, (0, 1, 2)), CLASSES, 20)

    return build


def batch():
    generator = torch.Generator().manual_seed(0)
    logits, teacher = (torch.randn(MEMBERS, BATCH, CLASSES, generator=generator) for _ in range(2))
    labels = torch.randint(CLASSES, (MEMBERS, BATCH), generator=generator)
    index = torch.stack([torch.randperm(20, generator=generator)[:BATCH] for _ in range(MEMBERS)])
    return logits, labels, teacher, index


@pytest.mark.parametrize("name", [*ALIKE, *APART])
def test_losses_are_those_of_each_members_target(name, build):
    targets = build(name)
    assert targets.is_alike == (name in ALIKE)
    logits, labels, teacher, index = batch()
    found = targets.losses(logits, labels, teacher=teacher, index=index)
    for member, target in enumerate(targets.each):
        given = {"teacher": teacher[member]} if "teacher" in target.needs else {}
        given |= {"index": index[member]} if "index" in target.needs else {}
        assert_close(found[member], target(logits[member], labels[member], reduction="none", **given))


def test_a_target_that_learns_has_its_own_optimiser_of_each_run(build):
    targets = build("ls++")
    assert len(targets.optimizers) == MEMBERS
    assert len({id(target) for target in targets.each}) == MEMBERS
    assert build("ls").optimizers == []


def test_statistics_are_of_what_counts(build):
    """Online smoothing of right predictions, as if what has no weight were not there."""
    targets, others = build("ols"), build("ols")
    logits, labels, _, index = batch()
    logits.scatter_(2, labels.unsqueeze(2), 9.0)
    weights = (torch.arange(BATCH) % 2).float().expand(MEMBERS, -1)
    targets.update(logits, labels, weights, index)
    targets.end_round()
    for member, other in enumerate(others.each):
        other.update(logits[member, 1::2], labels[member, 1::2])
        other.end_epoch()
        assert_close(targets.each[member].matrix(), other.matrix())


def test_soft_labels_without_weight_are_left_out_too(build):
    targets = build("ols")
    logits, labels, _, index = batch()
    soft = torch.nn.functional.one_hot(labels, CLASSES).float()
    before = [target.state_dict()["counts"].clone() for target in targets.each]
    targets.update(logits, soft, torch.zeros(MEMBERS, BATCH), index)
    assert all(torch.equal(a, t.state_dict()["counts"]) for a, t in zip(before, targets.each, strict=True))


def test_held_out_samples_are_told_to_each_member(build):
    targets = build("measured-ls")
    assert targets.is_measuring
    logits, labels, _, _ = batch()
    right = labels[0][None].expand(MEMBERS, -1)
    logits = torch.nn.functional.one_hot(labels, CLASSES).float()
    targets.end_validation(logits, right)
    errors = (labels != right).float().mean(1) * CLASSES / (CLASSES - 1)
    assert_close(torch.stack([target.alpha[0] for target in targets.each]), errors.clamp(max=1))
    counted = torch.zeros(MEMBERS, BATCH, dtype=torch.bool)
    counted[:, :2] = labels[:, :2] == right[:, :2]
    counted[:, 7] = labels[:, 7] == right[:, 7]
    counted[0] = True
    targets.end_validation(logits, right, counted)
    assert all(target.alpha.sum() == 0 for target, own in zip(targets.each, counted, strict=True) if own.any())


# --- answers ----------------------------------------------------------------------------------------------------------


def test_answers_at_partners_of_another_kind_count_nothing():
    _, labels, teacher, index = batch()
    answers = Answers(labels, torch.rand(MEMBERS, BATCH) + 0.1, index, teacher)
    partners = torch.stack([torch.randperm(BATCH + 5) for _ in range(MEMBERS)])
    found = answers.at_partners(2, 3, partners)
    for member in range(MEMBERS):
        for place, partner in enumerate(partners[member].tolist()):
            if 2 <= partner < 2 + BATCH:
                assert found.labels[member, place] == labels[member, partner - 2]
                assert found.weights[member, place] == answers.weights[member, partner - 2]
                assert torch.equal(found.teacher[member, place], teacher[member, partner - 2])
            else:
                assert found.weights[member, place] == 0


def test_a_total_is_weighted(build):
    logits, labels, _, index = batch()
    weights, targets = torch.rand(MEMBERS, BATCH), build("ls")
    losses = targets.losses(logits, labels, teacher=None, index=index)
    assert_close(Answers(labels, weights, index).total(targets, logits), (weights * losses).sum(1))
    half = Answers(labels, weights, index).at(slice(0, 4))
    assert_close(half.total(targets, logits[:, :4]), (weights * losses)[:, :4].sum(1))
