"""How much the samples of a group count in the loss: by fixed weights, or by weights that follow the losses."""

from math import sqrt
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor, nn
from torch.nn.functional import one_hot

from smoothkit.data import Dataset
from smoothkit.distributed import Group
from smoothkit_fairness.config import TrainConfig

Balance = Literal["group", "group-and-class", "independence"]
"""What fixed weights bring about: groups alike, pairs of group and class alike, group and class independent."""


def cell_counts(
    groups: Int64[Tensor, " samples"], classes: Int64[Tensor, " samples"], num_groups: int, num_classes: int
) -> Int64[Tensor, "groups classes"]:
    """How many samples each pair of group and class has.

    >>> cell_counts(torch.tensor([0, 0, 1]), torch.tensor([1, 1, 0]), 2, 2).tolist()
    [[0, 2], [1, 0]]
    """
    counts = torch.bincount(groups * num_classes + classes, minlength=num_groups * num_classes)
    return counts.reshape(num_groups, num_classes)


def cell_weights(counts: Int64[Tensor, "groups classes"], balance: Balance) -> Float64[Tensor, "groups classes"]:
    """What a sample of each cell (g, y) counts, from the cells' numbers of samples; the mean over samples is 1.

    balance = "group":            n / (G n_g), G the number of groups that have samples
    balance = "group-and-class":  n / (C n_gy), C the number of cells that have samples
    balance = "independence":     n_g n_y / (n n_gy), which leaves the shares of groups and of classes as they are

    Empty cells have weight 0. Where there is one, no weights make group and class independent: those of the other cells
    are then multiplied by one number, so that their mean over samples is 1 as well.

    Source: Kamiran and Calders, "Data preprocessing techniques for classification without discrimination", Knowledge
    and Information Systems 2012 ("reweighing"), for the third.

    >>> cell_weights(torch.tensor([[4, 2], [1, 1]]), "independence")
    tensor([[0.9375, 1.1250],
            [1.2500, 0.7500]], dtype=torch.float64)
    """
    n = counts.double()
    of_group, of_class = n.sum(dim=1, keepdim=True), n.sum(dim=0, keepdim=True)
    if balance == "group":
        wanted = n / of_group
    elif balance == "group-and-class":
        wanted = torch.ones_like(n)
    else:
        wanted = of_group * of_class
    # Of the samples of a cell all count alike: what is wanted of the cell, divided among them, brought to a mean of 1.
    weights = torch.where(n > 0, wanted / n, 0.0)
    return weights * n.sum() / (weights * n).sum()


def raised(log_q: Float[Tensor, " groups"], losses: Float[Tensor, " groups"], step: float) -> Float[Tensor, " groups"]:
    """The logarithms of the weights q after q_g <- q_g exp(step losses_g), brought to a sum of 1.

    >>> raised(torch.tensor([0.5, 0.5]).log(), torch.tensor([3.0, 0.0]).log1p(), step=1.0).exp()
    tensor([0.8000, 0.2000])
    """
    return (log_q + step * losses).log_softmax(dim=0)


class FixedWeights(nn.Module):
    """Each sample's loss times the sample's weight, and the mean over the batch.

    Weights whose mean over the training part is 1 make this an estimate of the weighted training loss that no batch
    biases: the divisor is the number of samples, and not the sum of their weights.
    """

    weights: Tensor

    def __init__(self, weights: Float[Tensor, " samples"]):
        super().__init__()
        # It follows from the data, so a checkpoint need not hold it.
        self.register_buffer("weights", weights.float(), persistent=False)

    def forward(self, losses: Float[Tensor, " batch"], index: Int64[Tensor, " batch"]) -> Float[Tensor, ""]:
        """The weighted mean of the losses of the samples `index`."""
        return (self.weights[index] * losses).mean()


class GroupDRO(nn.Module):
    """Group distributionally robust optimisation: groups of large loss come to count more, step by step.

    loss = sum_g q_g loss_g, after q_g <- q_g exp(step (loss_g + C/√n_g)) for the groups of the batch, and q brought to
    a sum of 1; loss_g is the mean loss of the group's samples in the batch, n_g the group's number in the training
    part. A group that is absent from a batch adds nothing to its loss, and its q is only brought to the sum. At first
    q is equal for all groups that have training samples; the others have none.

    Several processes add up their sums and numbers of each group, so that they come to the loss and the q of one.

    Source: Sagawa et al., "Distributionally Robust Neural Networks", ICLR 2020 (arXiv 1911.08731), algorithm 1, with
    the group adjustments for C. There a step draws one group, all alike often; here batches are drawn from all samples,
    so groups appear as often as they are large. The released code differs: C moves groups that a batch has not, too.
    """

    log_q: Tensor
    groups: Tensor
    adjustments: Tensor

    def __init__(
        self,
        groups: Int64[Tensor, " samples"],
        num_groups: int,
        *,
        step: float = 0.01,
        adjustment: float = 0.0,
        processes: Group | None = None,
    ):
        super().__init__()
        self.step = step
        self.processes = Group() if processes is None else processes
        sizes = torch.bincount(groups, minlength=num_groups)
        # Logarithms, because the weight of a group that is learned well would fall to 0 and never rise again.
        self.register_buffer("log_q", (sizes > 0).float().log().log_softmax(dim=0))
        self.register_buffer("groups", groups, persistent=False)
        adjustments = torch.tensor([adjustment / sqrt(size) if size else 0.0 for size in sizes.tolist()])
        self.register_buffer("adjustments", adjustments, persistent=False)

    @property
    def q(self) -> Float[Tensor, " groups"]:
        """The weights of the groups: they sum to 1."""
        return self.log_q.exp()

    def forward(self, losses: Float[Tensor, " batch"], index: Int64[Tensor, " batch"]) -> Float[Tensor, ""]:
        """Let q follow the losses of the samples `index`; the loss under the new q.

        A process's value is that of its share, times the number of processes: the mean over them is the loss.
        """
        members = one_hot(self.groups[index], len(self.log_q)).to(losses.dtype)
        sums = losses @ members
        totals, counts = sums.detach().clone(), members.sum(dim=0)
        self.processes.add_up([totals, counts])
        adjusted = torch.where(counts > 0, totals / counts.clamp(min=1) + self.adjustments, 0.0)
        self.log_q.copy_(raised(self.log_q, adjusted, self.step))
        return self.processes.size * (self.q * sums / counts.clamp(min=1)).sum()


def make_weighting(config: TrainConfig, data: Dataset, processes: Group) -> FixedWeights | GroupDRO | None:
    """What `[train] weighting` asks for, of the training part's groups; None where all samples count alike.

    A soft label counts as its most probable class.
    """
    if config.weighting == "none":
        return None
    groups, labels = data.train.groups, data.train.labels
    assert groups is not None
    if config.weighting == "dro":
        return GroupDRO(
            groups,
            len(data.group_names),
            step=config.dro_step,
            adjustment=config.dro_adjustment,
            processes=processes,
        )
    classes = labels.argmax(dim=1) if labels.ndim == 2 else labels
    counts = cell_counts(groups, classes, len(data.group_names), data.num_classes)
    return FixedWeights(cell_weights(counts, config.weighting)[groups, classes])
