"""Events sorted into bins of confidence, and the sums of each bin that calibration measures are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

import torch
from jaxtyping import Bool, Float64, Int, Int64
from torch import Tensor

from smoothkit.metrics.boundary import check_choice
from smoothkit.metrics.events import check_events

Closed = Literal["right", "left"]
"""To which bin an inner edge belongs: (lower, upper] or [lower, upper). The outer edges always belong to a bin."""

BINS = 15
"""The number of bins in most published tables (Guo et al., ICML 2017)."""

STRETCH = 1 << 15
"""Events that are added at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reliability:
    """A reliability diagram's numbers: sums over the events of each bin, for one group or with leading axes for many.

    Everything adds: the sums of two sets of events are those of their union. Means are NaN where a bin is empty.
    `smoothkit.metrics.calibration` has the measures that are computed from them.
    """

    edges: Float64[Tensor, "*sets edges"]
    """The boundaries of the bins, one more than there are bins; with a leading axis where each group has its own."""
    counts: Int64[Tensor, "*groups bins"]
    """Events in each bin."""
    confidence_sum: Float64[Tensor, "*groups bins"]
    """The sum of their confidences."""
    correctness_sum: Float64[Tensor, "*groups bins"]
    """How many of them came true; under soft labels, how many are expected to."""
    confidence_square_sum: Float64[Tensor, "*groups bins"]
    """The sum of squared confidences."""
    product_sum: Float64[Tensor, "*groups bins"]
    """The sum of confidence times correctness."""
    correctness_square_sum: Float64[Tensor, "*groups bins"]
    """The sum of squared correctness: equal to `correctness_sum` unless labels are soft."""

    @property
    def total(self) -> Int64[Tensor, "*groups"]:
        """All events."""
        return self.counts.sum(dim=-1)

    @property
    def weights(self) -> Float64[Tensor, "*groups bins"]:
        """The share of events in each bin; NaN without events."""
        # Torch divides integers in single precision.
        return self.counts.double() / self.total[..., None]

    @property
    def confidence(self) -> Float64[Tensor, "*groups bins"]:
        """Mean confidence in each bin, 0 to 1."""
        return self.confidence_sum / self.counts

    @property
    def accuracy(self) -> Float64[Tensor, "*groups bins"]:
        """The share of each bin's events that came true, 0 to 1; under soft labels, the expected share."""
        return self.correctness_sum / self.counts

    @property
    def gaps(self) -> Float64[Tensor, "*groups bins"]:
        """Mean confidence minus accuracy in each bin, -1 to 1: positive is over-confident."""
        return (self.confidence_sum - self.correctness_sum) / self.counts

    @property
    def variance(self) -> Float64[Tensor, "*groups bins"]:
        """The variance of correctness in each bin (divided by n): a(1 - a) unless labels are soft."""
        return (self.correctness_square_sum / self.counts - self.accuracy.square()).clamp(min=0.0)

    def summed(self) -> "Reliability":
        """All groups, along the first axis, taken together.

        Raises:
            ValueError: the groups have bins of their own.
        """
        if self.edges.dim() > 1:
            raise ValueError("summed: each group has bins of its own; give them the same edges")
        return Reliability(edges=self.edges, **{name: sums.sum(dim=0) for name, sums in self._sums.items()})

    def group(self, index: int) -> "Reliability":
        """One group, of those along the first axis."""
        edges = self.edges[index] if self.edges.dim() > 1 else self.edges
        return Reliability(edges=edges, **{name: sums[index] for name, sums in self._sums.items()})

    @classmethod
    def stacked(cls, groups: Sequence["Reliability"]) -> "Reliability":
        """The groups side by side along a new first axis, each with its own edges; all have as many bins."""
        return cls(**{each.name: torch.stack([getattr(group, each.name) for group in groups]) for each in fields(cls)})

    @property
    def _sums(self) -> dict[str, Tensor]:
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "edges"}


def reliability_of(
    confidence: Float64[Tensor, " rows"],
    correctness: Float64[Tensor, " rows"],
    bins: int = BINS,
    *,
    edges: Float64[Tensor, " edges"] | None = None,
    closed: Closed = "right",
) -> Reliability:
    """Sort events into bins by their confidence and add up each bin.

    The bins are `bins` of equal width, or those between the given `edges`, which must rise from 0 to 1; see
    `equal_mass_edges`. Right-closed bins, (lower, upper], are the convention of Guo et al. (ICML 2017, arXiv
    1706.04599) and scikit-learn; left-closed ones are torchmetrics' and netcal's. Confidence 0 is always in the first
    bin, 1 in the last.

    Raises:
        ValueError: `bins` is below 1; edges do not rise from 0 to 1; there are no events, or a value lies outside 0..1.

    >>> found = reliability_of(torch.tensor([0.75, 1.0, 1.0]).double(), torch.tensor([1.0, 1.0, 0.0]).double(), bins=2)
    >>> found.counts, found.accuracy
    (tensor([0, 3]), tensor([   nan, 0.6667], dtype=torch.float64))
    """
    check_events("reliability", confidence, correctness)
    edges = equal_width_edges(bins, confidence.device) if edges is None else checked_edges(edges)
    sums = BinSums(edges, closed)
    # Stretches that stay in a processor's cache: their products are then made without going to memory.
    stretches = confidence.detach().split(STRETCH), correctness.detach().split(STRETCH)
    for each, whether in zip(*stretches, strict=True):
        sums.add(each, whether)
    return sums.reliability().group(0)


class BinSums:
    """The sums of a `Reliability`, which grow as events are added; `groups` of them side by side."""

    def __init__(self, edges: Float64[Tensor, " edges"], closed: Closed = "right", groups: int = 1):
        check_choice("bins", "closed", closed, Closed)
        self.edges = edges
        self._equal_width = torch.equal(edges.cpu(), equal_width_edges(len(edges) - 1))
        self.closed: Closed = closed
        self.groups = groups
        # The last cell takes the events that do not count, so that nothing has to be read back to leave them out.
        cells = groups * (len(edges) - 1) + 1
        self.counts = torch.zeros(cells, dtype=torch.int64, device=edges.device)
        self.sums = torch.zeros(4, cells, dtype=torch.float64, device=edges.device)
        """Of confidence, correctness, squared confidence, and confidence times correctness."""
        self.softness: Float64[Tensor, " cells"] | None = None
        """What squared correctness is short of correctness; None as long as all labels are indices."""

    @property
    def state(self) -> dict[str, Tensor]:
        """The sums themselves by name, no copies: those of two sets of events add up to those of their union."""
        state = {"counts": self.counts, "sums": self.sums}
        return state if self.softness is None else state | {"softness": self.softness}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on with these sums, on their device."""
        self.counts, self.sums, self.softness = state["counts"], state["sums"], state.get("softness")
        self.edges = self.edges.to(self.counts.device)

    def soften(self) -> Float64[Tensor, " cells"]:
        """The place for soft labels, a fifth sum per bin; it is made when it is first asked for."""
        if self.softness is None:
            self.softness = torch.zeros_like(self.sums[0])
        return self.softness

    def add(
        self,
        confidence: Float64[Tensor, " rows"],
        correctness: Float64[Tensor, " rows"],
        group: Int64[Tensor, " rows"] | None = None,
        counted: Bool[Tensor, " rows"] | None = None,
        *,
        soft: bool = True,
    ) -> None:
        """Add events, each to its `group`, but for those that are not `counted`; `soft=False` promises 0 or 1.

        Nothing is read back from the device. Groups lie in 0 to `groups` - 1, which is not checked.
        """
        find = equal_width_bins_of if self._equal_width else bins_of
        cells = find(confidence, self.edges, self.closed)
        if group is not None:
            cells = cells + group * (len(self.edges) - 1)
        if counted is not None:
            cells = torch.where(counted, cells, len(self.counts) - 1)
        # bincount would ask the device for the largest cell first.
        self.counts.index_add_(0, cells, torch.ones_like(cells, dtype=torch.int64))
        # One call's sums are made by themselves: adding each event to what millions left would round millions of times.
        part = torch.zeros_like(self.sums)
        columns = (confidence, correctness, confidence.square(), confidence * correctness)
        for sums, values in zip(part, columns, strict=True):
            # index_add_ has a deterministic form on the GPU, bincount with weights has none.
            sums.index_add_(0, cells, values)
        self.sums += part
        if soft:
            softness = torch.zeros_like(self.sums[0])
            self.soften().add_(softness.index_add_(0, cells, correctness * (1 - correctness)))

    def reliability(self) -> Reliability:
        """What has been added so far: one diagram per group, along the first axis."""
        shape = (self.groups, len(self.edges) - 1)
        confidence, correctness, square, product = (sums[:-1].view(shape).clone() for sums in self.sums)
        softness = 0.0 if self.softness is None else self.softness[:-1].view(shape)
        return Reliability(
            edges=self.edges,
            counts=self.counts[:-1].view(shape).clone(),
            confidence_sum=confidence,
            correctness_sum=correctness,
            confidence_square_sum=square,
            product_sum=product,
            correctness_square_sum=correctness - softness,
        )


def bins_of(
    confidence: Float64[Tensor, " rows"], edges: Float64[Tensor, " edges"], closed: Closed = "right"
) -> Int64[Tensor, " rows"]:
    """The number of each confidence's bin: that of the edges it lies between, by comparison with them."""
    return torch.bucketize(confidence.contiguous(), edges[1:-1].contiguous(), right=closed == "left")


def equal_width_bins_of(
    confidence: Float64[Tensor, " rows"], edges: Float64[Tensor, " edges"], closed: Closed = "right"
) -> Int[Tensor, " rows"]:
    """`bins_of` for edges of equal width, in half the time of a search."""
    last = len(edges) - 2
    # Rounding may put the product on the wrong side of an edge, so the edges themselves have the last word.
    guess = (confidence * (last + 1)).int().clamp_(0, last)
    lower, upper = edges.index_select(0, guess), edges.index_select(0, guess + 1)
    if closed == "right":
        guess -= (confidence <= lower).int() - (confidence > upper).int()
    else:
        guess -= (confidence < lower).int() - (confidence >= upper).int()
    return guess.clamp_(0, last)


def equal_width_edges(bins: int, device: torch.device | str = "cpu") -> Float64[Tensor, " edges"]:
    """The boundaries of `bins` bins of equal width between 0 and 1: each the float64 nearest to i / bins.

    Raises:
        ValueError: `bins` is below 1.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    return torch.arange(bins + 1, dtype=torch.float64, device=device) / bins


def equal_mass_edges(confidence: Float64[Tensor, " rows"], bins: int = BINS) -> Float64[Tensor, " edges"]:
    """Edges between which, with right-closed bins, equally many of the confidences lie; the first bins hold one more
    where the number of bins does not divide theirs.

    An edge is the largest confidence of its bin, so equal confidences are never split: all of them are in the bin that
    the first of them is in. Bins may then hold more than their share, and the next ones less or nothing. The outer
    edges are 0 and 1. This is the rule of p-lambda's verified_calibration (Kumar et al., NeurIPS 2019).

    Raises:
        ValueError: `bins` is below 1, or there are no confidences.

    >>> equal_mass_edges(torch.tensor([0.5, 0.9, 0.6, 0.8]).double(), bins=2)
    tensor([0.0000, 0.6000, 1.0000], dtype=torch.float64)
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    if not len(confidence):
        raise ValueError("equal_mass_edges: there are no confidences")
    ordered = confidence.sort().values
    size, larger = divmod(len(confidence), bins)
    ends = torch.arange(1, bins, device=confidence.device)
    ends = ends * size + ends.clamp(max=larger)
    return torch.cat([ordered.new_zeros(1), ordered[(ends - 1).clamp(min=0)], ordered.new_ones(1)])


def checked_edges(edges: Float64[Tensor, " edges"]) -> Float64[Tensor, " edges"]:
    """The edges, if they are some.

    Raises:
        ValueError: there are fewer than two, they fall or hold NaN, or they do not begin with 0 and end with 1.
    """
    # NaN fails the comparison, so it is caught as well.
    if len(edges) < 2 or not bool((edges.diff() >= 0).all()) or edges[0] != 0 or edges[-1] != 1:
        raise ValueError(f"edges must rise from 0 to 1, as those of equal_mass_edges do, got {edges.tolist()}")
    return edges
