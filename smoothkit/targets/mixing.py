"""Mixup and CutMix: the loss of a sample with two labels."""

import torch
from jaxtyping import Float
from torch import Tensor

from smoothkit.targets.base import Reduction, Target
from smoothkit.targets.loss.forms import Dense, Form, Sparse, Uniform, as_form
from smoothkit.targets.loss.functional import certain, cleared, compute_dtype, label_weight
from smoothkit.targets.loss.paths import row_cross_entropy, total_cross_entropy
from smoothkit.targets.options import check_range
from smoothkit.targets.rows import LabelRows, Rows, Scale
from smoothkit.targets.wrapper import Wrapper

Shares = Float[Tensor, "rows two"]
"""How much each of a row's two labels counts: they sum to one, but for labels to be ignored, whose share is 0."""


def mix(
    target: Target,
    logits: Tensor,
    labels: Tensor,
    partners: Tensor,
    lam: float | Tensor,
    weight: Tensor | None = None,
    reduction: Reduction = "mean",
    *,
    teacher: Tensor | None = None,
    index: Tensor | None = None,
    partner_index: Tensor | None = None,
) -> Tensor:
    """The loss of mixed samples: ``lam L(labels) + (1 - lam) L(partners)``, as mixup and CutMix have it.

    ``logits`` belong to the mixed samples, as do those of a ``teacher``; ``lam`` is the share of ``labels``: one
    number, or one for each sample. A target that remembers samples wants the ``index`` of both.

    A cross-entropy to a target is computed once, to the mixture of both targets; where the target is linear in the
    label, that is the loss of the soft label ``lam onehot(labels) + (1 - lam) onehot(partners)``, which is never built.
    Any other loss is evaluated for each label, and so takes index labels where it refuses soft ones. LS++ is given the
    soft label, so that ``learn_from_soft`` decides whether its matrix learns from it.

    Weights, reductions and ignored rows are those of the soft label, in which an ignored label is a row of zeros: of a
    pair with one ignored label the other counts by its share, a pair of two is ignored.

    >>> from smoothkit.targets import LabelSmoothing
    >>> logits, labels = torch.eye(4), torch.arange(4)
    >>> mix(LabelSmoothing(4, 0.1), logits, labels, labels.flip(0), lam=0.7)
    tensor(1.0887)
    """
    if "index" in target.needs and partner_index is None:
        raise ValueError("this target remembers samples: give index= and partner_index=, the numbers of both samples")
    while isinstance(target, Wrapper) and type(target).row_loss is Wrapper.row_loss:
        # Such a wrapper changes nothing about the loss of a batch, and hides how it may be computed.
        target = target.target
    first = target.rows(logits, labels, teacher=teacher, index=index)
    second = target.rows(logits, partners, teacher=teacher, index=partner_index)
    shares = label_shares(first, second, lam, len(logits))
    shape = len(logits), *logits.shape[2:]
    if not target.index_labels_only and _wants_soft(target):
        soft = mixed_labels(first.labels, second.labels, shares, target.num_labels)
        return target(logits, soft.reshape(*shape, target.num_labels).movedim(-1, 1), weight, reduction)
    counts = None
    if weight is not None:
        weight = target.checked_weight(weight, logits)
        both = torch.stack([label_weight(first.labels, weight), label_weight(second.labels, weight)], dim=1)
        counts = (shares * both).sum(dim=1)
        if target.weight_mode == "torch":
            first, second = first._replace(class_weight=weight), second._replace(class_weight=weight)
    # To be counted, a row's label is a distribution over its own two labels.
    ignored = (shares == 0).all(dim=1)
    pair = first._replace(labels=shares, ignored=None if certain(~ignored.any()) else ignored)
    scale = target.row_scale(pair, counts, reduction)
    if reduction != "none":
        return mixed_total(target, first, second, pair, scale)
    losses = mixed_row_loss(target, first, second, shares)
    return (cleared(losses, pair.ignored) * scale).reshape(shape)


def _wants_soft(target: Target) -> bool:
    """Whether a target, or one inside it, does something of its own with soft labels: learns from or weighs them."""
    own = target.family == "matrix" and type(target).row_loss is not Target.row_loss
    own |= not isinstance(target, Wrapper) and type(target).weighted is not Target.weighted
    return own or any(map(_wants_soft, target.inner()))


def label_shares(first: Rows, second: Rows, lam: float | Tensor, samples: int) -> Shares:
    """The shares of both labels in each row; ValueError for a ``lam`` that is none."""
    logits = first.given_logits()
    if not isinstance(lam, Tensor):
        check_range("lam", float(lam), 0.0, 1.0)
    elif tuple(lam.shape) not in ((), (samples,)):
        raise ValueError(f"lam has shape {tuple(lam.shape)}; expected one number, or one for each of {samples} samples")
    elif certain(~((lam >= 0) & (lam <= 1)).all()):
        low, high = lam.aminmax()
        raise ValueError(f"lam holds {low.item():g} to {high.item():g}; expected numbers from 0 to 1")
    given = torch.as_tensor(lam, dtype=compute_dtype(logits), device=logits.device)
    # The pixels of a sample are rows that follow one another.
    share = given.expand(samples).repeat_interleave(len(logits) // max(samples, 1))
    halves = ((share, first.ignored), (1 - share, second.ignored))
    return torch.stack([cleared(half, ignored) for half, ignored in halves], dim=1)


def mixed_total(target: Target, first: Rows, second: Rows, pair: Rows, scale: Scale) -> Float[Tensor, ""]:
    """The sum of ``scale`` times the loss of each row; ``pair`` has the shares for labels."""
    if type(target).row_loss is Target.row_loss:
        form = mixed_form(as_form(target.target_rows(first)), as_form(target.target_rows(second)), pair.labels)
        return total_cross_entropy(pair.given_logits(), form, scale, pair.ignored, first.class_weight)
    losses = mixed_row_loss(target, first, second, pair.labels)
    return (cleared(losses, pair.ignored) * scale).sum()


def mixed_row_loss(target: Target, first: Rows, second: Rows, shares: Shares) -> Float[Tensor, " rows"]:
    """The loss of each row."""
    if type(target).row_loss is Target.row_loss:
        form = mixed_form(as_form(target.target_rows(first)), as_form(target.target_rows(second)), shares)
        return row_cross_entropy(first.given_logits(), form, first.class_weight)
    losses = torch.stack([target.row_loss(first), target.row_loss(second)], dim=1)
    # A loss without a share may be infinite.
    return (losses.masked_fill(shares == 0, 0) * shares).sum(dim=1)


def mixed_form(first: Form, second: Form, shares: Shares) -> Form:
    """The mixture of two targets, in full only where one of them is."""
    share, other_share = shares.unbind(1)
    one, other = _sparse_part(first, share), _sparse_part(second, other_share)
    if one is None or other is None:
        return Dense(shares[:, :1] * first.dense(shares.dtype) + shares[:, 1:] * second.dense(shares.dtype))
    classes, masses = torch.cat([one.classes, other.classes], dim=1), torch.cat([one.masses, other.masses], dim=1)
    return Sparse(classes, masses, one.rest + other.rest, one.num_classes)


def _sparse_part(form: Form, share: Float[Tensor, " rows"]) -> Sparse | None:
    """A target times a share of each row; None where its rows are given in full."""
    match form:
        case Uniform(labels, true_mass, other_mass, num_classes):
            own = (true_mass - other_mass) * share
            rest = other_mass * share if other_mass else 0.0
            return Sparse(labels.unsqueeze(1), own.unsqueeze(1), rest, num_classes)
        case Sparse(classes, masses, rest, num_classes):
            return Sparse(classes, masses * share.unsqueeze(1), rest * share, num_classes)
        case _:
            return None


def mixed_labels(first: LabelRows, second: LabelRows, shares: Shares, num_labels: int) -> Float[Tensor, "rows labels"]:
    """The soft label itself."""
    one, other = (
        labels if labels.is_floating_point() else Uniform(labels, 1.0, 0.0, num_labels).dense(shares.dtype)
        for labels in (first, second)
    )
    return shares[:, :1] * one + shares[:, 1:] * other
