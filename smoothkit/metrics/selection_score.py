"""Scores that order rows for selective prediction, beside softmax confidence."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor


def normalised_max_logit(logits: Float[Tensor, "rows classes"], p: float = 2.0) -> Float64[Tensor, " rows"]:
    """The largest logit over the p-norm of the logits, both after taking off the row's mean.

    Label smoothing presses the largest logit down most where the prediction is right, which spoils softmax confidence
    as a score; dividing by the norm undoes that. Above 0 to 1, the same for logits times any positive number or plus
    any number; 0 where all logits are equal. A good p depends on the model and is chosen on other rows than those it is
    reported for. Sources: Cattelan and Silva, UAI 2024 (arXiv 2305.15508, "MaxLogit-pNorm"); Xia, Laurent, Franchi,
    Bouganis, ICLR 2025 (arXiv 2403.14715).

    Raises:
        ValueError: logits are not (N, K) with K of 3 or more (with two classes the norm takes away all there is, and
            every row scores 2^(-1/p)), hold NaN or an infinity, or `p` is not above 0.

    >>> normalised_max_logit(torch.tensor([[3.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    tensor([0.8165, 0.0000], dtype=torch.float64)
    """
    if logits.dim() != 2 or not len(logits) or logits.shape[1] < 3:
        raise ValueError(
            "normalised_max_logit: logits must have the shape (rows, classes) with 1 row and 3 classes at least, got "
            f"{tuple(logits.shape)}"
        )
    if not p > 0:
        raise ValueError(f"normalised_max_logit: p must be above 0, got {p}")
    if not bool(logits.isfinite().all()):
        raise ValueError("normalised_max_logit: logits must be finite; a class at -inf leaves no norm to divide by")
    centred = logits.double() - logits.double().mean(dim=1, keepdim=True)
    # In units of the largest entry no power of an entry overflows, and the largest does not vanish.
    unit = centred.abs().amax(dim=1, keepdim=True)
    centred = torch.where(unit > 0, centred / unit, 0.0)
    largest = centred.amax(dim=1)
    return torch.where(largest > 0, largest / torch.linalg.vector_norm(centred, ord=p, dim=1), 0.0)
