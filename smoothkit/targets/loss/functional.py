"""Cross-entropy to a target, one pure function for each structure a target can have.

All of them take rows of logits in any floating precision, compute in float32 (float64 where the logits are float64) and
return one loss per row; ignoring, weighting and reducing rows is the work of :class:`smoothkit.targets.Target`.

Two laws hold for each. The gradient with respect to a row of logits is ``sum(t) * softmax(logits) - t``. And a class
whose logit is ``-inf`` (masked out) carries no target mass: the target is conditioned on the classes that remain,
which keeps its total, so the loss is finite as long as any class with target mass remains, and infinite otherwise.

``class_weight`` multiplies the entries of the target, as torch does: ``-sum_k w_k t_k log p_k``.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import nll_loss

NO_INDEX = -(2**61) - 1729
"""An ignore_index that no label has, not even NaN made an integer: rows to ignore are the caller's business."""


def compute_dtype(*tensors: Tensor | None) -> torch.dtype:
    """The precision to compute in: float32, or float64 where one of the tensors is.

    >>> compute_dtype(torch.zeros(1, dtype=torch.float16), None)
    torch.float32
    """
    dtype = torch.float32
    for tensor in tensors:
        if tensor is not None:
            dtype = torch.promote_types(dtype, tensor.dtype)
    return dtype


def log_softmax(logits: Float[Tensor, "rows classes"]) -> Float[Tensor, "rows classes"]:
    """Log-probabilities in at least float32, so that a sum over 50,000 classes in half precision stays finite."""
    return logits.log_softmax(dim=-1, dtype=compute_dtype(logits))


def index_cross_entropy(
    logits: Float[Tensor, "rows classes"],
    labels: Int[Tensor, " rows"],
    class_weight: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, " rows"]:
    """Cross-entropy to the labels themselves: ``-log p_y``.

    >>> index_cross_entropy(torch.zeros(1, 4), torch.tensor([2])).exp()
    tensor([4.])
    """
    return nll_loss(log_softmax(logits), labels, weight=class_weight, ignore_index=NO_INDEX, reduction="none")


def uniform_cross_entropy(
    logits: Float[Tensor, "rows classes"],
    labels: Int[Tensor, " rows"],
    true_mass: float,
    other_mass: float,
    class_weight: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, " rows"]:
    """Cross-entropy to ``true_mass`` on the label and ``other_mass`` on each other class, without building that target.

    Closed form: ``-(true_mass - other_mass) log p_y - other_mass sum_k log p_k``.

    >>> uniform_cross_entropy(torch.zeros(1, 4), torch.tensor([2]), 0.7, 0.1).exp()
    tensor([4.])
    """
    log_probs = log_softmax(logits)
    masked = masked_classes(log_probs)
    if masked is not None:
        log_probs = log_probs.masked_fill(masked, 0)
    own = nll_loss(log_probs, labels, weight=class_weight, ignore_index=NO_INDEX, reduction="none")
    spread = (log_probs if class_weight is None else log_probs * class_weight).sum(dim=-1)
    loss = (true_mass - other_mass) * own - other_mass * spread
    if masked is None:
        return loss
    allowed = (~masked).to(loss.dtype)
    own_allowed = allowed.gather(1, labels.unsqueeze(1)).squeeze(1)
    remaining = (true_mass - other_mass) * own_allowed + other_mass * allowed.sum(dim=-1)
    # Where nothing is masked the mass is 1 by definition; the sum above would bring in a rounding error.
    return _conditioned(loss, remaining.masked_fill(~masked.any(dim=-1), 1), torch.ones_like(loss))


def soft_cross_entropy(
    logits: Float[Tensor, "rows classes"],
    target: Float[Tensor, "rows classes"],
    class_weight: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, " rows"]:
    """Cross-entropy to a target given in full: ``-sum_k t_k log p_k``.

    The target need not sum to one and may have negative entries.

    >>> soft_cross_entropy(torch.zeros(1, 4), torch.tensor([[0.1, 0.1, 0.7, 0.1]])).exp()
    tensor([4.])
    """
    log_probs = log_softmax(logits)
    target = kept = target.to(log_probs.dtype)
    masked = masked_classes(log_probs)
    if masked is not None:
        # Both factors are cleared: 0 * -inf would be NaN, forward in the loss or backward in the target.
        kept = target.masked_fill(masked, 0)
        log_probs = log_probs.masked_fill(masked, 0)
    terms = kept * log_probs
    loss = -(terms if class_weight is None else terms * class_weight).sum(dim=-1)
    return loss if masked is None else _conditioned(loss, kept.sum(dim=-1), target.sum(dim=-1))


def sparse_cross_entropy(
    logits: Float[Tensor, "rows classes"],
    classes: Int[Tensor, "rows few"],
    masses: Float[Tensor, "rows few"],
    rest: Float[Tensor, " rows"] | float,
    class_weight: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, " rows"]:
    """Cross-entropy to a few masses for each row, and ``rest`` on every class beside them, without building it.

    >>> sparse_cross_entropy(torch.zeros(1, 4), torch.tensor([[2, 3]]), torch.tensor([[0.7, -0.1]]), 0.1).exp()
    tensor([4.])
    """
    log_probs = log_softmax(logits)
    masses = masses.to(log_probs.dtype)
    masked = masked_classes(log_probs)
    if masked is not None or class_weight is not None:
        spread = rest.to(log_probs.dtype).unsqueeze(1) if isinstance(rest, Tensor) else log_probs.new_full((1, 1), rest)
        target = spread.expand_as(log_probs).scatter_add(1, classes, masses)
        return soft_cross_entropy(logits, target, class_weight)
    loss = -(masses * log_probs.gather(1, classes)).sum(dim=-1)
    if isinstance(rest, Tensor) or rest != 0:
        loss = loss - rest * log_probs.sum(dim=-1)
    return loss


def masked_classes(log_probs: Float[Tensor, "rows classes"]) -> Bool[Tensor, "rows classes"] | None:
    """Which classes have a logit of ``-inf``; None where it is known that none has."""
    masked = log_probs == -torch.inf
    return None if certain(~masked.any()) else masked


def certain(condition: Bool[Tensor, ""]) -> bool:
    """Whether a condition is known to hold: False wherever its value cannot be read for free.

    Reading would stall a GPU, cut a compiled graph in two, and is refused inside ``torch.func.vmap``.
    """
    if condition.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    try:
        return bool(condition)
    except RuntimeError:
        return False


def is_traced(tensor: Tensor) -> bool:
    """Whether a compiler, a transform of ``torch.func`` or a subclass of tensors is at work: they want plain operators.

    A transform may be about other tensors than this one, labels or weights.
    """
    return (
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()  # pyright: ignore[reportPrivateUsage]
        or type(tensor) not in (Tensor, torch.nn.Parameter)
    )


def _conditioned(
    loss: Float[Tensor, " rows"], remaining: Float[Tensor, " rows"], total: Float[Tensor, " rows"]
) -> Float[Tensor, " rows"]:
    """Scale the loss of the remaining target mass up to the total mass; infinite where nothing remains."""
    untouched = remaining == total
    lost = (remaining == 0) & ~untouched
    scale = total / remaining.masked_fill(untouched | lost, 1)
    return torch.where(untouched, loss, loss * scale).masked_fill(lost, torch.inf)


def cleared(values: Float[Tensor, " rows"], ignored: Bool[Tensor, " rows"] | None) -> Float[Tensor, " rows"]:
    """The values, 0 in rows to ignore; None says that there are none."""
    return values if ignored is None else values.masked_fill(ignored, 0)


def widened(tensor: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """float16 as float32: a gradient computed before a loss scaler multiplies it could underflow."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def label_weight(
    labels: Int[Tensor, " rows"] | Float[Tensor, "rows labels"], weight: Float[Tensor, " labels"]
) -> Float[Tensor, " rows"]:
    """The weight of each row's label; its expectation for a soft label."""
    return (labels * weight).sum(dim=-1) if labels.is_floating_point() else weight.index_select(0, labels)


def mix_matrix(
    labels: Float[Tensor, "rows labels"], matrix: Float[Tensor, "labels classes"]
) -> Float[Tensor, "rows classes"]:
    """Soft labels through a class matrix, ``labels @ matrix``, in at least float32."""
    dtype = compute_dtype(labels, matrix)
    # Autocast would multiply in half precision, and a target that sums to 0.998 shifts every gradient.
    with torch.autocast(labels.device.type, enabled=False):
        return labels.to(dtype) @ matrix.to(dtype)
