"""Label Smoothing++: how the smoothed mass is spread over the other classes is learned with the network."""

import warnings
from math import isfinite
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from smoothkit.targets.base import Fraction, WeightMode
from smoothkit.targets.loss.blocked import cross_entropy_blocks
from smoothkit.targets.loss.cpu import logit_gradient, times
from smoothkit.targets.loss.forms import MatrixRows, as_form
from smoothkit.targets.loss.functional import compute_dtype, label_weight, mix_matrix, widened
from smoothkit.targets.loss.kernels import available, fused_learned_cross_entropy
from smoothkit.targets.loss.paths import held_scale, is_plain
from smoothkit.targets.matrix import MatrixTarget, check_size, spread_over
from smoothkit.targets.rows import Rows, Scale, is_learned

PAPER_EPSILON = 1e-6
"""Added inside every logarithm of the released code."""


def with_zero_diagonal(rows: Float[Tensor, "classes others"]) -> Float[Tensor, "classes classes"]:
    """A (K, K) matrix with zeros on the diagonal and the given (K, K - 1) entries, in order, off it.

    >>> with_zero_diagonal(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    tensor([[0., 1., 2.],
            [3., 0., 4.],
            [5., 6., 0.]])
    """
    between = rows.reshape(len(rows) - 1, len(rows))
    return pad(pad(between, (1, 0)).flatten(), (0, 1)).view(len(rows), len(rows))


def off_diagonal_view(matrix: Float[Tensor, "classes classes"]) -> Float[Tensor, "_ classes"]:
    """The entries off the diagonal in order, in memory shared with the matrix: K - 1 lines of K of them."""
    size = len(matrix)
    # In the flattened matrix exactly K entries lie between one diagonal entry and the next.
    return matrix.as_strided((size - 1, size), (size + 1, 1), 1)


def off_diagonal(matrix: Float[Tensor, "classes classes"]) -> Float[Tensor, "classes others"]:
    """The (K, K - 1) entries off the diagonal: the inverse of :func:`with_zero_diagonal`."""
    return off_diagonal_view(matrix.contiguous()).reshape(len(matrix), len(matrix) - 1)


class LearnedCrossEntropy(torch.autograd.Function):
    """The cross-entropy to rows of ``(1 - alpha) I + alpha C``, with the closed gradient of C's own half of the loss.

    With G the sum of the logit gradients over the rows of each label, that gradient is ``-offdiag(G + diag(G) C)``: no
    probability, no logarithm and no count has to be computed for it.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, theta: Tensor, labels: Tensor, alpha: float, scale: Scale) -> Tensor:
        """The sum of ``scale`` times the loss of each row."""
        size = len(theta)
        spread = theta.softmax(dim=-1)
        matrix = theta.new_empty(size, size)
        torch.mul(spread.view(-1, size), alpha, out=off_diagonal_view(matrix))
        matrix.diagonal().fill_(1 - alpha)
        minus_grouped = theta.new_zeros(size, size, dtype=compute_dtype(logits))
        target = MatrixRows(labels, matrix)
        total, grad = cross_entropy_blocks(logits, target, scale, with_grad=True, minus_grouped=minus_grouped)
        ctx.save_for_backward(logits, theta, grad, theta_gradient(minus_grouped, spread))
        ctx.target, ctx.scale = target, scale
        return total

    @staticmethod
    def backward(ctx: Any, *outputs: Any) -> tuple[Tensor | None, ...]:
        """Both gradients, computed with the loss."""
        logits, theta, grad, grad_theta = ctx.saved_tensors
        if torch.is_grad_enabled():
            # Somebody will differentiate these gradients, which those kept do not allow.
            grad = logit_gradient(logits, ctx.target, ctx.scale)
            grad_theta = matrix_gradient(logits.detach(), theta, ctx.target.labels, ctx.scale)
        return *times((grad, grad_theta), outputs[0]), None, None, None


def theta_gradient(
    minus_grouped: Float[Tensor, "classes classes"], spread: Float[Tensor, "classes others"]
) -> Float[Tensor, "classes others"]:
    """``-offdiag(G + diag(G) C)``, for minus the logit gradients G added up by label."""
    own = minus_grouped.diagonal().unsqueeze(1)
    # In place, because many classes make each of these matrices larger than the logits.
    others = off_diagonal(minus_grouped)
    return others.addcmul_(own, spread.to(own.dtype)).to(spread.dtype)


def matrix_gradient(
    logits: Float[Tensor, "rows classes"],
    theta: Float[Tensor, "classes others"],
    labels: Int[Tensor, " rows"],
    scale: Scale,
) -> Float[Tensor, "classes others"]:
    """The same, differentiable in theta: ``sum_i s_i ((1 - p_iy) C_y - p_i)`` off the label, at fixed predictions."""
    probs = logits.softmax(dim=-1, dtype=compute_dtype(logits))
    column = torch.as_tensor(scale, dtype=probs.dtype, device=probs.device).expand(len(probs)).unsqueeze(1)
    grouped = probs.new_zeros(len(theta), len(theta)).index_add(0, labels, probs * column)
    counts = probs.new_zeros(len(theta), 1).index_add(0, labels, column)
    own = counts - grouped.diagonal().unsqueeze(1)
    return (own * theta.softmax(dim=-1) - off_diagonal(grouped)).to(theta.dtype)


class LabelSmoothingPP(MatrixTarget):
    """Label Smoothing++: alpha is spread over the other classes by a matrix C that is learned during training.

    t = (1 - alpha) e_y + alpha C_y, with C = softmax of the rows of a parameter theta (K x K-1, zeros at the start) and
    a diagonal of zeros. At the start this is label smoothing with convention "others".

    Network and C minimise different halves of a symmetric cross-entropy, each with the other held fixed:
    scale * H(t, p) for the network and scale * H(p, t) for C. The value returned is scale * H(t, p), comparable with
    every other target's; C's half contributes its gradient and nothing to the value. With G the sum of the logit
    gradients over the rows of each label, the gradient of theta is -offdiag(G + diag(G) C); it is zero where C_y is the
    mean prediction off the label, so confident rows hardly count. It does not depend on alpha, so C learns with
    alpha = 0 too.

    alpha           in [0, 1]
    scale           at least 0; multiplies both halves. The released code has 0.5: with SGD the same as half the
                    learning rate and twice the weight decay, so compare with baselines at the same scale.
    paper_mode      the released loss to the letter: value (H(p, t) + H(t, p))/2 with 1e-6 inside the logarithms, which
                    fades the gradient of rows with p_y below that; masked classes are not set apart. Leave scale at 1.
    weight_decay    of C, at least 0. It is C's temperature: with SGD and balanced classes C settles where
                    theta = kappa (q - C) for the mean prediction q off the label, kappa = scale (1 - p_y)/(K
                    weight_decay). The released 5e-4 gives kappa = 1 at K = 100 and p_y = 0.9: C stays near uniform.
    lr              of C, at least 0 (0 keeps C uniform); the optimiser's own if not given.
    learn_from_soft let soft labels (mixup, distillation) train C as well, each class by its share. Without it, C learns
                    from index labels only: in a mixed image the partner class is no similar class, only the other half.

    With two classes a row of C has a single entry, and this is plain label smoothing; a warning says so. Under data
    parallelism average theta's gradient over the processes, as for any parameter.

    Source: Chhabra et al., "Label Smoothing++", BMVC 2024 (arXiv 2509.05307).
    """

    read_once: ClassVar[frozenset[str]] = frozenset({"lr", "weight_decay"})

    def __init__(
        self,
        num_classes: int,
        alpha: Fraction = 0.1,
        *,
        scale: Annotated[float, Ge(0)] = 1.0,
        paper_mode: bool = False,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
        lr: Annotated[float, Ge(0)] | None = None,
        learn_from_soft: bool = False,
        ignore_index: int = -100,
        weight_mode: WeightMode = "sample",
    ):
        super().__init__(num_classes, ignore_index=ignore_index, weight_mode=weight_mode)
        check_size(num_classes, num_classes)
        if paper_mode and scale != 1:
            raise ValueError(f"scale is {scale!r} with paper_mode, which has its own factor 1/2; leave scale at 1.0")
        if num_classes == 2:
            warnings.warn("num_classes=2 leaves LS++ nothing to learn: use label smoothing, 'others'", stacklevel=2)
        self.alpha = alpha
        self.scale = scale
        self.paper_mode = paper_mode
        self.weight_decay = weight_decay
        self.lr = lr
        self.learn_from_soft = learn_from_soft
        self.theta = nn.Parameter(torch.zeros(num_classes, num_classes - 1))
        self.check_options()

    @property
    def C(self) -> Float[Tensor, "classes classes"]:
        """How each label's alpha is spread: rows sum to one, the diagonal is zero."""
        return with_zero_diagonal(self.theta.softmax(dim=-1))

    def matrix(self) -> Float[Tensor, "classes classes"]:
        """``(1 - alpha) I + alpha C``, as it stands now."""
        return spread_over(self.C, self.alpha).detach()

    def matrices(self) -> dict[str, Float[Tensor, "labels classes"]]:
        """The target, and what of it is learned."""
        return {**super().matrices(), "C": self.C.detach()}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """One group: theta, with its own weight decay and, if given, its own learning rate."""
        group: dict[str, Any] = {"params": [self.theta], "weight_decay": self.weight_decay}
        return [group if self.lr is None else {**group, "lr": self.lr}]

    def row_loss(self, rows: Rows) -> Float[Tensor, " rows"]:
        """The network's half, which is the value, and the gradient of C's half."""
        learns = torch.is_grad_enabled() and (self.learn_from_soft or not rows.soft)
        if self.paper_mode:
            return self._released_loss(rows, learns)
        loss = as_form(self.target_rows(rows)).cross_entropy(rows.given_logits(), rows.class_weight)
        if learns:
            half = self._matrix_half(rows)
            if rows.class_weight is not None:
                half = half * label_weight(rows.labels, rows.class_weight)
            loss = loss + (half - half.detach())
        return self.scale * loss

    def total_loss(self, rows: Rows, scale: Scale) -> Float[Tensor, ""]:
        """The closed form of both halves, where it is all there is to compute."""
        logits = rows.given_logits()
        closed = self._is_closed(rows) and not is_learned(scale)
        if closed and available(logits):
            target = MatrixRows(rows.labels, self.matrix())
            return fused_learned_cross_entropy(logits, self.theta, target, scale * self.scale, rows.ignored)
        if closed and is_plain(logits):
            loss = self._closed_loss(rows, held_scale(scale, rows.ignored) * self.scale)
            if isfinite(loss.item()):
                return loss
        return super().total_loss(rows, scale)

    def quick_loss(self, rows: Rows) -> Float[Tensor, ""] | None:
        """The same for a small batch."""
        return self._closed_loss(rows, self.scale / max(len(rows.labels), 1)) if self._is_closed(rows) else None

    def _is_closed(self, rows: Rows) -> bool:
        """Whether the closed form is all there is to compute."""
        # With two classes the gradient of theta is 0, where the closed form leaves a rounding error.
        special = self.paper_mode or rows.soft or rows.class_weight is not None or self.num_classes == 2
        # A subclass with a loss of its own means it, whatever the reduction.
        own = type(self).row_loss is LabelSmoothingPP.row_loss and type(self).matrix is LabelSmoothingPP.matrix
        return own and not special and torch.is_grad_enabled()

    def _closed_loss(self, rows: Rows, scale: Scale) -> Float[Tensor, ""]:
        logits = widened(rows.given_logits())
        loss = LearnedCrossEntropy.apply(logits, self.theta, rows.labels, self.alpha, scale)
        assert isinstance(loss, Tensor)
        return loss

    def _matrix_half(self, rows: Rows) -> Float[Tensor, " rows"]:
        """C's half ``H(p, t)``, but for what theta cannot change: ``-sum_{k != y} p_k log C_yk``.

        Linear in a soft label. Backwards, taking rows of log C is one grouped sum of p over the labels (``index_add``).
        """
        logits = rows.given_logits()
        probs = logits.detach().softmax(dim=-1, dtype=compute_dtype(logits))
        log_matrix = with_zero_diagonal(self.theta.log_softmax(dim=-1))
        log_rows = mix_matrix(rows.labels, log_matrix) if rows.soft else log_matrix.index_select(0, rows.labels)
        return -(probs * log_rows).sum(dim=-1)

    def _released_loss(self, rows: Rows, learns: bool) -> Float[Tensor, " rows"]:
        """The loss of the authors' code: ``(H(p, t) + H(t, p))/2``, the first argument of each H without gradient."""
        logits = rows.given_logits()
        probs = logits.softmax(dim=-1, dtype=compute_dtype(logits))
        matrix = spread_over(self.C, self.alpha)
        target = mix_matrix(rows.labels, matrix) if rows.soft else matrix.index_select(0, rows.labels)
        network = released_cross_entropy(target.detach(), probs, rows.class_weight)
        half = released_cross_entropy(probs.detach(), target if learns else target.detach())
        if rows.class_weight is not None:
            half = half * label_weight(rows.labels, rows.class_weight)
        return (network + half) / 2


def released_cross_entropy(
    target: Float[Tensor, "rows classes"],
    probs: Float[Tensor, "rows classes"],
    class_weight: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, " rows"]:
    """``-sum_k t_k log(p_k + 1e-6)``: where p_k is far below 1e-6, the gradient fades instead of growing."""
    terms = target * (probs + PAPER_EPSILON).log()
    return -(terms if class_weight is None else terms * class_weight).sum(dim=-1)
