"""Regularisers inside the return: values, and how they differ from a penalty in the loss."""

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit_policy.exact.operators import Regulariser, maximum, penalty
from smoothkit_policy.truths.bench import Bench, largest

ACTIONS = 4
STATES = 8
GAMMA = 0.9
COEF = 0.2
TERMS: tuple[Regulariser, ...] = ("kl_uniform", "entropy")
CLOSE = 1e-9
"""How near values come to their fixed point."""

Values = Float64[Tensor, " states"]


def backup(
    term: Regulariser, values: Values, rewards: Float64[Tensor, "states actions"],
    moves: Float64[Tensor, "states actions states"],
) -> tuple[Float64[Tensor, "states actions"], Values]:  # fmt: skip
    """The policy that is best for one step before these values, and what it is worth."""
    return maximum(term, rewards + GAMMA * moves @ values, COEF)


def measure(bench: Bench) -> Evidence:
    """A random decision process; and a choice between two states, one of which has a bad action."""
    generator = bench.generator("values")

    def drawn(*shape: int) -> Float64[Tensor, "..."]:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    rewards, moves = drawn(STATES, ACTIONS), drawn(STATES, ACTIONS, STATES).softmax(2)
    values = {}
    for term in TERMS:
        one, two = 10 * drawn(STATES), 10 * drawn(STATES)
        moved = backup(term, one, rewards, moves)[1] - backup(term, two, rewards, moves)[1]
        values[place("contraction", term)] = largest(moved) / largest(one - two)
        best = torch.zeros(STATES, dtype=torch.float64)
        for _ in range(300):
            best = backup(term, best, rewards, moves)[1]
        policy, best = backup(term, best, rewards, moves)
        others = (policy.log() + drawn(50, STATES, ACTIONS)).softmax(2)
        values[place("best", term)] = (worth(term, others, rewards, moves) - best).max().item()
        values[place("attained", term)] = largest(worth(term, policy.unsqueeze(0), rewards, moves)[0] - best)
        values[place("convex", term)] = curvature(bench, term)
    values |= {place("one step", key): number for key, number in look_ahead().items()}
    return Evidence(values=values)


def worth(
    term: Regulariser, policies: Float64[Tensor, "policies states actions"], rewards: Float64[Tensor, "states actions"],
    moves: Float64[Tensor, "states actions states"],
) -> Float64[Tensor, "policies states"]:  # fmt: skip
    """The regularised values of policies, by solving their linear equations."""
    earned = (policies * rewards).sum(2) - COEF * penalty(term, policies)
    chain = torch.einsum("psa,sax->psx", policies, moves)
    return torch.linalg.solve(torch.eye(STATES, dtype=torch.float64) - GAMMA * chain, earned.unsqueeze(2)).squeeze(2)


def curvature(bench: Bench, term: Regulariser) -> float:
    """The smallest eigenvalue of a penalty's Hessian in the probabilities, over random policies, times K.

    Hessians are diagonal: 1/(K pi²) of KL(u || pi), 1/pi of KL(pi || u).
    """
    policy = bench.logits("curvature", 200, ACTIONS, 3.0).softmax(1)
    diagonal = 1 / (ACTIONS * policy.square()) if term == "kl_uniform" else 1 / policy
    return ACTIONS * diagonal.min().item()


def look_ahead() -> dict[str, float]:
    """How much likelier the state without a bad action is chosen with the penalty in the return than in the loss.

    In the other state one of two actions costs 1, and both forms have the same policy there. In the loss the penalty is
    not part of what that state is worth, in the return it is.
    """
    found = {}
    for term in TERMS:
        rewards = torch.tensor([0.0, -1.0], dtype=torch.float64)
        policy, with_penalty = maximum(term, rewards, COEF)
        in_loss, in_return = (
            maximum(term, torch.tensor([0.0, float(worth)], dtype=torch.float64), COEF)[0][0].item()
            for worth in (policy @ rewards, with_penalty)
        )
        found[term] = in_return - in_loss
    return found


CLAIM = Claim(
    name="values",
    title="Regularisers inside the return",
    source="Geist, Scherrer and Pietquin 2019 (arXiv 1901.11275), with KL(u || pi) for the regulariser",
    statements=(
        Statement(
            key="convex",
            text="Both penalties are strongly convex in the probabilities: K times the curvature is at least 1.",
            cases=cases(TERMS, "above", 1.0),
        ),
        Statement(
            key="contraction",
            text=f"Value iteration with either contracts: two values get nearer by gamma = {GAMMA} or more.",
            cases=cases(TERMS, "below", GAMMA + 1e-12),
        ),
        Statement(
            key="attained",
            text="Its fixed point is what its policy earns, penalties taken off.",
            cases=cases(TERMS, "equals", 0.0, within=CLOSE),
        ),
        Statement(
            key="best",
            text="No other policy earns more anywhere.",
            cases=cases(TERMS, "below", CLOSE),
        ),
        Statement(
            key="one step",
            text="A penalty in the loss and one in the return lead to the same policy: both choose alike between a "
            "state with one bad action in two and one without (difference of probabilities).",
            cases=cases(TERMS, "equals", 0.0, within=0.01),
        ),
    ),
    measure=measure,
)
