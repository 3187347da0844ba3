"""The cross-entropy to a target on a GPU, in one Triton kernel for every form of target.

Importing this package imports no Triton, which comes with torch's CUDA builds alone; calling it does.
"""

from functools import cache
from importlib.util import find_spec

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from smoothkit.targets.loss.forms import Form, MatrixRows
from smoothkit.targets.loss.functional import is_traced
from smoothkit.targets.rows import Scale, is_learned

DTYPES = frozenset({torch.float32, torch.bfloat16, torch.float16})
"""What logits may be: the kernel computes in float32."""


def available(logits: Tensor) -> bool:
    """Whether the kernel can take these logits: on a GPU, of float32 or less, and no trace or transform of them."""
    return logits.device.type == "cuda" and logits.dtype in DTYPES and not is_traced(logits) and _has_triton()


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None


def fused_cross_entropy(
    logits: Float[Tensor, "rows classes"],
    target: Form,
    scale: Scale = 1.0,
    ignored: Bool[Tensor, " rows"] | None = None,
) -> Float[Tensor, " rows"]:
    """``scale`` times the cross-entropy of each row, 0 where it is ignored; nothing is learned through the target."""
    if is_learned(scale):
        return fused_cross_entropy(logits, target, 1.0, ignored) * scale
    from smoothkit.targets.loss.kernels.cross_entropy import FusedCrossEntropy

    losses = FusedCrossEntropy.apply(logits, target, scale, ignored)
    assert isinstance(losses, Tensor)
    return losses


def fused_learned_cross_entropy(
    logits: Float[Tensor, "rows classes"],
    theta: Float[Tensor, "classes others"],
    target: MatrixRows,
    scale: Scale = 1.0,
    ignored: Bool[Tensor, " rows"] | None = None,
) -> Float[Tensor, ""]:
    """The sum of the same for rows of a matrix that theta spreads, with theta's own gradient: see ``learned.py``."""
    from smoothkit.targets.loss.kernels.learned import FusedLearnedCrossEntropy

    loss = FusedLearnedCrossEntropy.apply(logits, theta, target, scale, ignored)
    assert isinstance(loss, Tensor)
    return loss
