"""Sketches: the exact values lie within the bounds, sketches add, and the cells tell confidences near 1 apart."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from smoothkit.metrics.bins import equal_mass_edges, reliability_of
from smoothkit.metrics.calibration import calibration_error_of
from smoothkit.metrics.cumulative import kuiper_of
from smoothkit.metrics.events import top_label
from smoothkit.metrics.selective import aurc_of
from smoothkit.metrics.sketch import (
    CELLS,
    SketchAccumulator,
    cell_ends,
    cell_of,
    cell_starts,
    sketch_of,
    sketched_aurc_of,
    sketched_calibration_error_of,
    sketched_kuiper_of,
)

# Several events in one cell, at cells' ends, in the cells of 0 and 1, and anywhere.
ENDS = cell_ends().tolist()
near = st.integers(0, 20).map(lambda step: 0.5 + step * 3e-5)
confidences = near | st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1 - 2.0**-53, 1 - 2.0**-24, 5e-324, *ENDS[1000:1003]])
correctnesses = st.sampled_from([0.0, 1.0]) | st.floats(0, 1)
events = st.lists(st.tuples(confidences, correctnesses), min_size=1, max_size=60)


def tensors(pairs: list[tuple[float, float]]) -> tuple[Tensor, Tensor]:
    confidence, correctness = zip(*pairs, strict=True)
    return torch.tensor(confidence, dtype=torch.float64), torch.tensor(correctness, dtype=torch.float64)


def equal_mass_error(confidence: Tensor, correctness: Tensor, bins: int) -> float:
    edges = equal_mass_edges(confidence, bins)
    return float(calibration_error_of(reliability_of(confidence, correctness, edges=edges)))


def assert_within(bounded, exact: float) -> None:
    low, value, high = (float(part) for part in (bounded.low, bounded.value, bounded.high))
    assert low - 1e-10 <= value <= high + 1e-10
    assert low - 1e-10 <= exact <= high + 1e-10
    assert abs(value - exact) <= float(bounded.bound) + 1e-10


@given(events, st.integers(1, 20))
@settings(deadline=None, max_examples=200)
def test_exact_values_lie_within_the_bounds(pairs, bins):
    confidence, correctness = tensors(pairs)
    sketch = sketch_of(confidence, correctness)
    assert_within(sketched_calibration_error_of(sketch, bins), equal_mass_error(confidence, correctness, bins))
    assert_within(sketched_kuiper_of(sketch), float(kuiper_of(confidence, correctness).statistic))
    assert_within(sketched_aurc_of(sketch), float(aurc_of(confidence, correctness)))


@given(events)
@settings(deadline=None)
def test_events_at_the_ends_of_cells_are_known_exactly(pairs):
    confidence, correctness = tensors(pairs)
    # No two events of a cell differ, so every order inside it is the same or a tie, but the sketch does not know that.
    confidence = cell_ends()[cell_of(confidence)]
    sketch = sketch_of(confidence, correctness)
    assert float(sketched_aurc_of(sketch).value) == pytest.approx(float(aurc_of(confidence, correctness)), abs=1e-10)
    exact = float(kuiper_of(confidence, correctness).statistic)
    assert float(sketched_kuiper_of(sketch).value) == pytest.approx(exact, abs=1e-10)
    found = float(sketched_calibration_error_of(sketch, 7).value)
    assert found == pytest.approx(equal_mass_error(confidence, correctness, 7), abs=1e-10)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0.0, 1.0]), correctnesses), min_size=1, max_size=20))
def test_certainties_have_cells_of_one_value_and_no_doubt(pairs):
    sketch = sketch_of(*tensors(pairs))
    for bounded in (sketched_calibration_error_of(sketch, 3), sketched_kuiper_of(sketch), sketched_aurc_of(sketch)):
        assert float(bounded.bound) <= 1e-12


def test_bounds_that_can_be_reached():
    # A true event at 0 takes the walk up to 1/3. Of the two events in the next cell the true one may come first, so
    # that the walk goes on upwards, or last; and it may be accepted first or last.
    middle = float(cell_ends()[2000])
    confidence = torch.tensor([0.0, middle - 2e-6, middle - 1e-6], dtype=torch.float64)
    kuipers, areas = [], []
    for correctness in (torch.tensor([1.0, 1.0, 0.0]).double(), torch.tensor([1.0, 0.0, 1.0]).double()):
        sketch = sketch_of(confidence, correctness)
        kuipers.append(float(kuiper_of(confidence, correctness).statistic))
        areas.append(float(aurc_of(confidence, correctness)))
    assert float(sketched_kuiper_of(sketch).high) == pytest.approx(max(kuipers), abs=2e-4)
    assert float(sketched_aurc_of(sketch).low) == pytest.approx(min(areas), abs=1e-12)
    assert float(sketched_aurc_of(sketch).high) == pytest.approx(max(areas), abs=1e-12)


def test_golden_values_lie_within_narrow_bounds(overconfident):
    sketch = sketch_of(*top_label(*overconfident))
    for bounded, golden, width in (
        (sketched_calibration_error_of(sketch), 0.103890630106, 1e-3),
        (sketched_kuiper_of(sketch), 0.102194126362, 2e-4),
        (sketched_aurc_of(sketch), 1 - 0.818679779639, 1e-4),
    ):
        assert_within(bounded, golden)
        assert float(bounded.bound) < width


def test_cells_resolve_saturated_confidences(overconfident):
    logits, _ = overconfident
    confidence = (5 * logits).float().softmax(1).amax(1).double()
    counts = sketch_of(confidence, torch.ones_like(confidence)).counts
    assert float((confidence == 1).double().mean()) == pytest.approx(0.2245)
    assert int(counts[-1]) == int((confidence == 1).sum())
    # Cells of equal width would have half of all rows in the last one.
    assert int(counts[:-1].amax()) / 2000 < 0.03
    assert int((confidence > 1 - 1 / CELLS).sum()) / 2000 > 0.48


def test_cells():
    starts, ends = cell_starts(), cell_ends()
    assert len(starts) == len(ends) == CELLS
    assert (ends.diff() > 0).all()
    assert (starts[1:-1] == ends[:-2]).all()
    assert (starts[0], ends[0], starts[-1], ends[-1]) == (0, 0, 1, 1)
    # No float64 lies between the last two ends.
    assert np.nextafter(float(ends[-2]), 1) == 1
    assert cell_of(ends).tolist() == list(range(CELLS))
    assert cell_of(torch.tensor([np.nextafter(float(ends[7]), 1)]).double()).tolist() == [8]


def test_a_state_that_does_not_grow(overconfident):
    accumulator = SketchAccumulator(num_classes=10)
    before = sum(tensor.nbytes for tensor in accumulator.state.values())
    accumulator.update(*overconfident)
    assert sum(tensor.nbytes for tensor in accumulator.state.values()) == before < 100_000


@given(st.lists(st.integers(0, 2000), max_size=5))
@settings(deadline=None, max_examples=20)
def test_any_split_into_batches_and_accumulators_gives_the_same(overconfident, cuts):
    logits, labels = overconfident
    whole = sketch_of(*top_label(logits, labels))
    places = [0, *sorted(cuts), 2000]
    accumulators = [SketchAccumulator(num_classes=10), SketchAccumulator(num_classes=10)]
    for number, (start, end) in enumerate(pairwise(places)):
        accumulators[number % 2].update(logits[start:end], labels[start:end])
    accumulators[0].merge_state(accumulators[1])
    found = accumulators[0].compute()
    assert torch.equal(found.counts, whole.counts)
    assert torch.equal(found.correctness_sum, whole.correctness_sum)
    torch.testing.assert_close(found.confidence_sum, whole.confidence_sum, rtol=0, atol=1e-12)


def test_sketches_add(overconfident):
    confidence, correctness = top_label(*overconfident)
    total = sketch_of(confidence[:700], correctness[:700]) + sketch_of(confidence[700:], correctness[700:])
    assert torch.equal(total.counts, sketch_of(confidence, correctness).counts)
    assert total.total == 2000


def test_rows_that_do_not_count_are_in_no_cell():
    accumulator = SketchAccumulator(num_classes=2, ignore_index=-1)
    accumulator.update(torch.tensor([[0.0, 0.0], [3.0, 0.0]]), torch.tensor([0, -1]))
    assert accumulator.compute().total == 1
    assert float(accumulator.compute().confidence_sum.sum()) == 0.5
    accumulator.update(torch.tensor([[float("nan"), 0.0]]), torch.tensor([0]))
    with pytest.raises(ValueError, match="SketchAccumulator: "):
        accumulator.compute()
    accumulator.reset()
    with pytest.raises(ValueError, match="no rows"):
        accumulator.compute()


def test_state_goes_into_another_accumulator(overconfident):
    first, second = SketchAccumulator(num_classes=10), SketchAccumulator(num_classes=10)
    first.update(*overconfident)
    second.load_state_dict(first.state_dict())
    assert str(sketched_aurc_of(second.compute())) == str(sketched_aurc_of(first.compute()))


def test_refuses_what_are_no_events_or_bins():
    with pytest.raises(ValueError, match="sketch: there are no events"):
        sketch_of(torch.zeros(0).double(), torch.zeros(0).double())
    with pytest.raises(ValueError, match="bins must be at least 1"):
        sketched_calibration_error_of(sketch_of(torch.ones(1).double(), torch.ones(1).double()), bins=0)
