"""KL(u || pi), which label smoothing adds, and KL(pi || u), which an entropy bonus adds: alike in the middle alone."""

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit_policy.exploration.entropy import entropy_gradient, entropy_penalty
from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient, kl_uniform_penalty
from smoothkit_policy.truths.bench import Bench, largest

ACTIONS = 4
FORWARD, REVERSE = "KL(u || pi)", "KL(pi || u)"
PENALTIES = {FORWARD: kl_uniform_penalty, REVERSE: entropy_penalty}
GRADIENTS = {FORWARD: kl_uniform_gradient, REVERSE: entropy_gradient}
NEAR = 1e-3
"""Deviation of logits from 0 that is near the uniform policy."""
STARVED = {"pi_k = 1e-3": 1e-3, "pi_k = 1e-6": 1e-6}
EXTREME = 200.0
"""Deviation of logits of policies that are sure."""


def starved(probability: float) -> Float64[Tensor, "1 actions"]:
    """The log-probabilities of a policy whose last action has this probability, and the others as much each."""
    others = (1 - probability) / (ACTIONS - 1)
    return torch.tensor([[others] * (ACTIONS - 1) + [probability]], dtype=torch.float64).log()


def pull(name: str, probability: float) -> float:
    """How strongly the penalty pulls the logit of a starved action up."""
    return -GRADIENTS[name](starved(probability))[0, -1].item()


def measure(bench: Bench) -> Evidence:
    """Penalties and gradients near u, at a starved action and at policies that are sure."""
    near = bench.logits("directions", 100, ACTIONS, NEAR).log_softmax(1)
    square = ACTIONS / 2 * (near.exp() - 1 / ACTIONS).square().sum(1)
    sure = bench.logits("sure", 1_000, ACTIONS, EXTREME).log_softmax(1)
    values = {}
    for name, penalty in PENALTIES.items():
        values[place("second order", name)] = largest(penalty(near) / square - 1)
        values[place("bounded", name)] = penalty(sure).max().item()
    forward, reverse = (GRADIENTS[name](near) for name in (FORWARD, REVERSE))
    values[place("same", "near u")] = ((forward - reverse).norm() / forward.norm()).item()
    for name, probability in STARVED.items():
        values[place("same", name)] = 1 - pull(REVERSE, probability) / pull(FORWARD, probability)
        values[place("constant", name)] = pull(FORWARD, probability)
        values[place("fades", name)] = pull(REVERSE, probability) / (probability * math.log(1 / probability))
        both = 0.5 * pull(FORWARD, probability) + 0.5 * pull(REVERSE, probability)
        values[place("symmetric", name)] = both / pull(FORWARD, probability)
    values[place("explodes", "largest")] = kl_uniform_gradient(sure).max().item()
    values[place("explodes", "smallest")] = -kl_uniform_gradient(sure).min().item()
    return Evidence(values=values, figures={"pull": figure()})


def figure() -> CurvesFigure:
    """How strongly a starved action is pulled back, over its probability."""
    log10 = torch.linspace(-8, math.log10(1 / ACTIONS), 40, dtype=torch.float64).tolist()
    return CurvesFigure(
        title=f"How a penalty pulls a starved action back (K = {ACTIONS})",
        x_label="log10 of its probability",
        y_label="pull on its logit",
        x=dict.fromkeys(GRADIENTS, tuple(log10)),
        y={name: tuple(pull(name, 10**each) for each in log10) for name in GRADIENTS},
    )


CLAIM = Claim(
    name="directions",
    title="The two directions of the divergence from u",
    source="their gradients pi - u and pi (log pi + H); Agarwal et al. 2021 (arXiv 1908.00261) on the difference",
    statements=(
        Statement(
            key="second order",
            text="Near the uniform policy both are (K/2) |pi - u|² (relative difference).",
            cases=cases(PENALTIES, "equals", 0.0, within=0.01),
        ),
        Statement(
            key="same",
            text="Label smoothing is an entropy bonus: gradients of both penalties are the same (relative difference).",
            cases=cases(("near u", *STARVED), "equals", 0.0, within=0.01),
        ),
        Statement(
            key="constant",
            text="KL(u || pi) pulls a starved action back by 1/K, however starved it is.",
            cases=cases(STARVED, "equals", 1 / ACTIONS, within=0.002),
        ),
        Statement(
            key="fades",
            text="KL(pi || u) pulls it back by pi_k log(1/pi_k), which fades with it (ratio to that).",
            cases=cases(STARVED, "equals", 1.0, within=0.25),
        ),
        Statement(
            key="bounded",
            text="A policy that is sure costs log K at most.",
            cases=cases(PENALTIES, "below", math.log(ACTIONS) + 1e-9),
        ),
        Statement(
            key="explodes",
            text="KL(u || pi) has no bound, and so its gradient needs clipping: on logits it goes beyond 1.",
            cases=cases(("largest", "smallest"), "above", 1.0),
        ),
        Statement(
            key="symmetric",
            text="The mean of both has half the pull of KL(u || pi) on a starved action, and keeps it.",
            cases=cases(STARVED, "equals", 0.5, within=0.02),
        ),
    ),
    measure=measure,
)
