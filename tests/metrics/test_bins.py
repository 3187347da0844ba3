"""The bins behind calibration error, and the sums in them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config
from sklearn.calibration import calibration_curve

from smoothkit.metrics import Reliability, equal_mass_edges, equal_width_edges, reliability_of
from smoothkit.metrics.bins import BinSums
from smoothkit.metrics.calibration import calibration_error_of

few_examples = settings(max_examples=30, deadline=None)
events = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=50).map(
    lambda pairs: torch.tensor(pairs, dtype=torch.float64).T.contiguous()
)
# Few distinct values, so that there are ties and values on edges.
tied = st.lists(st.integers(0, 8), min_size=1, max_size=60).map(lambda each: torch.tensor(each).double() / 8)
bin_numbers = st.integers(1, 30)
closings = st.sampled_from(["right", "left"])


@few_examples
@given(st.integers(1, 200))
def test_every_edge_lies_in_the_bin_that_it_closes(bins):
    edges = equal_width_edges(bins)
    zeros = torch.zeros_like(edges)
    assert edges.tolist() == [index / bins for index in range(bins + 1)]
    assert reliability_of(edges, zeros, bins).counts.tolist() == [2] + [1] * (bins - 1)
    assert reliability_of(edges, zeros, bins, closed="left").counts.tolist() == [1] * (bins - 1) + [2]


@few_examples
@given(events, bin_numbers, closings)
def test_bins_hold_what_a_loop_over_the_definition_puts_there(events, bins, closed):
    found = reliability_of(*events, bins, closed=closed)
    for index in range(bins):
        lower, upper = index / bins, (index + 1) / bins
        members = [
            (c, k)
            for c, k in events.T.tolist()
            if (lower < c <= upper or index == 0 == c if closed == "right" else lower <= c < upper)
            or (closed == "left" and index == bins - 1 and c == 1)
        ]
        expected = {
            "counts": len(members),
            "confidence_sum": sum(c for c, _ in members),
            "correctness_sum": sum(k for _, k in members),
            "confidence_square_sum": sum(c * c for c, _ in members),
            "product_sum": sum(c * k for c, k in members),
            "correctness_square_sum": sum(k * k for _, k in members),
        }
        for name, value in expected.items():
            assert float(getattr(found, name)[index]) == pytest.approx(value, rel=1e-12, abs=1e-12)
        if members:
            assert float(found.gaps[index]) == pytest.approx(
                (expected["confidence_sum"] - expected["correctness_sum"]) / len(members), abs=1e-12
            )
        else:
            assert found.gaps[index].isnan()
            assert found.confidence[index].isnan()
            assert found.accuracy[index].isnan()


@few_examples
@given(events, bin_numbers)
def test_scikit_learn_draws_the_same_curve(events, bins):
    confidence, correctness = events[0], events[1].round()
    found = reliability_of(confidence, correctness, bins)
    filled = found.counts > 0
    share, mean = calibration_curve(correctness.numpy(), confidence.numpy(), n_bins=bins, pos_label=1)
    if filled.sum() == len(share):  # Its edges are spaced by numpy's linspace, which differs in the last digit.
        assert found.accuracy[filled].tolist() == pytest.approx(share.tolist(), abs=1e-9)
        assert found.confidence[filled].tolist() == pytest.approx(mean.tolist(), abs=1e-9)


@few_examples
@given(events, bin_numbers, st.integers(0, 2**31))
def test_the_order_of_events_does_not_matter(events, bins, seed):
    order = torch.randperm(events.shape[1], generator=torch.Generator().manual_seed(seed))
    one, other = reliability_of(*events, bins), reliability_of(*events[:, order], bins)
    assert torch.equal(one.counts, other.counts)
    torch.testing.assert_close(one.confidence_sum, other.confidence_sum, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(one.product_sum, other.product_sum, rtol=1e-12, atol=1e-12)


def test_sums_are_exact_beyond_what_single_precision_can_count():
    # 55 % of 2e7 equal predictions of confidence 0.55 are right: calibrated. Single-precision counts stop at 2^24.
    rows = 20_000_000
    correctness = torch.zeros(rows, dtype=torch.float64)
    correctness[: rows * 55 // 100] = 1
    found = reliability_of(torch.tensor(0.55, dtype=torch.float64).expand(rows), correctness, bins=15)
    assert int(found.total) == rows
    assert float(calibration_error_of(found)) == pytest.approx(0, abs=1e-10)


def test_weights_are_shares_in_double_precision():
    found = reliability_of(torch.tensor([0.1, 0.9, 0.9]).double(), torch.zeros(3).double(), bins=2)
    assert found.weights.tolist() == [1 / 3, 2 / 3]


# Equal mass.


@few_examples
@given(tied, bin_numbers)
def test_equal_confidences_share_a_bin_and_the_rest_is_split_evenly(confidence, bins):
    edges = equal_mass_edges(confidence, bins)
    assert edges.shape == (bins + 1,)
    assert (edges.diff() >= 0).all()
    found = reliability_of(confidence, torch.zeros_like(confidence), edges=edges)
    assert int(found.total) == len(confidence)
    ordered = confidence.sort().values
    # By rank, the event i is in bin i B // N or so; a tie is wherever its first event is.
    sizes = [len(confidence) // bins + (index < len(confidence) % bins) for index in range(bins)]
    ranks = [index for index, size in enumerate(sizes) for _ in range(size)]
    expected = [0] * bins
    for value in ordered:
        expected[ranks[int((ordered < value).sum())]] += 1
    # A tie at an edge of value 0 or 1 may sit in another of several bins of no width; what is in one bin stays so.
    assert sorted(filter(None, found.counts.tolist())) == sorted(filter(None, expected))


@few_examples
@given(st.integers(1, 40), bin_numbers, st.integers(0, 2**31))
def test_distinct_confidences_are_split_as_evenly_as_can_be(rows, bins, seed):
    confidence = torch.randperm(1000, generator=torch.Generator().manual_seed(seed))[:rows].double() / 1000
    counts = reliability_of(confidence, torch.zeros(rows).double(), edges=equal_mass_edges(confidence, bins)).counts
    # The first bins hold one more; and all are full, as edges are confidences themselves.
    expected = [rows // bins + (index < rows % bins) for index in range(bins)]
    assert counts.tolist() == expected


# Groups and sums.


@few_examples
@given(events, bin_numbers, st.integers(1, 4), st.booleans(), st.integers(0, 2**31))
def test_groups_are_diagrams_of_their_own_and_add_up(events, bins, groups, soft, seed):
    generator = torch.Generator().manual_seed(seed)
    rows = events.shape[1]
    group = torch.randint(groups, (rows,), generator=generator)
    counted = torch.rand(rows, generator=generator) < 0.7
    confidence, correctness = events if soft else torch.stack([events[0], events[1].round()])
    spoilt = torch.where(counted, confidence, math.nan)  # What does not count may be anything.
    sums = BinSums(equal_width_edges(bins), groups=groups)
    sums.add(spoilt, torch.where(counted, correctness, math.nan), group, counted, soft=soft)
    found = sums.reliability()
    for index in range(groups):
        own = counted & (group == index)
        assert int(found.group(index).total) == int(own.sum())
        if own.any():
            compare(found.group(index), reliability_of(confidence[own], correctness[own], bins))
    if counted.any():
        compare(found.summed(), reliability_of(confidence[counted], correctness[counted], bins))


def compare(one: Reliability, other: Reliability) -> None:
    assert torch.equal(one.counts, other.counts)
    for name in ("confidence_sum", "correctness_sum", "confidence_square_sum", "product_sum", "correctness_square_sum"):
        torch.testing.assert_close(getattr(one, name), getattr(other, name), rtol=1e-12, atol=1e-12)


def test_groups_with_bins_of_their_own_cannot_be_summed():
    confidence = torch.tensor([0.2, 0.4, 0.6]).double()
    diagrams = [reliability_of(confidence, confidence, edges=equal_mass_edges(confidence * s, 2)) for s in (1, 0.5)]
    both = Reliability.stacked(diagrams)
    compare(both.group(1), diagrams[1])
    assert torch.equal(both.group(1).edges, diagrams[1].edges)
    with pytest.raises(ValueError, match="summed: each group has bins of its own"):
        both.summed()


# What is refused.


@pytest.mark.parametrize("bins", [0, -1])
def test_fewer_bins_than_one_are_refused(bins):
    one = torch.ones(1).double()
    for call in (lambda: reliability_of(one, one, bins), lambda: equal_mass_edges(one, bins)):
        with pytest.raises(ValueError, match=f"bins must be at least 1, got {bins}"):
            call()


@pytest.mark.parametrize("edges", [[0.0], [0, 0.6, 0.4, 1], [0.1, 1], [0, 0.9], [0, math.nan, 1], [-1, 0, 1]])
def test_edges_that_do_not_rise_from_0_to_1_are_refused(edges):
    one = torch.ones(1).double()
    with pytest.raises(ValueError, match=r"edges must rise from 0 to 1, .*, got \["):
        reliability_of(one, one, edges=torch.tensor(edges, dtype=torch.float64))


def test_an_unknown_way_to_close_bins_is_refused():
    config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(ValueError, match="closed must be one of right, left, got 'both'"):
            reliability_of(torch.ones(1).double(), torch.ones(1).double(), closed="both")  # pyright: ignore
    finally:
        config.update("jaxtyping_disable", False)


def test_no_confidences_have_no_equal_mass():
    with pytest.raises(ValueError, match="equal_mass_edges: there are no confidences"):
        equal_mass_edges(torch.empty(0).double())
