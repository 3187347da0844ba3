"""Labels from a teacher's distribution: hard, soft or sharpened."""

from typing import Literal

from jaxtyping import Float32
from torch import Tensor

from smoothkit_selftrain.labelling.labelled import PseudoLabels

LabelKind = Literal["hard", "soft"]


def sharpened(log_probs: Float32[Tensor, "*rows classes"], temperature: float) -> Float32[Tensor, "*rows classes"]:
    """q^(1/T), normalised, of log q: q itself at T = 1, and nearer to its most probable class the lower T is.

    >>> import torch
    >>> sharpened(torch.tensor([0.6, 0.3, 0.1]).log(), 0.5)
    tensor([0.7826, 0.1957, 0.0217])
    """
    return (log_probs / temperature).softmax(dim=-1)


def make_labels(
    log_probs: Float32[Tensor, "members batch classes"],
    weights: Float32[Tensor, "members batch"],
    kind: LabelKind,
    temperature: float,
) -> PseudoLabels:
    """Pseudo-labels of an aligned distribution, whose logarithms are given, and of weights found by it.

    Hard labels are the most probable classes, the first of several. Soft ones are the distribution, sharpened by the
    temperature, in (0, 1]; the confidence is that of the distribution as it is.
    """
    top, classes = log_probs.max(dim=-1)
    return PseudoLabels(
        labels=classes if kind == "hard" else sharpened(log_probs, temperature),
        classes=classes,
        confidence=top.exp(),
        weights=weights,
        logits=log_probs,
    )
