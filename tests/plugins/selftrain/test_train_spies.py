"""What the loop tells its targets, its teacher and its optimiser, and when: step by step of a school of 20 steps."""

from typing import Any, NamedTuple

import pytest
import torch
from torch.testing import assert_close

import smoothkit_selftrain.train as loop
from smoothkit_selftrain.data.parts import split_together
from smoothkit_selftrain.member_targets import MemberTargets
from smoothkit_selftrain.students import Students
from smoothkit_selftrain.timing import Timing

MEASURED = ("data.held_out=60", "pseudo.alignment=uniform", "train.average=0.9", "pseudo.teacher=previous")
WIDE_RESNET = "model={name='wide-resnet', depth=10, widen=1}"


class Call(NamedTuple):
    """What a target was told."""

    key: str
    name: str
    value: Any


class Asked(NamedTuple):
    """Which network was asked about which rows, and what it said."""

    network: str
    rows: str
    logits: torch.Tensor


@pytest.fixture
def spied(quick, monkeypatch):
    """Train with targets that are all told of steps and of held-out samples: what they, and networks, were told."""
    calls, asked, answers = [], [], []

    class Spy(MemberTargets):
        """Remembers in which order it is told what."""

        @property
        def is_measuring(self):
            """Always, whatever the target."""
            return True

        def __init__(self, name, *arguments):
            super().__init__(name, *arguments)
            self.key = name

        def set_progress(self, progress):
            """Kept."""
            calls.append(Call(self.key, "progress", progress))

        def update(self, logits, labels, weights, index):
            """Kept, but for the logits."""
            calls.append(Call(self.key, "update", (labels, weights, index)))

        def end_round(self):
            """Kept."""
            calls.append(Call(self.key, "end_round", None))

        def end_validation(self, logits, labels, counted=None):
            """Kept."""
            calls.append(Call(self.key, "validation", (logits, labels, counted)))

    of_rows, pseudo_answers = loop.of_rows, loop.pseudo_answers

    def asking(school, network, rows):
        students = school.students
        known = {"teacher": students.teacher, "network": students.network, "smoothed": students.smoothed}
        name = next(name for name, each in known.items() if each is network)
        asked.append(Asked(name, rows, of_rows(school, network, rows)))
        return asked[-1].logits

    def answering(*arguments):
        answers.append(pseudo_answers(*arguments))
        return answers[-1]

    monkeypatch.setattr(loop, "MemberTargets", Spy)
    monkeypatch.setattr(loop, "of_rows", asking)
    monkeypatch.setattr(loop, "pseudo_answers", answering)

    def spied(*overrides):
        return quick(*MEASURED, *overrides), calls, asked, answers

    return spied


def told(key, calls):
    """What a target was told, but for tensors."""
    return [each.value if each.name == "progress" else each.name for each in calls if each.key == key]


def test_targets_are_told_of_each_step_each_round_and_the_end(spied):
    """6 steps of round 0 and two rounds of 7: progress of pseudo-labels begins with round 1."""
    _, calls, _, _ = spied()
    expected = []
    for step in range(1, 21):
        expected += [(step - 1) / 20, "update", *(["end_round", "validation"] if step in (6, 13, 20) else [])]
    assert told("target", calls) == [*expected, 1.0]
    expected = [*[0.0] * 6, 0.0, "validation"]
    for step in range(7, 21):
        expected += [(step - 7) / 14, "update"]
        expected += ["end_round", (step - 6) / 14, "validation"] if step in (13, 20) else []
    assert told("pseudo_target", calls) == [*expected, 1.0]


def test_without_a_round_0_both_targets_are_told_of_held_out_samples_before_the_first_step(spied):
    _, calls, asked, _ = spied("train.supervised_steps=0", "pseudo.teacher=self", "pseudo.relabel=round")
    assert told("target", calls)[:3] == ["validation", 0.0, "update"]
    assert told("pseudo_target", calls)[:4] == [0.0, "validation", 0.0, "update"]
    assert [each.rows for each in asked[:3]] == ["unlabelled_rows", "held_out_rows", "held_out_rows"]


def test_targets_take_in_what_was_selected_and_no_more(spied):
    _, calls, _, answers = spied()
    updates = [each.value for each in calls if each[:2] == ("pseudo_target", "update")]
    assert len(updates) == len(answers) == 14
    for (labels, weights, index), answer in zip(updates, answers, strict=True):
        assert torch.equal(weights, answer.weights)
        assert torch.equal(labels, answer.labels)
        assert torch.equal(index, answer.index)
    assert 0 < torch.cat([weights for _, weights, _ in updates]).mean() < 1


def test_the_teacher_labels_and_the_smoothed_weights_are_measured(spied):
    """Labelled samples teach the student, whose average is what is best known of it."""
    _, calls, asked, _ = spied()
    order = [("teacher", "unlabelled_rows"), ("smoothed", "held_out_rows"), ("teacher", "held_out_rows")]
    assert [each[:2] for each in asked] == order * 3
    measured = [each.value for each in calls if each[:2] == ("target", "validation")]
    for (logits, _, counted), each in zip(measured, asked[1::3], strict=True):
        assert torch.equal(logits, each.logits)
        assert counted is None


def test_pseudo_targets_measure_held_out_samples_as_unlabelled_ones_are_labelled(spied):
    """Aligned by the mean of the unlabelled ones, and as sure as the least sure that was selected."""
    schooling, calls, asked, _ = spied("select={rule='share', share=0.3}")
    measured = [each.value for each in calls if each[:2] == ("pseudo_target", "validation")]
    shares = []
    for round, (logits, labels, counted) in enumerate(measured):
        unlabelled, held_out = asked[3 * round].logits.softmax(2), asked[3 * round + 2].logits.softmax(2)
        expected = held_out / unlabelled.mean(1, keepdim=True)
        expected /= expected.sum(2, keepdim=True)
        assert_close(logits.exp(), expected)
        assert torch.equal(labels[0], schooling.trained[0].parts.held_out_labels)
        noted = schooling.trained[0].chronicle.of(round)
        assert torch.equal(counted[0], expected[0].amax(1) >= noted.confidence[noted.weights > 0].min())
        shares.append(counted.float().mean().item())
    assert 0 < min(shares) <= max(shares) < 1


def test_a_weight_that_alternates_does_so_from_round_to_round_beginning_with_round_1(quick):
    alternate = "train.unlabelled_weight={shape='alternate', values=[1.0, 0.0]}"
    history = quick(alternate, "run.log_every=1").runs[0].history
    losses, own, pseudo = (dict(history(f"train/{name}")) for name in ("loss", "labelled_loss", "pseudo_loss"))
    for step in range(7, 21):
        assert pseudo[step] > 0.01
        assert losses[step] == pytest.approx(own[step] + (pseudo[step] if step < 14 else 0.0), rel=1e-5)


# --- rounds that restart, and kept labels -----------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [True, False])
def test_running_statistics_of_labels_begin_anew_where_the_network_does(restart, quick, monkeypatch):
    batches = []
    learn = loop.learn

    def watched(school, step):
        batches.append(school.labeller.rule.confidence.item())
        learn(school, step)

    monkeypatch.setattr(loop, "learn", watched)
    quick("select={rule='self-adaptive'}", f"train.restart={'true' if restart else 'false'}")
    assert batches[6] == pytest.approx(0.1)
    assert batches[12] > 0.105
    assert (batches[13] == pytest.approx(0.1)) == restart


def test_a_share_of_kept_labels_comes_to_its_end_in_the_last_round(quick):
    growing = "select={rule='share', share={shape='linear', start=0.2, end=1.0}}"
    schooling = quick("pseudo.relabel=round", "train.rounds=5", "train.steps=2", growing)
    rounds = [schooling.trained[0].chronicle.of(round).weights.mean().item() for round in range(6)]
    assert rounds == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert not any("no pseudo-label" in note for note in schooling.watcher.notes)


def test_a_share_of_labels_that_are_made_at_each_step_comes_to_its_end_with_the_training(quick):
    growing = "select={rule='share', share={shape='linear', start=0.2, end=1.0}}"
    chronicle = quick("train.rounds=4", "train.steps=2", growing).trained[0].chronicle
    rounds = [chronicle.of(round).weights.mean().item() for round in range(5)]
    assert rounds == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_a_share_that_begins_at_0_is_told_of(quick):
    growing = "select={rule='share', share={shape='linear', start=0.0, end=1.0}}"
    notes = quick("pseudo.relabel=round", growing).watcher.notes
    (told,) = [note for note in notes if "no pseudo-label" in note]
    assert "select.rule = 'share' chose no pseudo-label for round 1," in told


# --- the networks -----------------------------------------------------------------------------------------------------


@pytest.fixture
def make(configure, make_runs):
    """The students of these overrides."""

    def make(*overrides):
        config = configure(*overrides)
        (parts,) = split_together(config.data, [0])
        return Students(config, make_runs(config), parts, Timing.of(config.train))

    return make


def images(count, seed=0):
    return torch.randn(1, count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def move(students, step):
    """One step down a random slope."""
    students.move(step, students.learn(images(4, seed=step)).square().mean((1, 2)), [])


def test_a_learning_rate_that_alternates_does_so_from_round_to_round(make):
    students = make("train.schedule={shape='alternate', values=[1.0, 0.5]}", "train.lr=0.02")
    found = []
    for step in (6, 7, 13, 14, 20):
        move(students, step)
        found.append(students.optimizer.param_groups[0]["lr"])
    assert found == pytest.approx([0.02, 0.02, 0.02, 0.01, 0.01])


def test_an_average_that_begins_anew_soon_forgets_its_first_weights(make):
    """At step t of its round the decay is at most t / (9 + t): here 1/10, and not that of step 14."""
    students = make("train.restart=true", "train.average=0.99")
    students.begin_round(2)
    (first, *_) = [weight.clone() for weight in students.smoothed.parameters()]
    move(students, 14)
    last, average = next(students.network.parameters()), next(students.smoothed.parameters())
    assert_close(average, 0.1 * first + 0.9 * last)
    assert not torch.equal(first, last)


def test_what_batch_norm_says_of_a_sample_is_not_of_the_batch_it_comes_in(make):
    students = make(WIDE_RESNET)
    move(students, 1)
    inputs, before = images(6), {name: each.clone() for name, each in students.network.state_dict().items()}
    whole = students.says(students.network, inputs)
    assert_close(students.says(students.network, inputs[:, :2]), whole[:, :2])
    assert all(torch.equal(each, before[name]) for name, each in students.network.state_dict().items())
    assert not torch.allclose(students.learn(inputs)[:, :2], students.learn(inputs[:, :2]))


def test_a_school_with_batch_norm_labels_by_what_its_model_says(quick):
    """The chronicle of the last round is what the trained model says of each sample by itself."""
    schooling = quick(WIDE_RESNET, "train.supervised_steps=2", "train.rounds=1", "train.steps=3", "run.log_every=1")
    (trained,) = schooling.trained
    parts = trained.parts
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (parts.data.mean, parts.data.std))
    logits = trained.model((parts.unlabelled.float() / 255 - mean) / std)
    noted = trained.chronicle.of(1)
    assert_close(logits.softmax(1).amax(1), noted.confidence)
    assert torch.equal(logits.argmax(1), noted.classes)
    assert schooling.weights().isfinite().all()
