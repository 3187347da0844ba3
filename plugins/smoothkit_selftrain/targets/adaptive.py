"""Confidence-adaptive smoothing: the less sure the teacher is of a pseudo-label, the more of its mass is spread."""

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor

from smoothkit.targets import Fraction, Target
from smoothkit.targets.base import Need, WeightMode
from smoothkit.targets.distillation import teacher_logits
from smoothkit.targets.loss.forms import Form, Sparse
from smoothkit.targets.others import other_classes, softmax_over
from smoothkit.targets.rows import Rows


def doubt(
    logits: Float[Tensor, "rows classes"], classes: Int[Tensor, " rows"], num_classes: int
) -> Float[Tensor, " rows"]:
    """s = (1 - q_c) K/(K - 1), at most 1, for q the softmax of the logits: 0 where a teacher is sure of class c, 1
    where it knows no more than that there are K classes.

    A teacher that gives c less than 1/K has a doubt of 1 as well, so that what is spread stays a share.

    >>> doubt(torch.tensor([[0.8, 0.15, 0.05]]).log(), torch.tensor([0]), 3)
    tensor([0.3000])
    """
    allowed = logits != -torch.inf
    # Summed over the others, because 1 - q_c would round a sure teacher's doubt to nothing.
    others = softmax_over(logits, allowed).masked_fill(~other_classes(logits, classes), 0).sum(dim=-1)
    return (others * (num_classes / (num_classes - 1))).clamp(max=1)


class AdaptiveSmoothing(Target):
    """Confidence-adaptive smoothing: a label of class c keeps 1 - a of its mass, and a is spread evenly.

    t = (1 - a) e_c + a/K,  a = amplitude s^power,  s = (1 - q_c) K/(K - 1) in [0, 1]

    q is the teacher's prediction; s is 0 where it is sure of c and 1 where q_c is 1/K or less.

    amplitude  A in [0, 1]: what is spread at the greatest doubt
    power      k >= 0: how fast that falls as the teacher grows sure. 0 is label smoothing with alpha = A.

    A student that predicts as the teacher does has, on class c, 1 - A s^(k - 1) times the gradient that the hard label
    gives. So k = 1 damps all confidences alike, by A, and A = k = 1 leaves q_c as it is; only k > 1 damps the labels
    that the teacher doubts more than the others. With A = 1, k = 2 and K = 10 the factor is 0 for an even teacher, 0.44
    at q_c = 0.5 and 0.89 at q_c = 0.9. Label smoothing does the opposite: its factor is largest, 1 - alpha, for the
    even teacher, and falls below 0 beyond q_c = 1 - alpha + alpha/K.

    A soft label l becomes (1 - a) l + a/K, with c its most probable class: for a label that is the teacher's own
    distribution, q_c is then the confidence. Give the teacher's logits for the same samples,
    target(logits, labels, teacher=teacher_logits); no gradient passes to the teacher. Classes masked in the student are
    masked in the teacher.

    With k = 1, and where q_c is at least 1/K, it is version "v11" of "instance-ls" (Maher and Kull, ICMLA 2021), with
    alpha = A.

    >>> teacher = torch.tensor([[0.8, 0.15, 0.05]]).log()
    >>> AdaptiveSmoothing(3).distribution(torch.tensor([0]), teacher=teacher)
    tensor([[0.9400, 0.0300, 0.0300]])
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"teacher"})

    def __init__(
        self,
        num_classes: int,
        amplitude: Fraction = 1.0,
        power: Annotated[float, Ge(0)] = 2.0,
        *,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)
        self.amplitude = amplitude
        self.power = power
        self.check_options()

    def target_rows(self, rows: Rows) -> Form | Float[Tensor, "rows classes"]:
        """Two numbers for an index, a full row for a soft label."""
        classes = rows.labels.argmax(dim=-1) if rows.soft else rows.labels
        amount = self.amplitude * doubt(teacher_logits(rows), classes, self.num_classes) ** self.power
        rest = amount / self.num_classes
        if rows.soft:
            # Times the total of the label, so that a label of zeros stays one.
            total = rows.labels.sum(dim=-1, keepdim=True)
            return (1 - amount).unsqueeze(1) * rows.labels + rest.unsqueeze(1) * total
        return Sparse(classes.unsqueeze(1), (1 - amount).unsqueeze(1), rest, self.num_classes)
