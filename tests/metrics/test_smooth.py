"""Smooth calibration error: against the integral it stands for, its laws, and relplot's published values."""

import inspect
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm
from torch import Tensor

from smoothkit.metrics.events import one_class, top_label
from smoothkit.metrics.smooth import smooth_calibration_error, smooth_calibration_error_of, split_on_grid

# relplot 1.0.3; torch-uncertainty and probmetrics agree with the first.
RELPLOT = {
    "overconfident": 0.101115858976,
    "sixteenths": 0.116053787085,
    "class 0 of overconfident": 0.029486468325,
    "group 0": 0.101441965311,
    "group 1": 0.118657050803,
    "group 2": 0.066344880434,
}
# How far relplot's grid is from the integral: it halves the weight of events within 0.001 of 0 and 1.
DISTANCE = {
    "overconfident": 2.93e-4,
    "sixteenths": 7.55e-5,
    "class 0 of overconfident": 4.61e-3,
    "group 0": 3.46e-4,
    "group 1": 2.19e-4,
    "group 2": 3.12e-4,
}

confidences = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 1.0])
events = st.lists(st.tuples(confidences, st.booleans()), min_size=1, max_size=20)


def tensors(pairs: list[tuple[float, bool]]) -> tuple[Tensor, Tensor]:
    confidence, correctness = zip(*pairs, strict=True)
    return torch.tensor(confidence, dtype=torch.float64), torch.tensor(correctness, dtype=torch.float64)


@pytest.fixture(scope="module")
def cases(overconfident, sixteenths, groups_of_overconfident) -> dict[str, tuple[Tensor, Tensor]]:
    whole = top_label(*overconfident)
    groups = groups_of_overconfident
    return {
        "overconfident": whole,
        "sixteenths": top_label(*sixteenths),
        "class 0 of overconfident": one_class(*overconfident, index=0),
        **{f"group {g}": (whole.confidence[groups == g], whole.correctness[groups == g]) for g in range(3)},
    }


@pytest.fixture(scope="module")
def groups_of_overconfident() -> Tensor:
    stream = np.random.RandomState(12345)
    stream.standard_normal((2000, 10)), stream.random_sample(2000)
    draws = stream.random_sample(2000)
    return torch.from_numpy(np.where(draws < 0.80, 0, np.where(draws < 0.95, 1, 2)))


@pytest.mark.parametrize("name", RELPLOT)
def test_relplots_values_on_its_own_grid(cases, name):
    error = smooth_calibration_error_of(*cases[name], kernel="relplot")
    assert float(error) == pytest.approx(RELPLOT[name], abs=1e-11)


def test_relplots_value_at_a_given_bandwidth(cases):
    error = smooth_calibration_error_of(*cases["overconfident"], 0.05, kernel="relplot")
    assert float(error) == pytest.approx(0.101409770054, abs=1e-11)


@pytest.mark.parametrize("name", RELPLOT)
def test_relplots_grid_is_this_far_from_the_integral(cases, name):
    error = smooth_calibration_error_of(*cases[name])
    assert abs(float(error) - RELPLOT[name]) == pytest.approx(DISTANCE[name], rel=0.01)


def test_relplots_logit_kernel_is_near_the_integral_too(overconfident):
    # relplot evaluates in steps of 0.005 of confidence, so hardly above 0.995, and gives 0.102053609631.
    error = smooth_calibration_error(*overconfident, kernel="logit")
    assert float(error) == pytest.approx(0.1023314734, abs=1e-8)
    assert abs(float(error) - 0.102053609631) < 3e-4


def reflected_error(confidence: np.ndarray, correctness: np.ndarray, sigma: float) -> float:
    """The integral of |smoothed gap|: its antiderivative is a sum of normal distributions, its zeros are searched."""

    def over_images(function, t: float) -> float:
        images = np.concatenate([sign * confidence + shift for sign in (1, -1) for shift in range(-8, 9, 2)])
        return float(function(t, images, sigma).reshape(-1, len(confidence)).sum(0) @ (correctness - confidence))

    places = np.linspace(0, 1, 501)
    heights = [over_images(norm.pdf, t) for t in places]
    turns = [
        brentq(lambda t: over_images(norm.pdf, t), *places[at : at + 2])
        for at in range(500)
        if heights[at] * heights[at + 1] < 0
    ]
    return sum(abs(b - a) for a, b in pairwise(over_images(norm.cdf, t) for t in (0, *turns, 1))) / len(confidence)


@pytest.mark.parametrize("sigma", [0.02, 0.1, 0.5])
def test_the_error_is_the_integral(cases, sigma):
    confidence, correctness = cases["sixteenths"]
    expected = reflected_error(confidence.numpy(), correctness.numpy(), sigma)
    assert float(smooth_calibration_error_of(confidence, correctness, sigma)) == pytest.approx(expected, abs=2e-7)


@pytest.mark.parametrize("kernel", ["reflected", "logit"])
@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.2])
def test_two_opposite_gaps_cancel_as_two_gaussians_do(kernel, sigma):
    # The integral of |N(0, s) - N(d, s)| is 2 (2 Phi(d / 2s) - 1), and nothing reaches the borders.
    confidence = torch.tensor([0.48, 0.52], dtype=torch.float64)
    correctness = torch.tensor([1.0, 0.0], dtype=torch.float64)
    distance = float((confidence.logit() if kernel == "logit" else confidence).diff())
    scale = 1.0 if kernel == "logit" else 0.25
    expected = 0.52 * (2 * norm.cdf(distance / (2 * sigma * scale)) - 1)
    error = smooth_calibration_error_of(confidence, correctness, sigma * scale, kernel=kernel)
    assert float(error) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(events, st.sampled_from(["reflected", "logit"]))
def test_the_own_bandwidth_is_the_error_itself(pairs, kernel):
    confidence, correctness = tensors(pairs)
    error = float(smooth_calibration_error_of(confidence, correctness, kernel=kernel))
    if error > 0.01:
        again = smooth_calibration_error_of(confidence, correctness, error, kernel=kernel)
        # The two runs may lie on different grids, whose bound is 0.363 D (h / sigma)^2 for the logits.
        assert float(again) == pytest.approx(error, abs=1e-9 if kernel == "reflected" else 2e-3)


@settings(max_examples=25, deadline=None)
@given(events, st.floats(0.001, 1), st.floats(0.001, 1), st.sampled_from(["reflected", "logit"]))
def test_between_confidence_gap_and_mean_residual_and_falling(pairs, one, other, kernel):
    confidence, correctness = tensors(pairs)
    if kernel == "logit":
        one, other = max(one, 0.01), max(other, 0.01)
    fine, coarse = (
        float(smooth_calibration_error_of(confidence, correctness, sigma, kernel=kernel))
        for sigma in (min(one, other), max(one, other))
    )
    residual = correctness - confidence
    assert abs(float(residual.mean())) - 1e-12 <= coarse
    assert fine <= float(residual.abs().mean()) + 1e-12
    slack = 1e-12 if kernel == "reflected" else 0.3 * (100 * 2.0**-17 / min(one, other)) ** 2 + 1e-12
    assert coarse <= fine + slack


@settings(max_examples=10, deadline=None)
@given(events, st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(pairs, random):
    error = smooth_calibration_error_of(*tensors(pairs))
    random.shuffle(pairs)
    assert float(smooth_calibration_error_of(*tensors(pairs))) == pytest.approx(float(error), abs=1e-11)


@settings(max_examples=10, deadline=None)
@given(events)
def test_confidence_in_an_event_or_in_its_opposite_is_the_same(pairs):
    confidence, correctness = tensors(pairs)
    for kernel in ("reflected", "logit"):
        error, opposite = (
            float(smooth_calibration_error_of(*each, kernel=kernel))
            for each in ((confidence, correctness), (1 - confidence, 1 - correctness))
        )
        # 1 - p rounds what lies below 1e-16 away, which moves logits but nothing else.
        if kernel == "reflected" or float(confidence.clamp(max=0.5).min()) > 1e-6:
            assert opposite == pytest.approx(error, abs=1e-6)


def test_soft_correctness_is_a_repeated_event():
    soft = smooth_calibration_error_of(torch.tensor([0.6, 0.9]).double(), torch.tensor([0.5, 0.75]).double())
    confidence, correctness = (
        torch.tensor([0.6] * 4 + [0.9] * 4).double(),
        torch.tensor([1, 1, 0, 0, 1, 1, 1, 0]).double(),
    )
    assert float(soft) == pytest.approx(float(smooth_calibration_error_of(confidence, correctness)), abs=1e-12)


@pytest.mark.parametrize("kernel", ["reflected", "logit", "relplot"])
def test_certain_and_right_is_no_error(kernel):
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert float(smooth_calibration_error_of(ends, ends, kernel=kernel)) == 0


def test_certain_and_wrong_is_all_error_in_log_odds():
    # In confidence the two gaps are near enough to cancel in part.
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert float(smooth_calibration_error_of(ends, 1 - ends, kernel="logit")) == pytest.approx(1.0, abs=1e-9)
    error = float(smooth_calibration_error_of(ends, 1 - ends))
    assert reflected_error(ends.numpy(), 1 - ends.numpy(), error) == pytest.approx(error, abs=1e-9)


def test_mass_is_split_so_that_its_mean_stays():
    nodes = split_on_grid(torch.tensor([0.0, 0.3, 1.0]).double(), torch.tensor([1.0, 2.0, -4.0]).double(), 4)
    assert nodes.tolist() == pytest.approx([1.0, 1.6, 0.4, 0.0, -4.0])


@pytest.mark.parametrize("bandwidth", [0.0, -0.1, 1e-6, float("nan"), float("inf")])
@pytest.mark.parametrize("kernel", ["reflected", "logit", "relplot"])
def test_refuses_bandwidths_that_the_grid_cannot_resolve(bandwidth, kernel):
    with pytest.raises(ValueError, match="smooth_calibration_error: bandwidth must be"):
        smooth_calibration_error_of(*tensors([(0.5, True), (0.9, False)]), bandwidth, kernel=kernel)


def test_refuses_events_that_are_none():
    nothing = torch.zeros(0, dtype=torch.float64)
    for confidence, correctness in ((nothing, nothing), (torch.tensor([1.5]).double(), torch.tensor([1.0]).double())):
        with pytest.raises(ValueError, match="smooth_calibration_error: "):
            smooth_calibration_error_of(confidence, correctness)
    with pytest.raises(ValueError, match="kernel must be one of reflected, logit, relplot"):
        # Beartype would be first to refuse it here.
        inspect.unwrap(smooth_calibration_error_of)(*tensors([(0.5, True)]), kernel="gaussian")
