"""Schedules: their shapes, and the targets that follow them."""

from math import inf, nan

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

from smoothkit.targets import LabelSmoothing, LabelSmoothingPP, OneHot, Target
from smoothkit.targets.margin import MbLS
from smoothkit.targets.matrix import FixedMatrix
from smoothkit.targets.schedule import Alternate, Cosine, Linear, Polyline, Scheduled, Step, numeric_options
from smoothkit.targets.wrapper import Wrapper

LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 0, -100])
NUMBERS = st.floats(-10, 10)


class Neighbours(FixedMatrix):
    """Mass alpha on the next class."""

    def __init__(self, num_classes: int, alpha: float = 0.1, shift: int = 1):
        super().__init__(num_classes)
        self.alpha = alpha
        self.shift = shift
        self.check_options()

    def build_matrix(self):
        identity = torch.eye(self.num_classes, dtype=torch.float64)
        return (1 - self.alpha) * identity + self.alpha * identity.roll(self.shift, 1)


@given(NUMBERS, NUMBERS, st.sampled_from([Linear, Cosine]), st.floats(0, 1))
def test_a_slope_starts_and_ends_where_it_says_and_stays_between(start, end, shape, progress):
    schedule = shape(start, end)
    assert schedule.value(0.0, 0) == pytest.approx(start)
    assert schedule.value(1.0, 0) == pytest.approx(end)
    low, high = min(start, end), max(start, end)
    assert low - 1e-9 <= schedule.value(progress, 0) <= high + 1e-9


@given(st.floats(0, 1))
def test_line_and_cosine_are_symmetric_about_their_middle(progress):
    for schedule in (Linear(0.0, 1.0), Cosine(0.0, 1.0)):
        assert schedule.value(progress, 0) + schedule.value(1 - progress, 0) == pytest.approx(1)


def test_a_cosine_is_flat_at_its_ends():
    assert Cosine(0.0, 1.0).value(0.01, 0) < 0.001 < Linear(0.0, 1.0).value(0.01, 0)


def test_steps_begin_at_their_fractions():
    schedule = Step((0.1, 0.2, 0.3), at=(0.25, 0.5))
    assert [schedule.value(progress, 0) for progress in (0.0, 0.2499, 0.25, 0.5, 1.0)] == [0.1, 0.1, 0.2, 0.3, 0.3]


def test_a_polyline_is_numpys_interpolation_on_either_scale():
    values, at = (0.3, 0.01, 0.007), (0.0, 0.6, 1.0)
    for progress in np.linspace(0, 1, 41):
        assert Polyline(values, at).value(progress, 0) == pytest.approx(np.interp(progress, at, values))
        expected = np.exp(np.interp(progress, at, np.log(values)))
        assert Polyline(values, at, log=True).value(progress, 0) == pytest.approx(expected)


def test_alternation_counts_epochs_and_not_progress():
    schedule = Alternate((0.0, 0.1, 0.2), every=2)
    assert [schedule.value(0.9, epoch) for epoch in range(8)] == [0.0, 0.0, 0.1, 0.1, 0.2, 0.2, 0.0, 0.0]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Linear(nan, 1.0), "start is nan; expected a finite number"),
        (lambda: Cosine(0.0, inf), "end is inf; expected a finite number"),
        (lambda: Polyline((0.0, 1.0), (0.0,)), "at has 1 entries for 2 values; expected one for each"),
        (lambda: Polyline((0.0, 1.0), (0.1, 1.0)), "rising fractions of the training from 0 to 1"),
        (lambda: Polyline((0.0, 1.0, 2.0), (0.0, 0.0, 1.0)), "rising fractions"),
        (lambda: Polyline((0.0, 1.0), (0.0, 1.0), log=True), "expected values above 0 on a logarithmic scale"),
        (lambda: Step((0.0,), ()), r"values is \(0.0,\); expected two or more numbers"),
        (lambda: Step((0.0, 1.0), ()), "at has 0 entries for 2 values; expected 1"),
        (lambda: Step((0.0, 1.0), (1.0,)), "rising fractions of the training between 0 and 1"),
        (lambda: Step((0.0, 1.0, 2.0), (0.5, 0.4)), "rising fractions"),
        (lambda: Alternate((0.0, nan)), r"values\[1\] is nan"),
        (lambda: Alternate((0.0, 1.0), every=0), "every is 0; expected a number of epochs, 1 or more"),
    ],
)
def test_wrong_shapes_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_the_loss_is_that_of_the_option_in_force(progress, reduction):
    target = Scheduled(LabelSmoothing(4, 0.7), alpha=Linear(0.0, 0.4))
    target.set_progress(progress)
    expected = LabelSmoothing(4, 0.4 * progress)
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0])
    for weights in (None, weight):
        ours, theirs = (one(LOGITS, LABELS, weights, reduction) for one in (target, expected))
        assert_close(ours, theirs, rtol=0, atol=0)
    assert_close(target.distribution(LABELS), expected.distribution(LABELS))
    assert_close(target.matrices(), expected.matrices())


def test_a_kept_matrix_is_built_anew():
    target = Scheduled(Neighbours(4), alpha=Linear(0.0, 0.4))
    target.set_progress(0.5)
    assert_close(target.matrices()["target"], Neighbours(4, 0.2).matrix())


def test_two_options_change_together():
    target = Scheduled(MbLS(4), alpha=Linear(0.0, 1.0), margin=Step((1.0, 2.0), at=(0.5,)))
    target.set_progress(0.5)
    assert_close(target(LOGITS, LABELS), MbLS(4, 0.5, 2.0)(LOGITS, LABELS))


def test_an_epoch_is_closed_under_its_own_option():
    class Closing(LabelSmoothing):
        def end_epoch(self):
            closed.append(self.alpha)

    closed: list[float] = []
    target = Scheduled(Closing(4), alpha=Alternate((0.0, 0.1)))
    for _ in range(3):
        target.end_epoch()
    assert closed == [0.0, 0.1, 0.0]


def test_hard_and_learned_labels_in_turn():
    target = Scheduled(LabelSmoothingPP(4), alpha=Alternate((0.0, 0.1)))
    assert_close(target(LOGITS, LABELS), OneHot(4)(LOGITS, LABELS))
    target.end_epoch()
    assert_close(target(LOGITS, LABELS), LabelSmoothingPP(4, 0.1)(LOGITS, LABELS))
    (group,) = target.parameter_groups()
    assert group["params"][0] is target.target.theta


def test_a_restored_target_stands_where_the_saved_one_stood():
    make = lambda: Scheduled(MbLS(4), alpha=Linear(0.0, 1.0), margin=Alternate((1.0, 2.0)))  # noqa: E731
    target, restored = make(), make()
    target.set_progress(0.25)
    target.end_epoch()
    restored.load_state_dict(target.state_dict())
    assert repr(restored) == repr(target)
    assert_close(restored(LOGITS, LABELS), MbLS(4, 0.25, 2.0)(LOGITS, LABELS))


def test_the_repr_tells_the_value_in_force_and_the_schedule():
    target = Scheduled(LabelSmoothing(4), alpha=Linear(0.0, 0.4))
    target.set_progress(0.25)
    assert "alpha=0.1 of Linear(start=0.0, end=0.4" in repr(target)
    assert "LabelSmoothing(num_classes=4, alpha=0.1," in repr(target)


def test_the_inner_targets_fast_paths_are_kept():
    class Counting(LabelSmoothing):
        def quick_loss(self, rows):
            calls.append("quick")
            return super().quick_loss(rows)

        def total_loss(self, rows, scale):
            calls.append("total")
            return super().total_loss(rows, scale)

    calls: list[str] = []
    target = Scheduled(Counting(4), alpha=Linear(0.0, 0.4))
    target(LOGITS, LABELS.abs() % 4)
    target(LOGITS, LABELS, reduction="sum")
    assert calls == ["quick", "total"]


def test_what_the_inner_target_asks_of_a_batch_is_asked():
    class Demanding(LabelSmoothing):
        needs = frozenset({"teacher"})
        index_labels_only = True
        family = "sample"

    target = Scheduled(Demanding(4), alpha=Linear(0.0, 0.4))
    assert (target.needs, target.index_labels_only, target.family) == ({"teacher"}, True, "sample")
    with pytest.raises(ValueError, match=r"smoothkit.targets.mix"):
        target(LOGITS, LOGITS.softmax(dim=1))


def test_wrong_options_are_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="alhpa is no number among the options of MbLS; expected alpha"):
        Scheduled(MbLS(4), alhpa=Linear(0.0, 0.1))
    with pytest.raises(ValueError, match="convention is no number among the options of LabelSmoothing; expected alpha"):
        Scheduled(LabelSmoothing(4), convention=Linear(0.0, 0.1))
    with pytest.raises(ValueError, match="alpha is no number among the options of OneHot; it has none"):
        Scheduled(OneHot(4), alpha=Linear(0.0, 0.1))
    with pytest.raises(ValueError, match="was given no schedule"):
        Scheduled(OneHot(4))


def test_counts_are_not_numbers_to_schedule():
    assert numeric_options(Neighbours(4)) == ["alpha"]
    assert numeric_options(LabelSmoothingPP(4)) == ["alpha", "scale"]
    assert numeric_options(LabelSmoothingPP(4, lr=0.1)) == ["alpha", "scale"]


@pytest.mark.parametrize(
    "schedule",
    [
        Linear(0.0, 1.5),
        Cosine(-0.1, 0.5),
        Step((0.1, 2.0), (0.5,)),
        Polyline((0.1, 2.0), (0.0, 1.0)),
        Alternate((0.1, 2.0)),
    ],
)
def test_values_that_the_target_refuses_are_found_at_once(schedule):
    inner = LabelSmoothing(4, 0.3)
    with pytest.raises(ValueError, match=r"does not suit alpha: alpha is .*; expected a number from 0 to 1"):
        Scheduled(inner, alpha=schedule)
    assert inner.alpha == 0.3


def test_a_refused_schedule_leaves_a_kept_matrix_as_it_was():
    class Narrow(Neighbours):
        def check_options(self):
            if self.alpha > 0.5:
                raise ValueError("alpha is too large")
            super().check_options()

    inner = Narrow(4, 0.3)
    with pytest.raises(ValueError, match="too large"):
        Scheduled(inner, alpha=Linear(0.1, 0.9))
    assert_close(inner.matrix(), Neighbours(4, 0.3).matrix())


def test_a_wrapper_tells_the_inner_target_everything():
    class Told(Target):
        def update(self, logits, labels, *, index=None):
            told.append("update")

        def end_epoch(self):
            told.append("end_epoch")

        def end_validation(self, logits, labels):
            told.append("end_validation")

    told: list[str] = []
    target = Wrapper(Told(4))
    target.update(LOGITS, LABELS)
    target.end_epoch()
    target.end_validation(LOGITS, LABELS)
    target.set_progress(0.5)
    assert told == ["update", "end_epoch", "end_validation"]
    assert target.target.progress == 0.5
