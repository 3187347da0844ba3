"""What a regularised policy of a bandit comes to, and what that costs."""

import math

import torch
from jaxtyping import Float64
from scipy.optimize import root_scalar
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit_policy.exact.operators import Regulariser, maximum
from smoothkit_policy.exploration.entropy import entropy_penalty
from smoothkit_policy.exploration.kl_uniform import kl_uniform_penalty
from smoothkit_policy.truths.bench import Bench, largest
from smoothkit_policy.truths.slopes import minimised

ACTIONS = 4
ROWS = 6
FORWARD, ENTROPY = "kl_uniform", "entropy"
TERMS: tuple[Regulariser, ...] = (FORWARD, ENTROPY)
PENALTIES = {FORWARD: kl_uniform_penalty, ENTROPY: entropy_penalty}
COEFS = (0.1, 0.03, 0.01)
SMALL = (1e-2, 1e-3)
"""Coefficients between which the cost is seen to be linear."""
GAP = 1.0
"""Between the best arm and each of the others, in the example."""
EXAMPLE = torch.tensor([[GAP] + [0.0] * (ACTIONS - 1)], dtype=torch.float64)
FITTED = 1.0
"""The coefficient at which a search finds the optimum to many digits."""


def worst(term: Regulariser, coef: float) -> float:
    """The probability of one of the arms that are worse by `GAP`."""
    return maximum(term, EXAMPLE, coef)[0][0, -1].item()


def cost(term: Regulariser, coef: float) -> float:
    """How much less than the best arm the policy earns."""
    return (ACTIONS - 1) * GAP * worst(term, coef)


def by_root(worth: Float64[Tensor, " actions"], coef: float) -> tuple[Float64[Tensor, " actions"], float]:
    """pi_k = (coef/K)/(mu - Q_k) with the mu that makes them sum to 1, and how far mu is from bound to bound.

    The bounds are Qmax + coef/K and Qmax + coef; at the former that is 0, at the latter 1.
    """
    best = worth.max().item()
    low, high = best + coef / ACTIONS, best + coef

    def surplus(mu: float) -> float:
        return (coef / ACTIONS / (mu - worth)).sum().item() - 1

    found = root_scalar(surplus, bracket=(low, high), method="brentq", xtol=1e-15)
    mu = float(found.root)
    return coef / ACTIONS / (mu - worth), (mu - low) / (high - low)


def measure(bench: Bench) -> Evidence:
    """Optima by formula, by root finding and by search; and the example's, over coefficients."""
    worth = torch.randn(ROWS, ACTIONS, dtype=torch.float64, generator=bench.generator("worth of arms"))
    values = {}
    for term in TERMS:
        loss = PENALTIES[term]
        found = minimised(lambda each, loss=loss: FITTED * loss(each) - (each.exp() * worth).sum(1), ROWS, ACTIONS)
        values[place("optimum", term)] = largest(found - maximum(term, worth, FITTED)[0])
        values[place("annealed", term)] = cost(term, 1e-6)
    roots = [by_root(row, FITTED) for row in worth]
    values[place("root", FORWARD)] = largest(
        torch.stack([policy for policy, _ in roots]) - maximum(FORWARD, worth, FITTED)[0]
    )
    shares = [share for _, share in roots]
    values[place("bracket", "lowest")], values[place("bracket", "highest")] = min(shares), 1 - max(shares)
    for coef in COEFS:
        case = f"coef {coef}"
        values[place("floor", case)] = worst(FORWARD, coef) * ACTIONS * (GAP + coef) / coef
        values[place("bias", case)] = cost(FORWARD, coef) / (coef * (ACTIONS - 1) / ACTIONS)
        values[place("tiny", case)] = math.log(cost(ENTROPY, coef) / ((ACTIONS - 1) * GAP)) / (-GAP / coef)
        values[place("alike", case)] = cost(ENTROPY, coef) / cost(FORWARD, coef)
    ratio = math.log(cost(FORWARD, SMALL[0]) / cost(FORWARD, SMALL[1]))
    for case in LEFT:
        term, _, coef = case.partition(" ")
        values[place("left", case)] = worst(ENTROPY if term == ENTROPY else FORWARD, float(coef))
    values[place("linear", FORWARD)] = ratio / math.log(SMALL[0] / SMALL[1])
    return Evidence(values=values, figures={"cost": figure()})


def figure() -> CurvesFigure:
    """The cost over the coefficient."""
    log10 = torch.linspace(-2, 0.5, 40, dtype=torch.float64).tolist()
    return CurvesFigure(
        title=f"What holding a policy up costs at best (K = {ACTIONS}, one arm better by {GAP:g})",
        x_label="log10 of the coefficient",
        y_label="return lost",
        x={term: tuple(log10) for term in TERMS},
        y={term: tuple(cost(term, 10**each) for each in log10) for term in TERMS},
    )


LEFT = {f"{FORWARD} 0.1": 0.0243, f"{FORWARD} 0.03": 0.0074, f"{FORWARD} 0.01": 0.0025, f"{ENTROPY} 0.1": 4.5e-5}
"""Probabilities of one worse arm to two digits: by the root mu, and by 1/(K - 1 + exp(gap/coef))."""
AT = tuple(f"coef {coef}" for coef in COEFS)
CLAIM = Claim(
    name="fixed-points",
    title="Regularised policies of a bandit, and their price",
    source="setting the derivative of <pi, Q> - coef penalty on the simplex to 0",
    statements=(
        Statement(
            key="root",
            text="With KL(u || pi) it is (coef/K)/(mu - Q_k): root finding for mu comes to what value iteration uses.",
            cases=cases((FORWARD,), "equals", 0.0, within=1e-12),
        ),
        Statement(
            key="bracket",
            text="mu lies between Qmax + coef/K and Qmax + coef (distance to either, as a share).",
            cases=cases(("lowest", "highest"), "above", 0.0),
        ),
        Statement(
            key="optimum",
            text="That, and exp(Q/coef) normalised with KL(pi || u), is what a search over logits finds (difference).",
            cases=cases(TERMS, "equals", 0.0, within=1e-6),
        ),
        Statement(
            key="floor",
            text="KL(u || pi) leaves at least coef/(K (gap + coef)) to every arm (ratio to that).",
            cases=cases(AT, "above", 1.0),
        ),
        Statement(
            key="left",
            text="One of three arms that are worse by 1 keeps this probability.",
            cases=tuple(
                Case(key=key, relation="equals", expected=number, within=0.02 * number) for key, number in LEFT.items()
            ),
        ),
        Statement(
            key="bias",
            text="KL(u || pi) costs no return: what it costs, as a share of coef (K - 1)/K, is 0.",
            cases=cases(AT, "equals", 0.0, within=0.01),
        ),
        Statement(
            key="linear",
            text="Its cost is linear in a small coefficient (slope of the logarithms).",
            cases=cases((FORWARD,), "equals", 1.0, within=0.02),
        ),
        Statement(
            key="tiny",
            text="That of an entropy bonus is exponentially small, (K - 1) gap exp(-gap/coef) (ratio of exponents).",
            cases=cases(AT, "equals", 1.0, within=0.01),
        ),
        Statement(
            key="alike",
            text="At equal coefficients both cost about the same (ratio).",
            cases=cases(AT, "equals", 1.0, within=0.1),
        ),
        Statement(
            key="annealed",
            text="Annealed to 1e-6 neither costs anything.",
            cases=cases(TERMS, "below", 1e-5),
        ),
    ),
    measure=measure,
)
