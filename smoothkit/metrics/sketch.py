"""Measures of a ranking without a sort: events counted in 4096 fixed cells of confidence, and how far that can be off.

A sketch keeps, for each cell, how many events fell into it and the sums of their confidence and correctness: 96 KiB,
however many events there are; the sketch of two sets of events is the sum of theirs. Inside a cell the order of events
is forgotten. Each measure therefore comes with bounds between which the value from the sorted events must lie, whatever
the order was. They hold for soft correctness too, and up to rounding (1e-10).

The cells: 0 by itself, 1 by itself, and between them 4094 right-closed cells (a, b] whose ends are the sin^2 of evenly
spaced angles. The cell at p is about pi sqrt(p (1 - p)) / 4094 wide, in step with the deviation of an event: 3.8e-4 at
1/2, and 1.5e-7 at the ends, where steps of float32 are 6e-8. Cells of equal width, 2.4e-4, would throw together all
confidences above 0.99976, where over-confident classifiers have most of theirs. Of a million events with ten classes
and logits of deviation 20, a cell of equal width holds 49 %, and bounds the AURC to 0.161..0.413; 22 % are 1 in float32
and have a cell to themselves here, no other cell holds more than 2.9 %, and the AURC is in 0.2108..0.2132.

Why the bounds hold: let a cell (a, b] have m events, e of them true. The sum of (correctness - confidence) over any
events of it is at most P = e (1 - a) and at least -Q = -(m - e) b, since y - p <= y (1 - a) and y - p >= -(1 - y) b.
Inside the cell, the walk C of `smoothkit.metrics.cumulative` therefore rises above its value at the cell's start by at
most P / N, and above that at its end by at most Q / N; and the reverse below. That is a box for C in every cell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float64, Int64
from torch import Tensor

from smoothkit.metrics.bins import BINS
from smoothkit.metrics.boundary import Block
from smoothkit.metrics.events import check_events
from smoothkit.metrics.streaming.accumulator import Accumulator

CELLS = 4096


class Bounded(NamedTuple):
    """An estimate, and the bounds between which the value from the sorted events lies."""

    value: Float64[Tensor, ""]
    low: Float64[Tensor, ""]
    high: Float64[Tensor, ""]

    @property
    def bound(self) -> Float64[Tensor, ""]:
        """The largest distance that the exact value can have from the estimate."""
        return torch.maximum(self.high - self.value, self.value - self.low)

    def __str__(self) -> str:
        return f"{float(self.value):.6f} (sorted: {float(self.low):.6f}..{float(self.high):.6f})"


@dataclass(frozen=True, kw_only=True, eq=False)
class Sketch:
    """The sums of each of the cells, in order of confidence."""

    counts: Int64[Tensor, " cells"]
    confidence_sum: Float64[Tensor, " cells"]
    correctness_sum: Float64[Tensor, " cells"]

    def __add__(self, other: "Sketch") -> "Sketch":
        return Sketch(
            counts=self.counts + other.counts,
            confidence_sum=self.confidence_sum + other.confidence_sum,
            correctness_sum=self.correctness_sum + other.correctness_sum,
        )

    @property
    def total(self) -> int:
        """All events."""
        return int(self.counts.sum())

    @property
    def residual(self) -> Float64[Tensor, " cells"]:
        """The sum of (correctness - confidence) in each cell."""
        return self.correctness_sum - self.confidence_sum


def sketch_of(confidence: Float64[Tensor, " rows"], correctness: Float64[Tensor, " rows"]) -> Sketch:
    """Count events in the cells: O(N), no sort, on the device of the confidence.

    Raises:
        ValueError: there are no events, the shapes differ, or a value is NaN or lies outside 0..1.

    >>> sketch = sketch_of(torch.tensor([0.6, 0.9, 0.9]).double(), torch.tensor([0.0, 1.0, 0.0]).double())
    >>> print(sketched_aurc_of(sketch))
    0.555556 (sorted: 0.388889..0.722222)
    """
    check_events("sketch", confidence, correctness)
    cells = cell_of(confidence)
    sums = torch.zeros(2, CELLS, dtype=torch.float64, device=confidence.device)
    return Sketch(
        counts=torch.bincount(cells, minlength=CELLS),
        confidence_sum=sums[0].index_add_(0, cells, confidence),
        correctness_sum=sums[1].index_add_(0, cells, correctness),
    )


def cell_of(confidence: Float64[Tensor, " rows"]) -> Int64[Tensor, " rows"]:
    """The number of each confidence's cell, 0 to 4095, by comparison with the table of ends."""
    return torch.bucketize(confidence.contiguous(), cell_ends(confidence.device)[:-1])


def cell_ends(device: torch.device | str = "cpu") -> Float64[Tensor, " cells"]:
    """The largest confidence of each cell."""
    angles = torch.arange(CELLS - 2, dtype=torch.float64, device=device) * (torch.pi / 2 / (CELLS - 2))
    below_one = angles.new_tensor([1 - 2.0**-53, 1.0])
    return torch.cat([angles.sin().square(), below_one])


def cell_starts(device: torch.device | str = "cpu") -> Float64[Tensor, " cells"]:
    """What the confidences of each cell are not below: the end of the cell before; 0 and 1 for those by themselves."""
    ends = cell_ends(device)
    return torch.cat([ends[:1], ends[:-2], ends[-1:]])


def sketched_calibration_error_of(sketch: Sketch, bins: int = BINS) -> Bounded:
    """The expected calibration error in equal-mass bins, whose edges are here the ends of cells.

    The exact value is that of `reliability_of` with `equal_mass_edges`: the way that the walk C goes from edge to edge,
    sum |C(edge) - C(edge before)|. An edge inside a cell knows C up to the cell's box; the bounds are the shortest and
    the longest way through the boxes.

    Raises:
        ValueError: `bins` is below 1.
    """
    if bins < 1:
        raise ValueError(f"sketched_calibration_error: bins must be at least 1, got {bins}")
    total, cumulative = sketch.total, sketch.counts.cumsum(0)
    size, larger = divmod(total, bins)
    ranks = torch.arange(1, bins, device=cumulative.device)
    ranks = (ranks * size + ranks.clamp(max=larger)).clamp(min=1)
    cells = torch.searchsorted(cumulative, ranks)
    walk, bottom, top = (part.cpu() for part in _walk(sketch))
    # An edge of the rank of a cell's last event takes the whole cell, whatever the order inside it.
    whole = (cumulative[cells] == ranks).cpu()
    cells = cells.cpu()
    lows = torch.where(whole, walk[cells], bottom[cells])
    highs = torch.where(whole, walk[cells], top[cells])
    start, end = walk.new_zeros(1), walk[-1:]
    lows, highs = (torch.cat([start, inner, end]).tolist() for inner in (lows, highs))
    value = torch.cat([start, walk[cells], end]).diff().abs().sum()
    bounds = walk.new_tensor([_shortest_way(lows, highs), _longest_way(lows, highs)])
    return Bounded(*(each.to(cumulative.device) for each in (value, *bounds)))


def sketched_kuiper_of(sketch: Sketch) -> Bounded:
    """Kuiper's distance, `kuiper_of(...).statistic`: the range of the walk C, here seen at the ends of cells alone.

    The exact range is at least that, and at most the range of the boxes.
    """
    walk, bottom, top = _walk(sketch)
    value = walk.amax().clamp(min=0.0) - walk.amin().clamp(max=0.0)
    return Bounded(value, value, top.amax().clamp(min=0.0) - bottom.amin().clamp(max=0.0))


def sketched_aurc_of(sketch: Sketch) -> Bounded:
    """The area under the risk-coverage curve, `aurc_of(..., rule="mean")`, with cells for ties.

    The number of wrong events among the k most confident is exact at the ends of cells. Between them, in a cell with w
    wrong ones, it is lowest if they come last and highest if they come first; dividing by k and adding up gives
    harmonic numbers, so the cost does not depend on N.
    """
    counts = sketch.counts.flip(0).double()
    wrong = counts - sketch.correctness_sum.flip(0)
    after, total = counts.cumsum(0), sketch.total
    before, wrong_before = after - counts, wrong.cumsum(0) - wrong
    rate = torch.where(counts > 0, wrong / counts, 0.0)

    even = wrong + (wrong_before - before * rate) * _harmonic(before, after)
    turn = torch.maximum((after - wrong).floor(), before)
    wrong_last = wrong_before * _harmonic(before, after) + (wrong - after) * _harmonic(turn, after) + (after - turn)
    turn = torch.minimum((before + wrong).floor(), after)
    wrong_first = (wrong_before - before) * _harmonic(before, turn) + (turn - before)
    wrong_first += (wrong_before + wrong) * _harmonic(turn, after)

    # A cell of one value is one tie, which is taken evenly in the exact value as well.
    is_tie = (cell_starts(counts.device) == cell_ends(counts.device)).flip(0)
    low, high = (torch.where(is_tie, even, bound).sum() / total for bound in (wrong_last, wrong_first))
    return Bounded(even.sum() / total, low, high)


class SketchAccumulator(Accumulator[Sketch]):
    """A sketch of the events that the predicted class is right, batch by batch.

    >>> accumulator = SketchAccumulator(num_classes=2, from_logits=False)
    >>> accumulator.update(torch.tensor([[0.75, 0.25]]), torch.tensor([0]))
    >>> accumulator.update(torch.tensor([[0.25, 0.75]]), torch.tensor([0]))
    >>> print(sketched_kuiper_of(accumulator.compute()))
    0.250000 (sorted: 0.250000..0.500111)
    """

    def __init__(self, num_classes: int, *, from_logits: bool = True, ignore_index: int | None = None):
        super().__init__(num_classes, from_logits=from_logits, ignore_index=ignore_index)
        self._counts = torch.zeros(CELLS, dtype=torch.int64)
        self._sums = torch.zeros(2, CELLS, dtype=torch.float64)

    @property
    def state(self) -> dict[str, Tensor]:
        """The sums themselves by name, no copies."""
        return {**super().state, "counts": self._counts, "sums": self._sums}

    def _add(self, block: Block, usable: Bool[Tensor, " rows"], group: Int64[Tensor, " rows"] | None) -> None:
        # Rows that do not count add 0 to a cell of their own choice, so that nothing is read back to leave them out.
        confidence = torch.where(usable, block.confidence, 0.0)
        cells = cell_of(confidence)
        self._counts.index_add_(0, cells, usable.long())
        self._sums[0].index_add_(0, cells, confidence)
        self._sums[1].index_add_(0, cells, torch.where(usable, block.correctness, 0.0))

    def _result(self) -> Sketch:
        return Sketch(
            counts=self._counts.clone(), confidence_sum=self._sums[0].clone(), correctness_sum=self._sums[1].clone()
        )

    def _restore(self, state: Mapping[str, Tensor]) -> None:
        super()._restore(state)
        self._counts, self._sums = state["counts"], state["sums"]


def _walk(sketch: Sketch) -> tuple[Float64[Tensor, " cells"], Float64[Tensor, " cells"], Float64[Tensor, " cells"]]:
    """C at the end of each cell, and the lowest and the highest that it may be in the cell, start and end included."""
    start, end = cell_starts(sketch.counts.device), cell_ends(sketch.counts.device)
    # Events that are one or of one value leave no order to forget.
    divisible = (sketch.counts > 1) & (start < end)
    rise = torch.where(divisible, sketch.correctness_sum * (1 - start), 0.0)
    fall = torch.where(divisible, (sketch.counts - sketch.correctness_sum) * end, 0.0)
    after = sketch.residual.cumsum(0)
    before = torch.cat([after.new_zeros(1), after[:-1]])
    bottom = torch.minimum(torch.minimum(before, after), torch.maximum(before - fall, after - rise))
    top = torch.maximum(torch.maximum(before, after), torch.minimum(before + rise, after + fall))
    bottom, top = (torch.where(divisible, bound, after) for bound in (bottom, top))
    return after / sketch.total, bottom / sketch.total, top / sketch.total


def _shortest_way(lows: list[float], highs: list[float]) -> float:
    """The least sum of steps through intervals in turn: stay, and where the next one is left, go to its nearer end."""
    at, way = lows[0], 0.0
    for low, high in zip(lows, highs, strict=True):
        nearest = min(max(at, low), high)
        at, way = nearest, way + abs(nearest - at)
    return way


def _longest_way(lows: list[float], highs: list[float]) -> float:
    """The largest sum of steps through intervals in turn: it is convex in each place, so largest at their ends."""
    ways = {lows[0]: 0.0}
    for low, high in zip(lows, highs, strict=True):
        ways = {at: max(way + abs(at - place) for place, way in ways.items()) for at in (low, high)}
    return max(ways.values())


def _harmonic(after: Float64[Tensor, " cells"], until: Float64[Tensor, " cells"]) -> Float64[Tensor, " cells"]:
    """The sum of 1 / k for k from `after` + 1 to `until`."""
    return torch.digamma(until + 1) - torch.digamma(after + 1)
