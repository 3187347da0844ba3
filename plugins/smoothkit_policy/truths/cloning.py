"""Clones that learn an expert's actions as smoothed labels: what they do when actions are drawn from them."""

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.targets import LabelSmoothing
from smoothkit_policy.desmoothing import desmoothed
from smoothkit_policy.exploration.mixing import mixed
from smoothkit_policy.truths.bench import Bench, largest
from smoothkit_policy.truths.slopes import minimised

ALPHA = 0.1
ACTIONS = 4
STATES = 6
CLOSE = 1e-6
"""How near a search over logits comes to its optimum."""
EPISODES = {
    "alpha 0.1, K = 4, 100 steps": (0.1, 4, 100),
    "alpha 0.05, K = 2, 500 steps": (0.05, 2, 500),
    "alpha 0.01, K = 2, 500 steps": (0.01, 2, 500),
}


def faultless(alpha: float, actions: int, steps: int) -> float:
    """The probability that an episode of so many draws from a perfect clone has none that the expert would not do."""
    return LabelSmoothing(actions, alpha).masses()[0] ** steps


def cloned(expert: Float64[Tensor, "states actions"]) -> Float64[Tensor, "states actions"]:
    """A table that is fitted to what the expert does, smoothed by `ALPHA`."""
    targets = LabelSmoothing(ACTIONS, ALPHA).distribution(expert)
    return minimised(lambda each: -(targets * each).sum(1), *expert.shape)


def measure(bench: Bench) -> Evidence:
    """Clones of an expert that always does the same, and of one that draws."""
    drawing = bench.logits("expert", STATES, ACTIONS).softmax(1)
    experts = {"sure": torch.nn.functional.one_hot(drawing.argmax(1), ACTIONS).double(), "drawing": drawing}
    values = {}
    for name, expert in experts.items():
        clone = cloned(expert)
        values[place("mixture", name)] = largest(clone - mixed(expert.log(), ALPHA).exp())
        values[place("greedy", name)] = (clone.argmax(1) == expert.argmax(1)).double().mean().item()
        values[place("taken off", name)] = largest(desmoothed(clone, ALPHA) - expert)
    for name, (alpha, actions, steps) in EPISODES.items():
        values[place("harmless", name)] = faultless(alpha, actions, steps)
        values[place("formula", name)] = (
            faultless(alpha, actions, steps) / (1 - alpha * (actions - 1) / actions) ** steps
        )
        values[place("drawn", name)] = drawn(bench, name) - faultless(alpha, actions, steps)
    return Evidence(values=values)


def drawn(bench: Bench, name: str) -> float:
    """The share of episodes without a fault, by drawing from the clone."""
    alpha, actions, steps = EPISODES[name]
    target = LabelSmoothing(actions, alpha)
    labels = torch.zeros(2_000 * steps, dtype=torch.int64)
    done = target.sample(labels, bench.generator(f"cloning {name}"))
    return (done.view(2_000, steps) == 0).all(1).double().mean().item()


CLAIM = Claim(
    name="cloning",
    title="Cloning an expert by smoothed labels",
    source="the optimum of the cross-entropy is its target; powers of the probability that the target leaves the label",
    statements=(
        Statement(
            key="mixture",
            text="The best clone is (1 - alpha) expert + alpha u: with probability alpha it acts at random.",
            cases=cases(("sure", "drawing"), "equals", 0.0, within=CLOSE),
        ),
        Statement(
            key="greedy",
            text="Its greedy action is the expert's (share of states).",
            cases=cases(("sure", "drawing"), "equals", 1.0, within=1e-9),
        ),
        Statement(
            key="taken off",
            text="max(pi - alpha/K, 0), brought to the sum 1, is the expert again.",
            cases=cases(("sure", "drawing"), "equals", 0.0, within=2 * CLOSE),
        ),
        Statement(
            key="harmless",
            text="Drawn from, a clone of a sure expert is hardly worse than he: 9 of 10 episodes are faultless.",
            cases=cases(EPISODES, "above", 0.9),
        ),
        Statement(
            key="formula",
            text="An episode of T steps is faultless with probability (1 - alpha (K - 1)/K)^T (ratio).",
            cases=cases(EPISODES, "equals", 1.0, within=CLOSE),
        ),
        Statement(
            key="drawn",
            text="That is the share of faultless ones among 2,000 that are drawn (difference).",
            cases=tuple(Case(key=name, relation="equals", expected=0.0, within=0.02) for name in EPISODES),
        ),
    ),
    measure=measure,
)
