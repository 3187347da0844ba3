"""Closed-form gradients of PPO and A2C against autograd of the losses as published, through the whole network."""

from dataclasses import replace

import pytest
import torch

from smoothkit_policy.algorithms import a2c, ppo
from smoothkit_policy.minibatches import passes, whole
from tests.plugins.policy.algorithms.reference import acting, penalised, ppo_loss

TERMS = ["none", "entropy", "kl_uniform", "symmetric_kl", "mix"]


def term_overrides(term, coef=0.3):
    return [] if term == "none" else [f"exploration.term={term}", f"exploration.coef={coef}"]


def moved_batch(agents):
    """A rollout, seen after the policy and the critic have moved: some ratios are clipped and some values are."""
    batch = agents.gathered()
    source = torch.Generator().manual_seed(5)
    agents.network.flat.data.add_(torch.randn(agents.network.flat.shape, generator=source), alpha=0.4)
    weights = (torch.rand(batch.weights.shape, generator=source) < 0.8).float()
    return replace(batch, advantages=torch.randn(batch.weights.shape, generator=source) * 2, weights=weights)


def step(agents, batch, *, is_recording=False):
    """One step on the whole of a rollout."""
    (rows,) = ppo.minibatches(agents, batch, ppo.of_actions(agents, batch), whole(batch.weights), 0.2)
    return ppo.step(agents, agents.config.algorithm, rows, 0.2, is_recording=is_recording)


def outputs(agents, batch):
    """Logits and values as leaves of a graph, and what turns their gradients into those of the weights."""
    logits, values = agents.network(batch.observations)
    return logits.clone().requires_grad_(), values.clone().requires_grad_()


def assert_gradients(agents, batch, loss, logits, values, run):
    """What `run` writes as gradients of the weights is what autograd makes of `loss`."""
    loss.backward()
    agents.network(batch.observations)
    agents.network.backward(logits.grad, values.grad)
    expected = agents.network.flat.grad.clone()
    agents.optimiser.step = lambda: None
    run()
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(agents.network.flat.grad, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("clip_values", [True, False])
@pytest.mark.parametrize("term", TERMS)
def test_a_step_of_ppo_has_the_gradient_of_the_published_loss(term, clip_values, make_agents):
    agents = make_agents(
        *term_overrides(term),
        "algorithm.norm_adv=false",
        f"algorithm.clip_vloss={str(clip_values).lower()}",
        seeds=(0, 1),
    )
    batch = moved_batch(agents)
    share = batch.weights / batch.weights.sum(1, keepdim=True)
    logits, values = outputs(agents, batch)
    coef = 0.3
    loss = ppo_loss(logits, values.squeeze(2), batch, batch.advantages, share, term, coef, 0.2, clip_values, 0.5)
    assert_gradients(agents, batch, loss, logits, values, lambda: step(agents, batch))


@pytest.mark.parametrize("term", TERMS)
def test_a2c_has_the_gradient_of_the_published_loss(term, make_agents):
    agents = make_agents(*term_overrides(term), "algorithm.name=a2c", seeds=(0, 1))
    batch = moved_batch(agents)
    share = batch.weights / batch.weights.sum(1, keepdim=True)
    logits, values = outputs(agents, batch)
    loss = -(acting(term, 0.3, logits, batch.actions) * batch.advantages * share).sum()
    loss = loss + 0.5 * 0.5 * ((values.squeeze(2) - batch.returns).square() * share).sum()
    loss = penalised(loss, term, 0.3, logits, share)
    assert_gradients(agents, batch, loss, logits, values, lambda: a2c.update(agents, batch, 0.0, is_recording=False))


def test_a_smoothed_target_is_kl_uniform_in_every_minibatch(make_agents):
    """Equal coefficients mean equal gradients, whatever the advantages and wherever the policy has moved."""
    found = {}
    for term in ("smoothed_target", "kl_uniform"):
        small = ["exploration.improvement_step=0.001"] if term == "smoothed_target" else []
        agents = make_agents(*term_overrides(term), *small, "algorithm.norm_adv=false")
        batch = moved_batch(agents)
        agents.optimiser.step = lambda: None
        step(agents, batch)
        found[term] = agents.network.flat.grad.clone()
    torch.testing.assert_close(found["smoothed_target"], found["kl_uniform"], rtol=1e-3, atol=2e-4)


def test_agents_with_smoothed_targets_learn_what_those_with_kl_uniform_learn(learned):
    """Where no target has to be cut off, which steps this small see to."""
    overrides = ("algorithm.update_epochs=4", "train.total_timesteps=320")
    kl_uniform = learned(*overrides, *term_overrides("kl_uniform"))
    smoothed = learned(*overrides, *term_overrides("smoothed_target"), "exploration.improvement_step=0.001")
    torch.testing.assert_close(
        smoothed.trained[0].policy.table(), kl_uniform.trained[0].policy.table(), rtol=0.02, atol=2e-3
    )


def test_the_values_of_a_step_are_those_of_the_published_loss(make_agents):
    agents = make_agents(*term_overrides("entropy"), "algorithm.norm_adv=false")
    batch = moved_batch(agents)
    share = batch.weights / batch.weights.sum(1, keepdim=True)
    logits, values = agents.network(batch.observations)
    found, _ = step(agents, batch, is_recording=True)
    expected = ppo_loss(logits, values.squeeze(2), batch, batch.advantages, share, "entropy", 0.3, 0.2, False, 0.5)
    total = found["losses/policy_loss"] + 0.5 * found["losses/value_loss"] + found["losses/exploration_loss"]
    torch.testing.assert_close(total.sum(), expected)
    ratio = (acting("none", 0, logits, batch.actions) - acting("none", 0, batch.log_probs, batch.actions)).exp()
    torch.testing.assert_close(found["losses/clipfrac"], (((ratio - 1).abs() > 0.2) * share).sum(1))
    torch.testing.assert_close(found["losses/approx_kl"], ((ratio - 1 - ratio.log()) * share).sum(1))


def test_advantages_are_normalised_in_each_minibatch(make_agents):
    agents = make_agents("algorithm.norm_adv=true")
    batch = agents.gathered()
    (order,) = passes(agents.order_streams, 1, 5, batch.weights)
    for rows in ppo.minibatches(agents, batch, ppo.of_actions(agents, batch), order, 0.2):
        torch.testing.assert_close(rows.advantages.mean(), torch.tensor(0.0), atol=1e-6, rtol=0)
        torch.testing.assert_close(rows.share.sum(), torch.tensor(1.0))


def test_advantages_are_normalised_over_rows_that_count():
    source = torch.Generator().manual_seed(0)
    advantages, weights = (
        torch.randn(2, 30, generator=source) * 7 + 3,
        (torch.rand(2, 30, generator=source) < 0.5).float(),
    )
    found = ppo.normalised(advantages, weights)
    for own, kept, raw in zip(found, weights > 0, advantages, strict=True):
        torch.testing.assert_close(own[kept], (raw[kept] - raw[kept].mean()) / (raw[kept].std() + 1e-8))
    assert ppo.normalised(torch.ones(1, 1), torch.ones(1, 1)).item() == 0.0


def test_a_limit_of_the_divergence_ends_the_passes(make_agents, monkeypatch):
    steps = []
    original = ppo.step

    def counted(*arguments, **options):
        steps.append(1)
        return original(*arguments, **options)

    monkeypatch.setattr(ppo, "step", counted)
    for limit, expected in (("1e9", 16), ("1e-12", 4)):
        steps.clear()
        agents = make_agents(f"algorithm.target_kl={limit}", "run.together=1")
        ppo.update(agents, agents.gathered(), 0.0, is_recording=False)
        assert len(steps) == expected
