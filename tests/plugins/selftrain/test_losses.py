"""The two losses of a step, against their definitions written out for one process."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit_selftrain.answers import Answers, of_labelled
from smoothkit_selftrain.train import mean_loss, set_up

SEEDS, STEP, LABELLED, UNLABELLED = (0, 1), 9, 8, 24


@pytest.fixture
def given(configure, make_runs):
    """A school of these overrides, a lesson, logits, and answers to both kinds of samples with random weights."""

    def given(*overrides):
        config = configure("target=ls", "pseudo.target=kd", *overrides)
        school = set_up(config, make_runs(config, SEEDS))
        lesson = school.feed.at(STEP)
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(2, LABELLED + UNLABELLED, 10, generator=generator)
        pseudo = Answers(
            labels=torch.randint(10, (2, UNLABELLED), generator=generator),
            weights=torch.rand(2, UNLABELLED, generator=generator).sub(0.5).clamp(min=0),
            index=lesson.unlabelled,
            teacher=torch.randn(2, UNLABELLED, 10, generator=generator),
        )
        return school, lesson, logits, of_labelled(school.labels, lesson.labelled), pseudo

    return given


def losses(school, logits, answers, is_labelled):
    """Of each sample of a kind, for logits in the order of its answers."""
    found = []
    for member in range(2):
        if is_labelled:
            target = school.target.each[member]
            found.append(target(logits[member], answers.labels[member], reduction="none"))
        else:
            target, teacher = school.pseudo_target.each[member], answers.teacher[member]
            found.append(target(logits[member], answers.labels[member], reduction="none", teacher=teacher))
    return torch.stack(found) * answers.weights


def test_labels_are_those_of_the_samples(given):
    school, lesson, _, labelled, _ = given()
    for member, parts in enumerate(school.parts):
        assert torch.equal(labelled.labels[member], parts.labels[lesson.labelled[member]])
    assert torch.equal(labelled.weights, torch.ones(2, LABELLED))


@pytest.mark.parametrize("mean_over", ["all", "selected"])
@pytest.mark.parametrize("mixup", [0.0, 0.8])
def test_losses_are_as_defined(mixup, mean_over, given):
    """Mixed: lam T(z of the sample, label) + (1 - lam) T(z of the sample that it is the partner of, label)."""
    school, lesson, logits, labelled, pseudo = given(f"train.mixup={mixup}", f"train.mean_over={mean_over}")
    for is_labelled, answers, places in (
        (True, labelled, slice(0, LABELLED)),
        (False, pseudo, slice(LABELLED, LABELLED + UNLABELLED)),
    ):
        expected = losses(school, logits[:, places], answers, is_labelled)
        if lesson.mixing is not None:
            inverse = lesson.mixing.partner.argsort(dim=1)
            partnered = logits.gather(1, inverse[:, places].unsqueeze(2).expand(-1, -1, 10))
            lam = lesson.mixing.lam.unsqueeze(1)
            expected = lam * expected + (1 - lam) * losses(school, partnered, answers, is_labelled)
        size = answers.weights.sum(1) if mean_over == "selected" else answers.weights.shape[1]
        assert_close(mean_loss(school, lesson, answers, logits, is_labelled), expected.sum(1) / size)


def test_nothing_selected_is_no_loss(given):
    school, lesson, logits, _, pseudo = given("train.mean_over=selected")
    nothing = Answers(pseudo.labels, torch.zeros_like(pseudo.weights), pseudo.index, pseudo.teacher)
    assert mean_loss(school, lesson, nothing, logits, is_labelled=False).tolist() == [0, 0]
