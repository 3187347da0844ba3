"""Advantage actor-critic (Mnih et al. 2016): one step of the plain policy gradient for each rollout."""

from smoothkit_policy.agents import Agents
from smoothkit_policy.algorithms.ppo import Values, minibatches, of_actions, policy_gradient
from smoothkit_policy.config import A2CConfig
from smoothkit_policy.log_probs import log_probs_of
from smoothkit_policy.minibatches import whole
from smoothkit_policy.rollout import Batch


def update(agents: Agents, batch: Batch, progress: float, is_recording: bool) -> Values:
    """One step of the optimiser on the whole rollout."""
    options, exploration = agents.config.algorithm, agents.exploration
    assert isinstance(options, A2CConfig)
    (rows,) = minibatches(agents, batch, of_actions(agents, batch), whole(batch.weights))
    logits, said = agents.network(rows.observations)
    log_probs = log_probs_of(logits)
    probs = log_probs.exp()
    acting = exploration.behaviour(log_probs).gather(2, rows.actions).squeeze(2)
    d_logits, clipped_targets = policy_gradient(agents, rows, log_probs, probs, rows.advantages, acting)
    exploration.add_gradient(d_logits, log_probs, rows.share, probs)
    error = said.squeeze(2) - rows.returns
    agents.network.backward(d_logits, (error * rows.share * options.vf_coef).unsqueeze(2))
    agents.optimiser.step()
    if not is_recording:
        return {}
    found = {
        "losses/policy_loss": -(acting * rows.advantages * rows.share).sum(1),
        "losses/value_loss": 0.5 * (error.square() * rows.share).sum(1),
        "losses/exploration_loss": (exploration.penalty(log_probs) * rows.share).sum(1) * exploration.coef,
    }
    if clipped_targets is not None:
        found["target/clipped_fraction"] = (clipped_targets * rows.share).sum(1)
    return found
