"""What was said of unlabelled samples is kept as it was said, for each member by itself."""

import pytest
import torch

from smoothkit.members import joined, sliced
from smoothkit_selftrain.chronicle import Chronicle
from smoothkit_selftrain.labelling.labelled import PseudoLabels


def said(members=2, samples=5, num_classes=400, seed=0):
    logits = torch.randn(members, samples, num_classes, generator=torch.Generator().manual_seed(seed)).log_softmax(2)
    confidence, classes = logits.exp().max(2)
    return PseudoLabels(classes, classes, confidence, (confidence > confidence.median()).float(), logits)


def noted(rounds=(0, 1), **sizes):
    chronicle = Chronicle(members=2, rounds=3, samples=5)
    for round in rounds:
        chronicle.note(round, said(seed=round))
    return chronicle


def test_what_was_noted_is_what_was_said():
    chronicle = noted()
    for member in (0, 1):
        for round in (0, 1):
            own, was = chronicle.member(member).of(round), said(seed=round)
            assert torch.equal(own.classes, was.classes[member])
            assert torch.equal(own.confidence, was.confidence[member])
            assert torch.equal(own.weights, was.weights[member])


def test_as_many_classes_as_a_vocabulary_has_are_told_apart():
    chronicle = Chronicle(members=1, rounds=0, samples=3)
    classes = torch.tensor([[0, 32_768, 65_537]])
    chronicle.note(0, PseudoLabels(classes, classes, torch.ones(1, 3), torch.ones(1, 3), torch.zeros(1, 3, 1)))
    assert chronicle.of(0).classes.tolist() == [0, 32_768, 65_537]


def test_rounds_are_those_that_were_noted():
    assert noted(()).rounds == ()
    assert noted((1, 3)).rounds == (1, 3)


def test_a_member_is_a_copy():
    chronicle = noted()
    own = chronicle.member(0)
    chronicle.note(1, said(seed=9))
    assert torch.equal(own.of(1).classes, said(seed=1).classes[0])


def test_slices_of_members_make_the_whole_again():
    chronicle = noted()
    state = joined([sliced(chronicle.state_dict(), member) for member in (0, 1)])
    again = Chronicle(members=2, rounds=3, samples=5)
    again.load_state_dict(state)
    assert again.rounds == chronicle.rounds
    assert torch.equal(again.classes, chronicle.classes)


def test_a_round_that_was_not_noted_is_an_error():
    with pytest.raises(ValueError, match=r"round 2 was not noted; the chronicle holds \[0, 1\]"):
        noted().member(0).of(2)


def test_several_members_have_no_one_round():
    with pytest.raises(ValueError, match="2 members"):
        noted().of(0)
