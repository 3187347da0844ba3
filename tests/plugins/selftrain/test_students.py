"""The networks: which of them teaches, what a round does to them, and whose weights are measured."""

import pytest
import torch
from torch.testing import assert_close

from smoothkit.models.mlp import MLP
from smoothkit.models.together import Together
from smoothkit_selftrain.best_round import BestRound
from smoothkit_selftrain.data.parts import split_together
from smoothkit_selftrain.students import Students
from smoothkit_selftrain.timing import Timing


@pytest.fixture
def make(configure, make_runs):
    """The students of these overrides."""

    def make(*overrides, seeds=(0, 1)):
        config = configure(*overrides)
        (parts,) = split_together(config.data, [0])
        return Students(config, make_runs(config, seeds), parts, Timing.of(config.train))

    return make


def weights(network):
    return torch.cat([weight.detach().flatten(1) for weight in network.parameters()], dim=1)


def move(students, step, seed=0):
    """One step down a random slope."""
    inputs = torch.randn(2, 4, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    students.move(step, students.learn(inputs).square().mean((1, 2)), [])


def test_networks_begin_at_the_seed_of_their_run(make):
    both, alone = make(seeds=(3, 8)), make(seeds=(8,))
    assert torch.equal(weights(both.network)[1:], weights(alone.network))
    assert not torch.equal(weights(both.network)[:1], weights(alone.network))


def test_building_networks_draws_nothing_from_torchs_own_generator(make):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(("option", "teacher"), [("self", "network"), ("average", "smoothed")])
def test_who_teaches_moves_with_the_student(option, teacher, make):
    students = make(f"pseudo.teacher={option}", "train.average=0.5")
    assert students.teacher is getattr(students, teacher)
    before = weights(students.teacher).clone()
    move(students, 1)
    assert not torch.equal(before, weights(students.teacher))


@pytest.mark.parametrize(("option", "moves"), [("frozen", [True, False, False]), ("previous", [True, True, True])])
def test_a_teacher_of_an_earlier_round_moves_at_the_ends_of_rounds_alone(option, moves, make):
    students = make(f"pseudo.teacher={option}")
    for round, moved in enumerate(moves):
        before = weights(students.teacher).clone()
        move(students, round + 1, seed=round)
        assert torch.equal(before, weights(students.teacher))
        students.end_round(round)
        assert torch.equal(weights(students.teacher), weights(students.network)) == moved
        assert torch.equal(before, weights(students.teacher)) != moved


def test_a_teacher_of_an_earlier_round_is_the_average_where_one_is_kept(make):
    students = make("pseudo.teacher=previous", "train.average=0.9")
    move(students, 1)
    students.end_round(0)
    assert torch.equal(weights(students.teacher), weights(students.smoothed))
    assert not torch.equal(weights(students.teacher), weights(students.network))


def test_an_average_is_exponential_once_it_is_warm(make):
    students = make("train.average=0.5", "train.schedule=constant")
    move(students, 100)
    before = weights(students.smoothed).clone()
    move(students, 101)
    assert_close(weights(students.smoothed), (before + weights(students.network)) / 2)
    assert not torch.equal(before, weights(students.network))


def test_what_is_measured(make):
    students = make("train.average=0.5")
    assert students.measured is students.smoothed
    assert make("train.average=0.5", "evaluate.model=last").measured.training
    last = make()
    assert last.measured is last.network
    member = students.measured_member(1)
    inputs = torch.randn(2, 3, 1, 8, 8)
    assert_close(member(inputs[1]), students.says(students.smoothed, inputs)[1])


def test_rounds_go_on_or_restart(make):
    going_on, restarting = make(), make("train.restart=true", "train.average=0.5")
    for students in (going_on, restarting):
        move(students, 1)
    before = weights(going_on.network).clone()
    going_on.begin_round(1)
    assert torch.equal(before, weights(going_on.network))
    assert going_on.optimizer.state
    restarting.begin_round(1)
    fresh = weights(restarting.network).clone()
    assert not restarting.optimizer.state
    assert torch.equal(weights(restarting.smoothed), fresh)
    assert not torch.equal(fresh, weights(make().network))
    move(restarting, 2)
    restarting.begin_round(1)
    assert torch.equal(fresh, weights(restarting.network))
    restarting.begin_round(2)
    assert not torch.equal(fresh, weights(restarting.network))


def test_what_a_network_says_changes_nothing_of_it(make):
    students = make()
    before = weights(students.network).clone()
    assert students.network.training
    assert not students.says(students.network, torch.randn(2, 3, 1, 8, 8)).requires_grad
    assert students.network.training
    assert torch.equal(before, weights(students.network))


# --- the best round ---------------------------------------------------------------------------------------------------


def networks():
    return Together([MLP(num_classes=3, in_channels=2, image_size=1, hidden=(4,)) for _ in range(3)])


def test_each_member_keeps_the_weights_of_its_own_best_round_and_of_equals_the_first():
    rounds = [(0.5, 0.2, 0.0), (0.4, 0.6, 0.0), (0.5, 0.3, 0.1)]
    found = [networks() for _ in rounds]
    best = BestRound(found[0])
    for round, (accuracies, network) in enumerate(zip(rounds, found, strict=True)):
        best.take(round, accuracies, network)
    assert best.round.tolist() == [0, 1, 2]
    assert best.accuracy.tolist() == pytest.approx([0.5, 0.6, 0.1])
    for member, round in enumerate((0, 1, 2)):
        assert torch.equal(weights(best.network)[member], weights(found[round])[member])


def test_the_selected_member_is_that_of_the_best_round(make):
    students = make("data.held_out=20", "evaluate.round=held-out")
    best = weights(students.network).clone()
    students.take_measured(0, [0.9, 0.1])
    move(students, 1)
    students.take_measured(1, [0.8, 0.2])
    (first, round), (second, other) = (students.selected_member(index) for index in (0, 1))
    assert (round, other) == (0, 1)
    own = torch.cat([weight.flatten() for weight in first.parameters()])
    assert torch.equal(own, best[0])
    assert not torch.equal(torch.cat([weight.flatten() for weight in second.parameters()]), best[1])
    assert make().selected_member(0)[1] == 2
