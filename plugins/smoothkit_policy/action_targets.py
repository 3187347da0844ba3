"""What `[target]` makes of actions as labels, for the algorithms that imitate."""

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from smoothkit.errors import UserError
from smoothkit.run import Run
from smoothkit.targets import Target
from smoothkit.targets.wrapper import Wrapper
from smoothkit_policy.config import MPOConfig, PolicyConfig

Labels = Int64[Tensor, "members rows"] | Float[Tensor, "members rows actions"]

TOLERANCE = 1e-5
"""Of the comparison of two gradients, of which one is known to about as many digits."""

STEP = 1e-4
"""Of logits, to either side."""

SCALES = (1.0, 40.0)
"""Of the logits at which they are compared."""

SAMPLED_PROGRESS = (0.0, 0.5, 1.0)
"""Shares of the training at which they are compared, the last one last: what is scheduled may be nothing at first."""

FIXED = ("update", "end_epoch", "end_validation")
"""What a target overrides that learns while it is trained on."""


def build_target(config: PolicyConfig, run: Run, num_actions: int) -> Target:
    """What `[target]` asks for, on the run's device.

    Raises:
        UserError: it refuses its options, or is no fixed distribution over actions.
    """
    target = run.target(config.target, num_classes=num_actions)
    check_target(target, soft=isinstance(config.algorithm, MPOConfig))
    return target


def action_targets(target: Target, labels: Labels) -> Float[Tensor, "members rows actions"]:
    """The target distribution of each row, in float32: of an action's index, or of a distribution over actions."""
    rows = labels.flatten(0, 1)
    found = target.distribution(rows.float() if rows.is_floating_point() else rows)
    return found.view(*labels.shape[:2], target.num_classes)


def imitation_gradient(
    log_probs: Float[Tensor, "members rows actions"],
    targets: Float[Tensor, "members rows actions"],
    row_weights: Float[Tensor, "members rows"],
) -> Float[Tensor, "members rows actions"]:
    """The gradient of the weighted cross-entropy to the targets with respect to logits: w ((sum t) pi - t).

    Row weights of a member sum to 1 for a mean over its rows, and are 0 in rows that do not count.
    """
    pull = targets.sum(-1, keepdim=True) * log_probs.exp() - targets
    return pull * row_weights.unsqueeze(-1)


def imitation_loss(
    log_probs: Float[Tensor, "members rows actions"],
    targets: Float[Tensor, "members rows actions"],
    row_weights: Float[Tensor, "members rows"],
) -> Float[Tensor, " members"]:
    """The weighted cross-entropy, in nats, that `imitation_gradient` is of."""
    # An action that no target wants may have the probability 0: it costs nothing.
    wanted = torch.where(targets == 0, 0, targets * log_probs)
    return -(wanted.sum(-1) * row_weights).sum(1)


def uniform_share(target: Target) -> float:
    """The largest share of the uniform distribution that is mixed into every target: what de-smoothing may take off.

    With M the matrix of targets it is K min M; alpha for label smoothing of the convention "all".

    >>> from smoothkit.targets import LabelSmoothing, OneHot
    >>> round(uniform_share(LabelSmoothing(4, 0.1)), 6), uniform_share(OneHot(4))
    (0.1, 0.0)
    """
    return max(0.0, target.num_classes * _matrix(target).min().item())


def check_target(target: Target, *, soft: bool) -> None:
    """See to it that the loss is the cross-entropy to a distribution that follows from the label alone.

    Then its gradient is the closed form of `imitation_gradient`. With `soft`, labels are distributions.

    Raises:
        UserError: it is not; or nothing of the label is left in the target.
    """
    now = target.progress
    fits = _is_fixed(target) and not (soft and target.index_labels_only)
    for progress in SAMPLED_PROGRESS:
        target.set_progress(progress)
        fits = fits and _has_closed_form(target)
    if not fits:
        raise UserError(
            f"target: {_inside(target)} is no fixed distribution over actions for each action to imitate; take "
            "'onehot', 'ls' or another of the family `matrix` that does not learn (`smoothkit list targets`)"
        )
    if uniform_share(target) > 1 - TOLERANCE:
        raise UserError(
            "target: it ends as the uniform distribution for every action, so that nothing is left to imitate; lower "
            "alpha below 1"
        )
    target.set_progress(now)


def _is_fixed(target: Target) -> bool:
    """Whether nothing but its schedules changes it."""
    parts = [part for part in target.modules() if isinstance(part, Target) and not isinstance(part, Wrapper)]
    learns = any(getattr(type(part), name) is not getattr(Target, name) for part in parts for name in FIXED)
    return not (learns or target.needs or any(True for _ in target.parameters()))


def _has_closed_form(target: Target) -> bool:
    """Whether the gradient of its own loss is (sum t) p - t, at small logits and, for margins, at large."""
    size = target.num_classes
    if target.num_labels != size:
        return False
    labels = torch.arange(size, device=_device(target)).repeat(len(SCALES))
    waves = torch.linspace(-1, 2, size * size, dtype=torch.float64, device=labels.device).view(size, size).sin()
    logits = torch.cat([scale * waves for scale in SCALES])
    try:
        wanted = target.distribution(labels)
        found = torch.stack([_slope(target, logits, labels, action) for action in range(size)], 1)
    except (ValueError, NotImplementedError):
        return False
    expected = wanted.sum(1, keepdim=True) * logits.softmax(1) - wanted
    return bool(torch.allclose(found, expected.double(), rtol=0, atol=TOLERANCE))


def _slope(
    target: Target, logits: Float64[Tensor, "rows actions"], labels: Int64[Tensor, " rows"], action: int
) -> Float64[Tensor, " rows"]:
    """The derivative of each row's loss by one logit, as a difference: there is no autograd while policies train."""
    step = torch.zeros_like(logits)
    step[:, action] = STEP
    above, below = (target(moved, labels, reduction="none").double() for moved in (logits + step, logits - step))
    return (above - below) / (2 * STEP)


def _matrix(target: Target) -> Float[Tensor, "actions actions"]:
    return target.distribution(torch.arange(target.num_classes, device=_device(target)))


def _device(target: Target) -> torch.device:
    held = next(iter((*target.parameters(), *target.buffers())), None)
    return torch.device("cpu") if held is None else held.device


def _inside(target: Target) -> str:
    """What the innermost of the targets is called."""
    while isinstance(target, Wrapper):
        target = target.target
    return type(target).__name__
