"""Calibration of every class by itself: when a class is given the probability c, is it the label c of the time?"""

from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Bool, Float, Float64, Int64
from torch import Tensor

from smoothkit.metrics.bins import (
    BINS,
    Closed,
    Reliability,
    bins_of,
    equal_mass_edges,
    equal_width_edges,
    reliability_of,
)
from smoothkit.metrics.boundary import Block, Labels, blocks, check_choice
from smoothkit.metrics.calibration import Binning, Norm, calibration_error_of


def classwise_reliability(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    bins: int = BINS,
    *,
    metric: str = "classwise_reliability",
    binning: Binning = "width",
    closed: Closed = "right",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Reliability:
    """One reliability diagram per class, (K, bins): its probability against its share of the labels.

    With `binning="mass"` each class has equal-mass bins of its own, always right-closed, which takes a sort per class
    and a float64 copy of all probabilities. Raises ValueError for `bins` below 1, and as `smoothkit.metrics.boundary`
    says; its messages name `metric`.
    """
    check_choice(metric, "binning", binning, Binning)
    parts = blocks(metric, outputs, labels, from_logits=from_logits, ignore_index=ignore_index)
    if binning == "mass":
        return _equal_mass(parts, bins)
    sums = ClassSums(outputs.shape[-1], equal_width_edges(bins, outputs.device), closed)
    for block in parts:
        sums.add(block)
    return sums.reliability()


def _equal_mass(parts: Iterator[Block], bins: int) -> Reliability:
    """Each class in equal-mass bins of its own."""
    kept = [(block.probs.clamp(max=1.0), block.labels) for block in parts]
    probs, labels = (torch.cat(each) for each in zip(*kept, strict=True))
    found = []
    for index, given in enumerate(probs.unbind(dim=1)):
        mass = (labels == index).double() if labels.ndim == 1 else labels[:, index].clamp(max=1.0)
        found.append(reliability_of(given, mass, edges=equal_mass_edges(given, bins)))
    return Reliability.stacked(found)


def classwise_calibration_error(
    outputs: Float[Tensor, "rows classes"],
    labels: Labels,
    bins: int = BINS,
    *,
    norm: Norm = "l1",
    binning: Binning = "width",
    closed: Closed = "right",
    from_logits: bool = True,
    ignore_index: int | None = None,
) -> Float64[Tensor, ""]:
    """The mean over all K classes of each one's calibration error, 0 to 1 (Kull et al., 2019, arXiv 1910.12656).

    A class that no row has counts as any other. With `binning="mass"` it is the adaptive calibration error of Nixon et
    al. (CVPR workshops 2019, arXiv 1904.01685). Raises ValueError as `classwise_reliability` does.

    >>> classwise_calibration_error(torch.tensor([[0.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 0]))
    tensor(0.5000, dtype=torch.float64)
    """
    found = classwise_reliability(
        outputs,
        labels,
        bins,
        metric="classwise_calibration_error",
        binning=binning,
        closed=closed,
        from_logits=from_logits,
        ignore_index=ignore_index,
    )
    return calibration_error_of(found, norm).mean()


class ClassSums:
    """Sums by class and bin, block by block.

    Nearly all probabilities of a classifier with many classes lie in the first bin. On a processor its sums are
    therefore what is left of each class's total, and only the others are looked up.
    """

    def __init__(self, num_classes: int, edges: Float64[Tensor, " edges"], closed: Closed):
        check_choice("bins", "closed", closed, Closed)
        self.edges = edges
        self.closed: Closed = closed
        self.counts = torch.zeros(num_classes, len(edges) - 1, dtype=torch.int64, device=edges.device)
        self.sums = torch.zeros(5, num_classes, len(edges) - 1, dtype=torch.float64, device=edges.device)
        """Of probability, the label's mass, squared probability, their product, and squared mass."""

    @property
    def state(self) -> dict[str, Tensor]:
        """The sums themselves by name, no copies: those of two sets of rows add up to those of their union."""
        return {"counts": self.counts, "sums": self.sums}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on with these sums, on their device."""
        self.counts, self.sums = state["counts"], state["sums"]
        self.edges = self.edges.to(self.counts.device)

    def add(self, block: Block, counted: Bool[Tensor, " rows"] | None = None) -> None:
        """Add the rows of a block, but for those that are not `counted`. Nothing is read back from a device."""
        if counted is None:
            counted = torch.ones_like(block.classes, dtype=torch.bool)
        if block.outputs.device.type == "cpu":
            if not bool(counted.all()):
                block = Block(block.outputs[counted], block.labels[counted], block.from_logits)
            self._add_found(block)
        else:
            self._add_all(block, counted)

    def reliability(self) -> Reliability:
        """What has been added, one group per class."""
        probability, mass, probability_square, product, mass_square = self.sums.clone()
        return Reliability(
            edges=self.edges,
            counts=self.counts.clone(),
            confidence_sum=probability,
            correctness_sum=mass,
            confidence_square_sum=probability_square,
            product_sum=product,
            correctness_square_sum=mass_square,
        )

    def _add_found(self, block: Block) -> None:
        """Look up what lies above the first bin; how much there is must be known, so a device would be waited for."""
        num_classes, size = self.counts.shape
        probs = block.probs
        # The only bin of one has no upper neighbour, so that 1 is not above it.
        end = self.edges[1] if size > 1 else torch.inf
        above = probs >= end if self.closed == "left" else probs > end
        rows, classes = above.nonzero(as_tuple=True)
        given = probs[rows, classes]
        cells = classes * size + bins_of(given, self.edges, self.closed)
        counts = torch.bincount(cells, minlength=num_classes * size).view(num_classes, size)
        counts[:, 0] = len(probs) - counts.sum(dim=1)
        self.counts += counts
        part = torch.zeros_like(self.sums)
        columns = {0: (probs.sum(dim=0), given), 2: (torch.linalg.vecdot(probs, probs, dim=0), given.square())}
        if block.labels.ndim == 2:
            labels = block.labels
            mass = labels[rows, classes]
            columns[1] = labels.sum(dim=0), mass
            columns[3] = torch.linalg.vecdot(probs, labels, dim=0), given * mass
            columns[4] = torch.linalg.vecdot(labels, labels, dim=0), mass.square()
        for place, (totals, values) in columns.items():
            part[place].view(-1).index_add_(0, cells, values)
            # An empty bin must hold 0, not what rounding left of the total.
            rest = torch.where(counts[:, 0] > 0, totals - part[place].sum(dim=1), 0.0)
            part[place, :, 0] = rest.clamp(min=0.0)
        if block.labels.ndim == 1:
            self._add_labels(part, probs, block.labels, torch.ones_like(probs[:, 0]))
        self.sums += part

    def _add_all(self, block: Block, counted: Bool[Tensor, " rows"]) -> None:
        """Add every probability where it belongs, whatever the values are."""
        num_classes, size = self.counts.shape
        probs = torch.where(counted[:, None], block.probs, 0.0)
        bins = bins_of(probs.flatten(), self.edges, self.closed).view_as(probs)
        cells = (bins + size * torch.arange(num_classes, device=probs.device)).flatten()
        self.counts.view(-1).index_add_(0, cells, counted.long().repeat_interleave(num_classes))
        part = torch.zeros_like(self.sums)
        columns = {0: probs, 2: probs.square()}
        if block.labels.ndim == 2:
            mass = torch.where(counted[:, None], block.labels, 0.0)
            columns |= {1: mass, 3: probs * mass, 4: mass.square()}
        for place, values in columns.items():
            part[place].view(-1).index_add_(0, cells, values.flatten())
        if block.labels.ndim == 1:
            self._add_labels(part, probs, block.labels, counted.double())
        self.sums += part

    def _add_labels(
        self,
        part: Float64[Tensor, "5 classes bins"],
        probs: Float64[Tensor, "rows classes"],
        labels: Int64[Tensor, " rows"],
        counted: Float64[Tensor, " rows"],
    ) -> None:
        """A label index has mass on one class only, so one lookup per row is enough."""
        given = probs.gather(1, labels[:, None]).squeeze(1)
        cells = labels * self.counts.shape[1] + bins_of(given, self.edges, self.closed)
        for place, values in ((1, counted), (3, given * counted), (4, counted)):
            part[place].view(-1).index_add_(0, cells, values)
