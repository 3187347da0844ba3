"""What the samples of a batch are told: labels, how much each counts, and what a target wants to know beside them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from smoothkit.distributed import Group
from smoothkit_selftrain.labelling.labelled import PseudoLabels
from smoothkit_selftrain.member_targets import MemberTargets
from smoothkit_selftrain.mixup import taken


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers to some samples, with the members along the first axis and the samples along the second."""

    labels: Int64[Tensor, "members batch"] | Float[Tensor, "members batch classes"]
    weights: Float32[Tensor, "members batch"]
    index: Int64[Tensor, "members batch"]
    """Which of its kind each sample is."""
    teacher: Float32[Tensor, "members batch classes"] | None = None
    """The teacher's logits; None for labelled samples, which have no teacher."""

    def at(self, own: slice) -> "Answers":
        """Those of some places."""
        return self._each(lambda values: values[:, own])

    def at_partners(self, before: int, after: int, partners: Int64[Tensor, "members own"]) -> "Answers":
        """Those of places in a whole batch, which has so many samples of another kind before and after these: their
        weight is 0 here."""

        def found(values: Tensor) -> Tensor:
            first, last = (values.new_zeros(len(values), count, *values.shape[2:]) for count in (before, after))
            return taken(torch.cat([first, values, last], dim=1), partners)

        return self._each(found)

    def gathered(self, group: Group) -> "Answers":
        """Those of all processes, one share after another."""
        if group.size == 1:
            return self
        return self._each(lambda values: group.concatenate(values.transpose(0, 1).contiguous()).transpose(0, 1))

    def total(
        self, targets: MemberTargets, logits: Float32[Tensor, "members batch classes"]
    ) -> Float32[Tensor, " members"]:
        """The sum of each member's losses, each times its weight."""
        losses = targets.losses(logits, self.labels, teacher=self.teacher, index=self.index)
        return (losses * self.weights).sum(dim=1)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Answers":
        teacher = None if self.teacher is None else change(self.teacher)
        return replace(
            self,
            labels=change(self.labels),
            weights=change(self.weights),
            index=change(self.index),
            teacher=teacher,
        )


def of_labelled(labels: Int64[Tensor, "members labelled"], index: Int64[Tensor, "members batch"]) -> Answers:
    """The answers to the labelled samples `index`: their labels, each of which counts as one."""
    chosen = labels.gather(1, index)
    return Answers(chosen, torch.ones_like(chosen, dtype=torch.float32), index)


def of_pseudo(pseudo: PseudoLabels, index: Int64[Tensor, "members batch"]) -> Answers:
    """The answers to the unlabelled samples `index`, of which these are the pseudo-labels."""
    return Answers(pseudo.labels, pseudo.weights, index, pseudo.logits)
