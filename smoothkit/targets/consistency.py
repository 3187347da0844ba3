"""Consistency: the views of a sample should be predicted alike."""

from math import log
from typing import Annotated, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets.base import Family, Fraction, Target, WeightMode
from smoothkit.targets.loss.forms import Form, as_form
from smoothkit.targets.loss.functional import certain, label_weight, log_softmax, masked_classes
from smoothkit.targets.loss.paths import row_cross_entropy
from smoothkit.targets.rows import Rows
from smoothkit.targets.uniform import uniform_masses, uniform_rows

FLOOR = -1e30
"""The log-probability of a masked class: its probability is 0, and no difference of two such is NaN."""


def jensen_shannon(log_probs: Float[Tensor, "views samples classes"]) -> Float[Tensor, " samples"]:
    """The Jensen-Shannon divergence of the views of each sample: ``mean_v KL(p_v || mean_v p_v)``, at most log(views).

    >>> jensen_shannon(torch.tensor([[[0.0, -1e30]], [[-1e30, 0.0]]])).exp()
    tensor([2.])
    """
    log_mean = log_probs.logsumexp(dim=0) - log(len(log_probs))
    return (log_probs.exp() * (log_probs - log_mean)).sum(dim=-1).mean(dim=0)


class Consistency(Target):
    """AugMix's loss: cross-entropy of the clean image, and agreement of its prediction with those of changed views.

    loss = -sum_k t_k log p_0k + alpha (1/V) sum_v KL(p_v || m),  m = (1/V) sum_v p_v,  t = (1 - smoothing) label +
    smoothing/K;  v = 0 is the clean image, V = views

    alpha      at least 0: the weight of the Jensen-Shannon divergence, which is at most log V; 0 leaves the changed
               views without a part in the loss
    views      at least 2: images for each sample, the clean one included; that of the augmentation "augmix"
    smoothing  in [0, 1], in the convention "all"

    A batch of N samples has N views rows: all clean ones, then all first views, all second, as "augmix" with as many
    views makes them, with labels repeated. Each of the rows of a sample carries the loss of that sample, so that the
    mean over rows is the mean over samples; a sum over rows is views times that over samples. An ignored label is
    ignored in all views. Every prediction has a gradient, the clean one too. Where labels of a sample's rows differ,
    the batch is refused, on a CPU: it does not hold views. A class weight multiplies both parts.

    Source: Hendrycks et al., "AugMix", ICLR 2020 (arXiv 1912.02781), section 3, alpha = 12 and three views. The
    released code differs: it raises entries of m below 1e-7 to that, which makes the divergence too small for
    confident predictions. timm has that too, and smooths by 0.1 unless told otherwise.

    >>> opposite = torch.tensor([[50.0, 0.0], [0.0, 50.0]])
    >>> Consistency(2, alpha=1.0, views=2)(opposite, torch.tensor([0, 0])).exp()
    tensor(2.)
    """

    family: ClassVar[Family] = "penalty"

    row_by_row: ClassVar[bool] = False

    def __init__(
        self,
        num_classes: int,
        alpha: Annotated[float, Ge(0)] = 12.0,
        views: Annotated[int, Ge(2)] = 3,
        smoothing: Fraction = 0.0,
        *,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)
        self.alpha = alpha
        self.views = views
        self.smoothing = smoothing
        self.check_options()

    def target_rows(self, rows: Rows) -> Form | Float[Tensor, "rows classes"]:
        """The smoothed labels, for every view."""
        masses = uniform_masses(self.smoothing, "all", self.num_classes)
        return uniform_rows(rows, *masses, self.num_classes)

    def row_loss(self, rows: Rows) -> Float[Tensor, " rows"]:
        """The loss of the sample that each row is a view of."""
        logits, samples = rows.given_logits(), self._samples(rows)
        clean = rows._replace(labels=rows.labels[:samples], logits=logits[:samples])
        cross = row_cross_entropy(logits[:samples], as_form(self.target_rows(clean)), rows.class_weight)
        log_probs = log_softmax(logits)
        masked = masked_classes(log_probs)
        if masked is not None:
            log_probs = log_probs.masked_fill(masked, FLOOR)
        apart = jensen_shannon(log_probs.reshape(self.views, samples, self.num_classes))
        if rows.class_weight is not None:
            apart = apart * label_weight(clean.labels, rows.class_weight)
        return (cross + self.alpha * apart).repeat(self.views)

    def _samples(self, rows: Rows) -> int:
        """How many samples the rows are views of; ValueError where they cannot be."""
        samples, rest = divmod(len(rows.labels), self.views)
        mend = "give the augmentation 'augmix' as many views, and the loss its whole batch"
        if rest:
            raise ValueError(
                f"the batch has {len(rows.labels)} rows and views is {self.views}; expected a multiple: {mend}"
            )
        differ = rows.labels != torch.cat([rows.labels[:samples]] * self.views)
        if rows.ignored is not None:
            differ = differ.any(dim=1) if rows.soft else differ
            differ = differ | (rows.ignored != torch.cat([rows.ignored[:samples]] * self.views))
        if certain(differ.any()):
            raise ValueError(f"labels differ between rows {samples} apart, the {self.views} views of a sample: {mend}")
        return samples
