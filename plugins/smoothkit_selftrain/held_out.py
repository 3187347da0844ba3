"""Held-out samples as the rule of selection sees them: there the truth about pseudo-labels is known."""

import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from smoothkit_selftrain.labelling.alignment import Alignment, aligned
from smoothkit_selftrain.labelling.labelled import PseudoLabels


def align_like(
    logits: Float32[Tensor, "members held_out classes"],
    unlabelled: Float32[Tensor, "members samples classes"],
    alignment: Alignment | None,
) -> Float32[Tensor, "members held_out classes"]:
    """Log-probabilities of held-out samples, aligned by the mean of the unlabelled ones, whose logits these are."""
    log_probs = logits.log_softmax(dim=-1)
    if alignment is None:
        return log_probs
    return aligned(log_probs, unlabelled.softmax(dim=-1).mean(dim=1), alignment.prior)


def counted(
    log_probs: Float32[Tensor, "members held_out classes"], pseudo: PseudoLabels
) -> Bool[Tensor, "members held_out"]:
    """The held-out samples that are as sure as a selected pseudo-label is, or surer; all of a member's where none is.

    What is selected may be decided by rank, by class or by share, which a handful of samples has no place in; its least
    confidence has.
    """
    least = pseudo.confidence.masked_fill(pseudo.weights == 0, torch.inf).amin(dim=1, keepdim=True)
    sure = log_probs.amax(dim=-1).exp() >= least
    return sure | ~sure.any(dim=1, keepdim=True)
