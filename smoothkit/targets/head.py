"""The loss of a linear layer's outputs without ever holding them all: for tens of thousands of classes."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets.base import Reduction, Target
from smoothkit.targets.loss.cpu import times
from smoothkit.targets.loss.functional import compute_dtype, widened
from smoothkit.targets.options import check_choice
from smoothkit.targets.rows import Rows, Scale

LEAST_ROWS = 128
"""Rows of logits that exist at a time, at least: with fewer the matrix products would run slower."""
BLOCK = 2**20
"""Logits that exist at a time, unless so many rows make more."""


def linear_loss(
    target: Target,
    hidden: Float[Tensor, "*batch features"],
    head: Float[Tensor, "classes features"],
    labels: Tensor,
    bias: Float[Tensor, " classes"] | None = None,
    weight: Float[Tensor, " labels"] | None = None,
    reduction: Reduction = "mean",
) -> Float[Tensor, ""]:
    """``target(hidden @ head.T + bias, labels, weight, reduction)``, with only a block of logits in memory at a time.

    ``hidden`` has the features last; index labels have the shape of its other dimensions, soft labels one more for the
    label symbols. Any target will do that asks for no teacher and no sample numbers and looks at each row
    alone: loss and gradients are computed in one pass, in blocks of rows, those of the target's own parameters
    included. Where the logits of a large vocabulary would fill the memory (N x K of them, and three times as much for
    the usual loss), this holds a few hundred rows.

    The logits are computed in the dtype of ``hidden`` (float16 as float32); the gradient of ``head`` is added up in
    float32 at least.

    Raises ValueError where shapes do not fit together, and for ``reduction="none"``, whose gradients cannot be known
    before the backward pass. Gradients of gradients are refused by autograd.
    """
    check_choice("reduction", reduction, ("mean", "sum"))
    if head.shape != (target.num_classes, hidden.shape[-1]):
        raise ValueError(
            f"head has shape {tuple(head.shape)}; expected ({target.num_classes}, {hidden.shape[-1]}): a line of as "
            "many numbers as hidden has features for each class"
        )
    if not target.row_by_row or target.needs:
        wants = " and ".join(sorted(target.needs)) or "the whole batch at once"
        raise ValueError(f"{type(target).__name__} needs {wants}, which a loss in blocks of rows cannot give it")
    if not hidden.is_floating_point():
        raise ValueError(f"hidden has dtype {hidden.dtype}; expected a floating one")
    if bias is not None and bias.shape != (target.num_classes,):
        raise ValueError(
            f"bias has shape {tuple(bias.shape)}; expected ({target.num_classes},), a number for each class"
        )
    if weight is not None and weight.requires_grad:
        raise ValueError("weight asks for a gradient, which this loss has not; give weight.detach()")
    soft = labels.is_floating_point()
    expected = (*hidden.shape[:-1], target.num_labels) if soft else tuple(hidden.shape[:-1])
    if tuple(labels.shape) != expected:
        raise ValueError(f"labels have shape {tuple(labels.shape)}; expected {expected} for this hidden")
    features = widened(hidden.reshape(-1, hidden.shape[-1]))
    rows = target.rows(None, labels.reshape(-1, target.num_labels) if soft else labels.reshape(-1))
    # No logits yet, but their precision is known.
    rows, scale = target.weighted(rows._replace(logits=hidden.new_empty(0, target.num_classes)), weight, reduction)
    learned = [parameter for parameter in target.parameters() if parameter.requires_grad]
    if not torch.is_grad_enabled():
        head, bias, learned = head.detach(), None if bias is None else bias.detach(), []
        features = features.detach()
    loss = _LinearLoss.apply(features, head, bias, target, rows, scale, *learned)
    assert isinstance(loss, Tensor)
    return loss


class _LinearLoss(torch.autograd.Function):
    """Loss and gradients in one pass over blocks of rows."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        bias: Tensor | None,
        target: Target,
        rows: Rows,
        scale: Scale,
        *learned: Tensor,
    ) -> Tensor:
        """The sum of ``scale`` times the loss of each row."""
        wanted = [ctx.needs_input_grad[0], ctx.needs_input_grad[1], bias is not None and ctx.needs_input_grad[2]]
        matrix = head.to(hidden.dtype)
        grad_hidden = torch.empty_like(hidden) if wanted[0] else None
        grad_head = torch.zeros_like(head, dtype=compute_dtype(head)) if wanted[1] else None
        grad_bias = torch.zeros_like(bias, dtype=compute_dtype(bias)) if wanted[2] and bias is not None else None
        grad_learned = [torch.zeros_like(parameter) for parameter in learned]
        total = hidden.new_zeros((), dtype=compute_dtype(hidden))
        size = max(LEAST_ROWS, BLOCK // len(head))
        buffer = hidden.new_empty(min(size, len(hidden)), len(head))
        for start in range(0, len(hidden), size):
            here = slice(start, start + size)
            logits = torch.mm(hidden[here], matrix.t(), out=buffer[: len(hidden[here])])
            if bias is not None:
                logits += bias
            part, factor = _part(rows, here, logits), _part_of_scale(scale, here)
            if not (any(wanted) or learned):
                total += target.total_loss(part, factor)
                continue
            loss, grad, grads = _block(target, part, factor, learned)
            total += loss
            if grad_hidden is not None:
                torch.mm(grad, matrix, out=grad_hidden[here])
            if grad_head is not None:
                if grad_head.dtype == grad.dtype:
                    grad_head.addmm_(grad.t(), hidden[here])
                else:
                    grad_head += grad.t() @ hidden[here]
            if grad_bias is not None:
                grad_bias += grad.sum(dim=0, dtype=grad_bias.dtype)
            for kept, new in zip(grad_learned, grads, strict=True):
                kept += new
        grads = (grad_hidden, grad_head, grad_bias)
        ctx.save_for_backward(*grads, *grad_learned)
        ctx.dtypes = [None if x is None else x.dtype for x in (hidden, head, bias)]
        return total

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        """The gradients computed before, times that of the sum."""
        if torch.is_grad_enabled():
            raise RuntimeError("linear_loss has no gradients of gradients: do without create_graph=True")
        given = [grad for grad in ctx.saved_tensors if grad is not None]
        scaled = iter(times(tuple(given), outputs[0]))
        grads = [None if grad is None else next(scaled) for grad in ctx.saved_tensors]
        # Only now: before the factor is in, a gradient may be below what float16 can hold.
        grads[:3] = [None if g is None else g.to(dtype) for g, dtype in zip(grads[:3], ctx.dtypes, strict=True)]
        return *grads[:3], None, None, None, *grads[3:]


def _block(
    target: Target, rows: Rows, scale: Scale, learned: Sequence[Tensor]
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """The loss of a block of rows, and its gradients with respect to the logits and to what the target learns."""
    logits = rows.given_logits().requires_grad_()
    with torch.enable_grad():
        loss = target.total_loss(rows._replace(logits=logits), scale)
    grad, *grads = torch.autograd.grad(loss, (logits, *learned), allow_unused=True, materialize_grads=True)
    return loss.detach(), grad, tuple(grads)


def _part(rows: Rows, here: slice, logits: Tensor) -> Rows:
    ignored = None if rows.ignored is None else rows.ignored[here]
    return rows._replace(labels=rows.labels[here], logits=logits.detach(), ignored=ignored)


def _part_of_scale(scale: Scale, here: slice) -> Scale:
    return scale[here] if isinstance(scale, Tensor) and scale.ndim else scale
