"""Label Smoothing++: how the smoothed mass is spread over the other classes is learned with the network."""

import warnings
from typing import Annotated, Any

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import pad

from smoothkit.targets.base import Fraction, Rows, WeightMode, check_range
from smoothkit.targets.functional import compute_dtype, label_weight, matrix_rows, smoothed_rows, soft_cross_entropy
from smoothkit.targets.matrix import MatrixTarget

PAPER_EPSILON = 1e-6
"""Added inside every logarithm of the released code."""


def with_zero_diagonal(rows: Float[Tensor, "classes others"]) -> Float[Tensor, "classes classes"]:
    """A (K, K) matrix with zeros on the diagonal and the given (K, K - 1) entries, in order, off it.

    >>> with_zero_diagonal(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    tensor([[0., 1., 2.],
            [3., 0., 4.],
            [5., 6., 0.]])
    """
    # In the flattened matrix exactly K entries lie between one diagonal entry and the next.
    between = rows.reshape(len(rows) - 1, len(rows))
    return pad(pad(between, (1, 0)).flatten(), (0, 1)).view(len(rows), len(rows))


def off_diagonal(matrix: Float[Tensor, "classes classes"]) -> Float[Tensor, "classes others"]:
    """The (K, K - 1) entries off the diagonal: the inverse of :func:`with_zero_diagonal`."""
    size = len(matrix)
    return matrix.flatten()[1:].view(size - 1, size + 1)[:, :-1].reshape(size, size - 1)


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
        check_range("alpha", alpha, 0.0, 1.0)
        check_range("scale", scale, 0.0)
        check_range("weight_decay", weight_decay, 0.0)
        if lr is not None:
            check_range("lr", lr, 0.0)
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

    @property
    def C(self) -> Float[Tensor, "classes classes"]:
        """How each label's alpha is spread: rows sum to one, the diagonal is zero."""
        return with_zero_diagonal(self.theta.softmax(dim=-1))

    def matrix(self) -> Float[Tensor, "classes classes"]:
        """``(1 - alpha) I + alpha C``, as it stands now."""
        return self.target_rows(torch.arange(self.num_classes, device=self.theta.device)).detach()

    def target_rows(
        self, labels: Rows, logits: Float[Tensor, "rows classes"] | None = None
    ) -> Float[Tensor, "rows classes"]:
        """``(1 - alpha) label + alpha C[label]``; differentiable in theta."""
        return smoothed_rows(labels, self.C, self.alpha)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """One group: theta, with its own weight decay and, if given, its own learning rate."""
        group: dict[str, Any] = {"params": [self.theta], "weight_decay": self.weight_decay}
        return [group if self.lr is None else {**group, "lr": self.lr}]

    def row_loss(
        self,
        logits: Float[Tensor, "rows classes"],
        labels: Rows,
        class_weight: Float[Tensor, " classes"] | None = None,
    ) -> Float[Tensor, " rows"]:
        """The network's half, which is the value, and the gradient of C's half."""
        learns = torch.is_grad_enabled() and (self.learn_from_soft or not labels.is_floating_point())
        if self.paper_mode:
            return self._released_loss(logits, labels, class_weight, learns)
        loss = soft_cross_entropy(logits, self.target_rows(labels).detach(), class_weight)
        if learns:
            half = self._matrix_half(logits, labels)
            if class_weight is not None:
                half = half * label_weight(labels, class_weight)
            loss = loss + (half - half.detach())
        return self.scale * loss

    def _matrix_half(self, logits: Float[Tensor, "rows classes"], labels: Rows) -> Float[Tensor, " rows"]:
        """C's half ``H(p, t)``, but for what theta cannot change: ``-sum_{k != y} p_k log C_yk``.

        Linear in a soft label. Backwards, taking rows of log C is one grouped sum of p over the labels (``index_add``).
        """
        probs = logits.detach().softmax(dim=-1, dtype=compute_dtype(logits))
        log_matrix = with_zero_diagonal(self.theta.log_softmax(dim=-1))
        return -(probs * matrix_rows(labels, log_matrix)).sum(dim=-1)

    def _released_loss(
        self,
        logits: Float[Tensor, "rows classes"],
        labels: Rows,
        class_weight: Float[Tensor, " classes"] | None,
        learns: bool,
    ) -> Float[Tensor, " rows"]:
        """The loss of the authors' code: ``(H(p, t) + H(t, p))/2``, the first argument of each H without gradient."""
        probs = logits.softmax(dim=-1, dtype=compute_dtype(logits))
        target = self.target_rows(labels)
        network = released_cross_entropy(target.detach(), probs, class_weight)
        half = released_cross_entropy(probs.detach(), target if learns else target.detach())
        if class_weight is not None:
            half = half * label_weight(labels, class_weight)
        return (network + half) / 2


def released_cross_entropy(
    target: Float[Tensor, "rows classes"],
    probs: Float[Tensor, "rows classes"],
    class_weight: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, " rows"]:
    """``-sum_k t_k log(p_k + 1e-6)``: where p_k is far below 1e-6, the gradient fades instead of growing."""
    terms = target * (probs + PAPER_EPSILON).log()
    return -(terms if class_weight is None else terms * class_weight).sum(dim=-1)
