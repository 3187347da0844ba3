"""The exploration terms of all members of a population: what each adds to gradients, targets, behaviour and rewards."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from smoothkit.schedules import CurveName, Schedule, value_at
from smoothkit_policy.config import ExplorationConfig
from smoothkit_policy.exploration.adaptive import Adaptive
from smoothkit_policy.exploration.entropy import entropy_gradient, entropy_penalty
from smoothkit_policy.exploration.improvement import alpha_of, improvement_gradient, improvement_target, smoothed
from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient, kl_uniform_penalty
from smoothkit_policy.exploration.maxent import soft_rewards
from smoothkit_policy.exploration.mixing import gradient_share, mixed
from smoothkit_policy.exploration.naive import naive_gradient

PENALTIES: Mapping[str, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "entropy": (0.0, 1.0),
    "kl_uniform": (1.0, 0.0),
    "symmetric_kl": (0.5, 0.5),
}
"""How much of KL(u || pi), and how much of KL(pi || u), is in terms that are added to the loss."""


def family(term: str) -> str:
    """Terms of one family can be those of members that are trained together.

    >>> family("entropy"), family("mix")
    ('penalty', 'mix')
    """
    return "penalty" if term in PENALTIES else term


class Exploration:
    """The terms of all members, which are of one family. Members are the first axis of everything.

    `coef` is the coefficient of each member as it is applied now: the one of its configuration times its schedule, or
    what its adaptive bound has made of it.

    Raises:
        ValueError: the terms are of several families.
    """

    def __init__(self, configs: Sequence[ExplorationConfig], num_actions: int, device: torch.device):
        families = {family(config.term) for config in configs}
        if len(families) != 1:
            raise ValueError(f"terms of the families {sorted(families)} cannot be trained together; expected one")
        (self.term_family,) = families
        self.num_actions = num_actions
        self.step = torch.tensor([config.improvement_step for config in configs], device=device).unsqueeze(1)
        self._scheduled = Scheduled(configs, device)
        self._adaptive = Adaptive([config.adaptive for config in configs], device)
        shares = [PENALTIES.get(config.term, (0.0, 0.0)) for config in configs]
        self._shares = torch.tensor(shares, device=device).T.contiguous()
        # Read once, because a tensor on a GPU is not to be asked in the hot loop.
        self._forward, self._reverse = (bool(share.any()) for share in self._shares)
        self.coef = self._scheduled.coefs(0.0)
        self._weights = self._shares * self.coef

    @property
    def adaptive(self) -> bool:
        """Whether some member has an adaptive bound, so that `adapt` does something."""
        return self._adaptive.any

    def set_progress(self, progress: float) -> None:
        """Apply the schedules at this share of the training, from 0 to 1; adaptive coefficients stay as they are."""
        self._apply(torch.where(self._adaptive.active, self.coef, self._scheduled.coefs(progress)))

    def add_gradient(
        self,
        d_logits: Float[Tensor, "members rows actions"],
        log_probs: Float[Tensor, "members rows actions"],
        row_weights: Float[Tensor, "members rows"],
        probs: Float[Tensor, "members rows actions"] | None = None,
    ) -> None:
        """Add row weight times coefficient times the gradient of the penalty to `d_logits`, in place.

        Terms that are not in `PENALTIES` add nothing. Row weights of a member sum to 1 for a mean over its rows, and
        are 0 in rows that do not count. `probs` are the probabilities, where they are known already.
        """
        for has, coefs, gradient in zip(
            (self._forward, self._reverse), self._weights, (kl_uniform_gradient, entropy_gradient), strict=True
        ):
            if has:
                weights = (row_weights * coefs.unsqueeze(1)).unsqueeze(-1).expand_as(d_logits)
                # Where actions are few, writing the weights out for each is faster than to broadcast them.
                d_logits.addcmul_(gradient(log_probs, probs), weights.contiguous())

    def penalty(self, log_probs: Float[Tensor, "members rows actions"]) -> Float[Tensor, "members rows"]:
        """What `add_gradient` is of, in nats and without the coefficient; 0 for terms that are not in `PENALTIES`."""
        forward, reverse = self._shares.unsqueeze(-1)
        return forward * kl_uniform_penalty(log_probs) + reverse * entropy_penalty(log_probs)

    def behaviour(self, log_probs: Float[Tensor, "members ... actions"]) -> Float[Tensor, "members ... actions"]:
        """The log-probabilities that actions are drawn by: those of the policy, or of its mixture with u for `mix`."""
        if self.term_family != "mix":
            return log_probs
        return mixed(log_probs, self.coef.view(-1, *[1] * (log_probs.ndim - 1)))

    def gradient_share(self, acting_log_prob: Float[Tensor, "members rows"]) -> Float[Tensor, "members rows"] | None:
        """For `mix`: the share of pi - e_a that is the gradient of -log m_a, where m_a is the behaviour's probability
        of the action taken; None for all other terms, whose share is 1."""
        if self.term_family != "mix":
            return None
        return gradient_share(acting_log_prob, self.coef.unsqueeze(1), self.num_actions)

    def rewards(
        self, rewards: Float[Tensor, "members ..."], log_prob: Float[Tensor, "members ..."]
    ) -> Float[Tensor, "members ..."]:
        """The rewards, with the entropy in them for `maxent`; `log_prob` is that of the action taken."""
        return soft_rewards(rewards, log_prob, self.coef) if self.term_family == "maxent" else rewards

    def target_gradient(
        self,
        log_probs: Float[Tensor, "members rows actions"],
        actions: Int64[Tensor, "members rows"],
        weights: Float[Tensor, "members rows"],
    ) -> tuple[Float[Tensor, "members rows actions"], Bool[Tensor, "members rows"]]:
        """For `smoothed_target`: the whole gradient of the policy's loss in each row, and where the target was clipped.

        The target improves on the policy itself by `weights`, which are advantages, of PPO those times the ratio, and 0
        where that is clipped. Where it was not clipped the gradient is the policy gradient and that of `kl_uniform`.
        """
        target, clipped = improvement_target(log_probs.exp(), actions, weights, self.step)
        step = self.step.unsqueeze(-1)
        alpha = alpha_of(self.coef.view(-1, 1, 1), step)
        return improvement_gradient(log_probs, smoothed(target, alpha), alpha, step), clipped

    def naive_gradient(
        self,
        log_probs: Float[Tensor, "members rows actions"],
        actions: Int64[Tensor, "members rows"],
        weights: Float[Tensor, "members rows"],
        advantages: Float[Tensor, "members rows"],
    ) -> Float[Tensor, "members rows actions"]:
        """For `naive_label_smoothing`: the whole gradient of the policy's loss in each row; see `naive.py`."""
        return naive_gradient(log_probs, actions, weights, advantages, self.coef.unsqueeze(1))

    def adapt(self, log_probs: Float[Tensor, "members rows actions"], weights: Float[Tensor, "members rows"]) -> None:
        """Move adaptive coefficients after a rollout by this policy; rows of weight 0 do not count."""
        if self.adaptive:
            self._apply(self._adaptive.moved(self.coef, log_probs, weights))

    def state_dict(self) -> dict[str, Float[Tensor, " members"]]:
        """The coefficients of the members as they are applied."""
        return {"coef": self.coef}

    def load_state_dict(self, state: Mapping[str, Float[Tensor, " members"]]) -> None:
        """Go on with the coefficients of `state`."""
        self._apply(state["coef"])

    def _apply(self, coef: Float[Tensor, " members"]) -> None:
        # In place, as everything has to be that a captured graph of a GPU reads.
        self.coef.copy_(coef)
        torch.mul(self._shares, self.coef, out=self._weights)


class Scheduled:
    """The coefficients of members as their configurations say: the peak of each times the share of its schedule."""

    def __init__(self, configs: Sequence[ExplorationConfig], device: torch.device):
        self._peaks = torch.tensor([config.coef for config in configs], device=device)
        # Members are many and schedules few, so that each schedule is asked once.
        self._schedules: list[CurveName | Schedule] = list(dict.fromkeys(config.schedule for config in configs))
        self._which = torch.tensor([self._schedules.index(config.schedule) for config in configs], device=device)

    def coefs(self, progress: float) -> Float[Tensor, " members"]:
        """Those at this share of the training, from 0 to 1."""
        shares = [float(value_at(each, progress)) for each in self._schedules]
        return self._peaks * self._peaks.new_tensor(shares)[self._which]
