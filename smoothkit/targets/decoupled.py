"""Distillation with the label apart from the other classes: from a teacher (NKD), or from the prediction (USKD)."""

from typing import Annotated, ClassVar

import torch
from annotated_types import Ge, Gt
from jaxtyping import Bool, Float
from torch import Tensor

from smoothkit.targets.base import Need, WeightMode
from smoothkit.targets.distillation import teacher_logits, teacher_probs
from smoothkit.targets.loss.functional import cleared
from smoothkit.targets.others import Parts, TwoPartTarget, own_entry, softmax_over
from smoothkit.targets.rows import Rows
from smoothkit.targets.zipf import zipf_spread


class NKD(TwoPartTarget):
    """Normalised knowledge distillation: the teacher's confidence in the label, and its ranking of the others, apart.

    loss = -(hard + q_y) log p_y + gamma T^2 CE(s_T, r_T), with q the teacher's prediction, and s_T, r_T the softmax of
    the teacher's and the student's logits divided by T, over the K - 1 classes other than y.

    gamma        at least 0: how much the other classes count
    temperature  T, above 0, of the second part only
    hard         at least 0: the plain cross-entropy beside. 1 is how the released code trains; 0 leaves NKD itself.

    Knowledge distillation at T = 1 is the case without normalisation: there the other classes of p and q have different
    totals, so they cannot become equal class by class. The second part has no gradient on the label's logit. No
    gradient passes to the teacher; the value holds the entropy of s_T.

    Index labels only. The distribution is the target in effect, p minus the gradient: it sums to one, and entries may
    be negative. Classes masked in the student are masked in the teacher.

    Source: Yang et al., "From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized
    Loss and Customized Soft Labels", ICCV 2023, section 3 (arXiv 2303.13005). The released code differs: of a mixed
    label it takes the larger half and drops the other.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"teacher"})

    def __init__(
        self,
        num_classes: int,
        gamma: Annotated[float, Ge(0)] = 1.5,
        temperature: Annotated[float, Gt(0)] = 1.0,
        hard: Annotated[float, Ge(0)] = 1.0,
        *,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)
        self.gamma = gamma
        self.temperature = temperature
        self.hard = hard
        self.check_options()

    def parts(self, rows: Rows, logits: Float[Tensor, "rows classes"], allowed: Bool[Tensor, "rows classes"]) -> Parts:
        """The teacher's confidence in the label, and its prediction among the others."""
        teacher = teacher_logits(rows)
        spread = softmax_over(teacher / self.temperature, allowed & (teacher != -torch.inf))
        own = self.hard + own_entry(teacher_probs(rows), rows.labels)
        return Parts(own, spread, self.gamma, self.temperature)


class USKD(TwoPartTarget):
    """Universal self-distillation: soft labels made from the prediction itself, in the two parts of NKD.

    loss = -(hard + alpha w) log p_y + beta CE(q, r), with w = p_y^2 + 1 - mean of p_y^2 over the batch, r the softmax
    over the K - 1 classes other than y, and q Zipf's law on them: q_j proportional to 1/rank_j.

    alpha  at least 0: the soft label of the true class. w is 1 on average; it weighs confident samples up.
    beta   at least 0: the other classes
    hard   at least 0: the plain cross-entropy beside. 1 is how the released code trains; 0 leaves USKD itself.

    The rank is that of v_j/(1 - v_y) + p_j/(1 - p_y) among all K classes, with v the prediction of a weaker head. Give
    the logits of such a head as teacher=; without, the rank is that of the logits. Equal values share the best of their
    ranks. w and q are constants: no gradient passes through them. The mean in w is over the rows that are not ignored,
    of this process's share of the batch; so a sample's loss depends on its batch, and alone in one it has w = 1.

    Left out: the head itself, a linear layer on features of an earlier stage, and the loss that trains it, 0.005 times
    the cross-entropy to the label smoothed by 0.1. A loss that sees only logits has no features.

    Index labels only. The distribution is the target in effect, p minus the gradient: it sums to one, and entries may
    be negative.

    Source: Yang et al., "From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized
    Loss and Customized Soft Labels", ICCV 2023, section 3 (arXiv 2303.13005). The released code differs: in the rank,
    the logarithm of p stands for p, and 1e-6 is added to each 1 - p_y; equal values are ranked in any order; of a mixed
    label it uses the two largest entries.
    """

    row_by_row: ClassVar[bool] = False

    def __init__(
        self,
        num_classes: int,
        alpha: Annotated[float, Ge(0)] = 1.0,
        beta: Annotated[float, Ge(0)] = 0.1,
        hard: Annotated[float, Ge(0)] = 1.0,
        *,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)
        self.alpha = alpha
        self.beta = beta
        self.hard = hard
        self.check_options()

    def parts(self, rows: Rows, logits: Float[Tensor, "rows classes"], allowed: Bool[Tensor, "rows classes"]) -> Parts:
        """The squared confidence, centred on one, and Zipf's law for the others."""
        squared = own_entry(logits.softmax(dim=-1), rows.labels).square()
        kept = cleared(squared, rows.ignored)
        count = len(squared) if rows.ignored is None else (~rows.ignored).sum()
        own = self.hard + self.alpha * (squared + 1 - kept.sum() / torch.as_tensor(count).clamp(min=1))
        scores = logits if rows.teacher is None else self._joint_scores(rows, logits, allowed)
        return Parts(own, zipf_spread(scores, allowed), self.beta)

    def _joint_scores(
        self, rows: Rows, logits: Float[Tensor, "rows classes"], allowed: Bool[Tensor, "rows classes"]
    ) -> Float[Tensor, "rows classes"]:
        """What the two heads give each class, each in units of what it leaves to the classes other than the label."""
        scores = torch.zeros_like(logits)
        for head in (logits, teacher_logits(rows)):
            rest = head.masked_fill(~allowed, -torch.inf).logsumexp(dim=-1, keepdim=True)
            scores = scores + (head - rest).exp()
        return scores
