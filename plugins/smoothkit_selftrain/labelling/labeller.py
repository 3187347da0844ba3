"""The way from a teacher's logits to pseudo-labels: alignment, then selection and weights, then the labels."""

import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn

from smoothkit.distributed import Group
from smoothkit_selftrain.config import PseudoConfig, SelectConfig
from smoothkit_selftrain.labelling.alignment import make_alignment
from smoothkit_selftrain.labelling.beliefs import all_of, beliefs_of
from smoothkit_selftrain.labelling.choice import make_rule, make_weighting
from smoothkit_selftrain.labelling.labelled import PseudoLabels
from smoothkit_selftrain.labelling.labels import make_labels


class Labeller(nn.Module):
    """Makes pseudo-labels of teachers' logits, for each member by itself.

    pseudo   the table `[pseudo]`: kind of labels, temperature, alignment, and when labels are made
    select   the table `[select]`: rule and weights
    priors   the class shares of each member's labelled samples, on the device to work on
    samples  the number of unlabelled samples
    rounds   the number of rounds after round 0

    What it remembers lies in buffers with the members along their first axis, all of them to be saved: running means of
    past batches, and, unless labels are made at each step, those of the present round.

    Raises:
        ValueError: an option does not fit the data, or a schedule leaves its range.
    """

    kept_logits: Tensor
    kept_weights: Tensor

    def __init__(
        self,
        pseudo: PseudoConfig,
        select: SelectConfig,
        priors: Float[Tensor, "members classes"],
        samples: int,
        rounds: int,
    ):
        super().__init__()
        members, classes = priors.shape
        self.pseudo = pseudo
        self.rounds = rounds
        self.alignment = make_alignment(pseudo.alignment, pseudo.alignment_decay, priors)
        self.rule = make_rule(select, members, samples, classes)
        self.weighting = make_weighting(select, members, classes)
        self.keeps = pseudo.relabel != "step"
        if self.keeps:
            self.register_buffer("kept_logits", torch.zeros(members, samples, classes))
            self.register_buffer("kept_weights", torch.zeros(members, samples))
        self.to(priors.device)

    @torch.no_grad()
    def of_batch(
        self,
        logits: Float[Tensor, "members batch classes"],
        index: Int64[Tensor, "members batch"],
        progress: float,
        group: Group,
    ) -> PseudoLabels:
        """Labels of a batch, or of this process's share of one: running statistics take in the whole batch first.

        index     which of the unlabelled samples each is
        progress  how much of the rounds after round 0 is done, 0 to 1
        """
        log_probs, index, own = _everyone(logits.float().log_softmax(dim=-1), index, group)
        if self.alignment is not None:
            log_probs = self.alignment.of_batch(log_probs)
        # A hair more, because a third times three may fall short of one.
        beliefs = beliefs_of(log_probs, index, progress, int(progress * self.rounds + 1e-6))
        weights = self.rule.of_batch(beliefs).float()
        if self.weighting is not None:
            weights = weights * self.weighting.of_batch(beliefs)
        return self._labels(log_probs[:, own], weights[:, own])

    @torch.no_grad()
    def of_all(
        self, logits: Float[Tensor, "members samples classes"], round: int, progress: float, *, keep: bool = False
    ) -> PseudoLabels:
        """Labels of all unlabelled samples at the end of round `round`, 0 for the supervised one: those that the next
        round would learn from.

        Mean, variance and thresholds are those of the set itself, so that no running statistics are asked or changed.
        With `relabel = "never"` what was selected when labels were last kept has its label, confidence and weight of
        then. With `keep` the labels are remembered, for `of_kept`; not so with `relabel = "step"`, which asks for none.

        progress  how far a schedule of the rule is, 0 to 1
        """
        log_probs = logits.float().log_softmax(dim=-1)
        if self.alignment is not None:
            log_probs = self.alignment.of_all(log_probs)
        kept = self.kept_weights > 0 if self.pseudo.relabel == "never" else None
        beliefs = beliefs_of(log_probs, all_of(log_probs), progress, round, kept)
        weights = self.rule.of_all(beliefs).float()
        if self.weighting is not None:
            weights = weights * self.weighting.of_all(beliefs)
        if kept is not None:
            log_probs = torch.where(kept.unsqueeze(2), self.kept_logits, log_probs)
            weights = torch.where(kept, self.kept_weights, weights)
        if keep and self.keeps:
            self.kept_logits.copy_(log_probs)
            self.kept_weights.copy_(weights)
        return self._labels(log_probs, weights)

    @torch.no_grad()
    def of_kept(self, index: Int64[Tensor, "members batch"]) -> PseudoLabels:
        """The labels of the samples `index` as they were last kept; weights are 0 until then."""
        rows = index.unsqueeze(2).expand(-1, -1, self.kept_logits.shape[2])
        return self._labels(self.kept_logits.gather(1, rows), self.kept_weights.gather(1, index))

    def begin_anew(self) -> None:
        """Forget past batches, which another network spoke of; labels that were kept stay."""
        for each in (self.alignment, self.rule, self.weighting):
            if each is not None:
                each.begin_anew()

    def _labels(
        self, log_probs: Float32[Tensor, "members batch classes"], weights: Float32[Tensor, "members batch"]
    ) -> PseudoLabels:
        return make_labels(log_probs, weights, self.pseudo.labels, self.pseudo.temperature)


def _everyone(
    log_probs: Float32[Tensor, "members share classes"], index: Int64[Tensor, "members share"], group: Group
) -> tuple[Float32[Tensor, "members batch classes"], Int64[Tensor, "members batch"], Bool[Tensor, " batch"] | slice]:
    """The whole batch, one process's share after another's, and which of it is this process's share."""
    if group.size == 1:
        return log_probs, index, slice(None)
    ranks = torch.full((index.shape[1],), group.rank, device=index.device)
    # In one piece, so that sums over it are rounded as those of one process are.
    whole, numbers = (
        group.concatenate(each.transpose(0, 1).contiguous()).transpose(0, 1).contiguous() for each in (log_probs, index)
    )
    return whole, numbers, group.concatenate(ranks) == group.rank
