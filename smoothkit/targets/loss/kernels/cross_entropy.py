"""The launcher of the row kernel, and the loss built on it: no value is read by the host, so a CUDA graph can hold it.

Where a row fits in one block, the gradient is written with the loss: the logits are read once. Otherwise, and in half
precision, where a gradient divided by the number of rows would vanish before a loss scaler multiplies it, it is written
in the backward pass, from four numbers kept for each row.
"""

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from smoothkit.targets.loss.forms import Dense, Form, MatrixRows, Sparse, Uniform
from smoothkit.targets.loss.functional import cleared
from smoothkit.targets.loss.kernels import row_kernel
from smoothkit.targets.rows import Scale

ONE_BLOCK = 16384
"""Classes up to which a program holds a whole row of logits and one of the target in its registers."""
LOOP_BLOCK = 4096
"""Classes in a block of a longer row: two blocks of both are held at a time, and two programs fit on a processor."""


class BlockShape(NamedTuple):
    """How the rows are cut into programs."""

    rows: int
    cols: int
    warps: int


def block_shape(classes: int) -> BlockShape:
    """Several short rows for one program, a block of a long one.

    >>> block_shape(10), block_shape(50257)
    (BlockShape(rows=32, cols=16, warps=2), BlockShape(rows=1, cols=4096, warps=16))
    """
    cols = 1 << (classes - 1).bit_length()
    cols = cols if cols <= ONE_BLOCK else LOOP_BLOCK
    rows = min(max(1024 // cols, 1), 32)
    return BlockShape(rows, cols, warps=min(max(rows * cols // 256, 1), 32))


class FusedCrossEntropy(torch.autograd.Function):
    """``scale`` times the cross-entropy of each row, 0 where it is ignored."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Form, scale: Scale, ignored: Tensor | None) -> Tensor:
        """One loss per row, in float32."""
        needed = ctx.needs_input_grad[0]
        early = needed and logits.shape[1] <= ONE_BLOCK and logits.dtype != torch.float16
        grad = _empty_like_rows(logits) if early else None
        statistics = row_statistics(logits) if needed else None
        losses = launch(logits, target, scale, ignored, grad=grad, statistics=statistics)
        ctx.save_for_backward(logits, statistics)
        ctx.target, ctx.scale, ctx.ignored, ctx.early = target, scale, ignored, grad
        return losses

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor, None, None, None]:
        """The gradient of the logits, for those of the losses."""
        (grad_losses,) = outputs
        logits, statistics = ctx.saved_tensors
        if torch.is_grad_enabled():
            return reference_gradient(logits, ctx.target, ctx.scale, ctx.ignored, grad_losses), None, None, None
        # What was computed with the loss is scaled in place, so it serves once: a retained graph computes it anew.
        grad, ctx.early = ctx.early, None
        if grad is not None:
            scale_rows(grad, grad_losses)
        else:
            grad = _empty_like_rows(logits)
            launch(logits, ctx.target, ctx.scale, ctx.ignored, grad=grad, statistics=statistics, factor=grad_losses)
        return grad, None, None, None


def row_statistics(logits: Float[Tensor, "rows classes"]) -> Float[Tensor, "4 rows"]:
    """Room for the four numbers of each row from which its gradient follows."""
    return torch.empty(4, len(logits), dtype=torch.float32, device=logits.device)


def launch(
    logits: Float[Tensor, "rows classes"],
    target: Form,
    scale: Scale = 1.0,
    ignored: Bool[Tensor, " rows"] | None = None,
    *,
    grad: Float[Tensor, "rows classes"] | None = None,
    statistics: Float[Tensor, "4 rows"] | None = None,
    factor: Float[Tensor, " rows"] | None = None,
    raw: bool = False,
) -> Float[Tensor, " rows"]:
    """``scale`` times the loss of each row, without a graph; ``grad`` receives the logit gradients of their sum.

    Without ``factor``, ``statistics`` are written; with it they are read, and the gradient is multiplied by it: no loss
    is computed then, and the one returned holds nothing. ``raw`` asks for the gradient ``(sum(t) p - t)`` of the target
    as it is, where it would be conditioned on the classes that are not masked.
    """
    losses = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
    if len(logits) == 0:
        return losses
    arguments = kernel_arguments(logits, target, scale, ignored)
    arguments |= {"losses_ptr": losses, "grad_ptr": grad, "statistics_ptr": statistics, "RAW": raw}
    if factor is not None:
        arguments |= {"losses_ptr": None, "factor_ptr": factor, "factor_stride": factor.stride(0), "KNOWN": True}
    shape = block_shape(logits.shape[1])
    grid = (-(-len(logits) // shape.rows),)
    run: Any = row_kernel.cross_entropy_kernel[grid]
    with torch.cuda.device_of(logits):
        run(**arguments, num_warps=shape.warps, enable_fp_fusion=True)
    return losses


def kernel_arguments(
    logits: Float[Tensor, "rows classes"], target: Form, scale: Scale, ignored: Bool[Tensor, " rows"] | None
) -> dict[str, Any]:
    """What the kernel is told of the batch, for a loss without a gradient."""
    shape = block_shape(logits.shape[1])
    logits = _with_dense_rows(logits)
    arguments: dict[str, Any] = {
        "logits_ptr": logits,
        **dict.fromkeys(("losses_ptr", "grad_ptr", "statistics_ptr", "factor_ptr", "scale_ptr", "rest_ptr")),
        "ignored_ptr": None if ignored is None else ignored.contiguous(),
        "scale": 1.0,
        "true_mass": 0.0,
        "other_mass": 0.0,
        "rows": len(logits),
        "classes": logits.shape[1],
        "symbols": logits.shape[1],
        "logits_stride": logits.stride(0),
        "target_stride": 0,
        "scale_stride": 0,
        "factor_stride": 0,
        "KNOWN": False,
        "RAW": False,
        "ROWS": shape.rows,
        "COLS": shape.cols,
        "LONG": logits.shape[1] > shape.cols,
    }
    if isinstance(scale, Tensor):
        arguments |= {"scale_ptr": scale, "scale_stride": scale.stride(0) if scale.numel() > 1 else 0}
    else:
        arguments["scale"] = float(scale)
    return arguments | _target_arguments(target)


def _target_arguments(target: Form) -> dict[str, Any]:
    match target:
        case Uniform(labels, true_mass, other_mass):
            masses = {"true_mass": float(true_mass), "other_mass": float(other_mass)}
            return {"labels_ptr": labels.contiguous(), "target_ptr": None, **masses, "FORM": row_kernel.UNIFORM.value}
        case Sparse(classes, masses, rest):
            places = {"labels_ptr": classes.contiguous(), "target_ptr": masses.contiguous(), "symbols": masses.shape[1]}
            spread = {"rest_ptr": rest.contiguous()} if isinstance(rest, Tensor) else {"other_mass": float(rest)}
            return {**places, **spread, "FORM": row_kernel.SPARSE.value}
        case MatrixRows(labels, matrix):
            matrix = _with_dense_rows(matrix)
            lines = {"target_ptr": matrix, "target_stride": matrix.stride(0), "symbols": len(matrix)}
            return {"labels_ptr": labels.contiguous(), **lines, "FORM": row_kernel.MATRIX.value}
        case Dense(dense):
            dense = _with_dense_rows(dense)
            lines = {"target_ptr": dense, "target_stride": dense.stride(0)}
            return {"labels_ptr": None, **lines, "FORM": row_kernel.DENSE.value}


def _with_dense_rows(tensor: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
    return tensor if tensor.stride(1) == 1 else tensor.contiguous()


def _empty_like_rows(logits: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
    return torch.empty_like(logits, memory_format=torch.contiguous_format)


def scale_rows(grad: Float[Tensor, "rows classes"], factor: Float[Tensor, " rows"]) -> None:
    """Multiply each row by its factor in place; factors of 1, as mostly, cost no more than being looked at."""
    if len(grad) == 0:
        return
    rows, cols, warps = block_shape(grad.shape[1])
    grid = (-(-len(grad) // rows),)
    run: Any = row_kernel.scale_rows_kernel[grid]
    with torch.cuda.device_of(grad):
        run(grad, factor, *grad.shape, factor.stride(0), ROWS=rows, COLS=cols, num_warps=warps, enable_fp_fusion=True)


def reference_gradient(
    logits: Float[Tensor, "rows classes"],
    target: Form,
    scale: Scale,
    ignored: Bool[Tensor, " rows"] | None,
    grad_losses: Float[Tensor, " rows"],
) -> Float[Tensor, "rows classes"]:
    """The gradient of the logits with a graph of its own, by the plain path: somebody will differentiate it."""
    losses = target.cross_entropy(logits)
    losses = cleared(losses, ignored) * scale
    return torch.autograd.grad(losses, logits, grad_losses, create_graph=True)[0]
