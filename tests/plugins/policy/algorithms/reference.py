"""The losses of policies as papers write them, for autograd: what closed forms are compared with."""

import torch
from torch.distributions import Categorical, kl_divergence

PENALTIES = {
    "none": lambda policy, uniform: 0.0,
    "entropy": lambda policy, uniform: kl_divergence(policy, uniform),
    "kl_uniform": lambda policy, uniform: kl_divergence(uniform, policy),
    "symmetric_kl": lambda policy, uniform: 0.5 * (kl_divergence(uniform, policy) + kl_divergence(policy, uniform)),
}


def penalised(loss, term, coef, logits, share):
    """The loss with a term that is no part of the policy's own."""
    if term not in PENALTIES:
        return loss
    policy, uniform = Categorical(logits=logits), Categorical(logits=torch.zeros_like(logits))
    return loss + coef * (PENALTIES[term](policy, uniform) * share).sum()


def acting(term, coef, logits, actions):
    """The log-probability of actions, in the mixture with the uniform distribution for `mix`."""
    probabilities = logits.softmax(-1)
    if term == "mix":
        probabilities = (1 - coef) * probabilities + coef / logits.shape[-1]
    return probabilities.gather(-1, actions.unsqueeze(-1)).squeeze(-1).log()


def ppo_loss(logits, values, batch, advantages, share, term, coef, clip, clip_values, vf_coef):
    """Schulman et al. 2017, equations 7 and 9, with the clipped value loss of the reference implementation."""
    ratio = (
        acting(term, coef, logits, batch.actions) - acting(term, coef, batch.log_probs, batch.actions).detach()
    ).exp()
    surrogate = torch.min(advantages * ratio, advantages * ratio.clamp(1 - clip, 1 + clip))
    error = (values - batch.returns).square()
    if clip_values:
        bounded = batch.values + (values - batch.values).clamp(-clip, clip)
        error = torch.max(error, (bounded - batch.returns).square())
    loss = -(surrogate * share).sum() + vf_coef * 0.5 * (error * share).sum()
    return penalised(loss, term, coef, logits, share)
