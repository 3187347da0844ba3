"""How long a regulariser alone takes to bring a policy back that is nearly sure: by closed form and by integration."""

import math
from collections.abc import Callable

import numpy as np
import torch
from scipy.integrate import solve_ivp
from scipy.special import exp1, expi

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit_policy.exploration.entropy import entropy_gradient
from smoothkit_policy.exploration.kl_uniform import kl_uniform_gradient
from smoothkit_policy.truths.bench import Bench

FORWARD, ENTROPY = "kl_uniform", "entropy"
GRADIENTS = {FORWARD: kl_uniform_gradient, ENTROPY: entropy_gradient}
ACTIONS = (2, 4)
STARTS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)
"""What all other actions have together in the beginning."""
CASES = tuple(f"{eps:g}, K = {actions}" for actions in ACTIONS for eps in STARTS)


def margin(share: float, actions: int) -> float:
    """By how much the favourite's logit is above the others', which have `share` together."""
    return math.log((1 - share) * (actions - 1) / share)


def escape_time(term: str, share: float, actions: int) -> float:
    """Time until the others have half of what the uniform policy gives them, times the coefficient, by closed form.

    Under gradient flow of the logits the margin d falls by pi_1 - pi_2 = (e^d - 1)/(e^d + K - 1) with KL(u || pi), and
    by K pi_1 pi_2 d with KL(pi || u), where pi_1 is the favourite's and pi_2 any other's probability.
    """
    others = actions - 1

    def primitive(d: float) -> float:
        if term == FORWARD:
            return d + actions * math.log(-math.expm1(-d))
        return float(expi(d) + 2 * others * math.log(d) - others**2 * exp1(d)) / actions

    return primitive(margin(share, actions)) - primitive(margin(others / actions / 2, actions))


def integrated_time(term: str, share: float, actions: int) -> float:
    """The same by following all logits under the gradients that training uses."""

    def flow(_: float, logits: np.ndarray) -> np.ndarray:
        return -GRADIENTS[term](torch.from_numpy(logits).log_softmax(0)).numpy()

    def is_out(_: float, logits: np.ndarray) -> float:
        others = 1 - torch.from_numpy(logits).softmax(0)[0].item()
        return others - (actions - 1) / actions / 2

    # The solver looks for the end by this name.
    is_out.terminal = True  # pyright: ignore[reportFunctionMemberAccess]
    start = np.array([margin(share, actions)] + [0.0] * (actions - 1))
    found = solve_ivp(flow, (0, 1e7), start, method="LSODA", events=is_out, rtol=1e-10, atol=1e-12)
    return float(found.t_events[0][0])


def at_all(measured: Callable[[float, int], float]) -> dict[str, float]:
    """A number for every start and number of actions, by the name of the case."""
    numbers = [measured(eps, actions) for actions in ACTIONS for eps in STARTS]
    return dict(zip(CASES, numbers, strict=True))


def measure(_: Bench) -> Evidence:
    """Times of both penalties from every start."""
    values = {}
    for term in GRADIENTS:
        for case, number in at_all(
            lambda eps, actions, term=term: integrated_time(term, eps, actions) / escape_time(term, eps, actions) - 1
        ).items():
            values[place(f"closed form of {term}", case)] = number
    ratio = at_all(lambda eps, actions: escape_time(ENTROPY, eps, actions) / escape_time(FORWARD, eps, actions))
    values |= {place("as surely", case): number for case, number in ratio.items()}
    for actions in ACTIONS:
        case = f"K = {actions}"
        later, sooner = escape_time(FORWARD, 1e-6, actions), escape_time(FORWARD, 1e-4, actions)
        values[place("logarithmic", case)] = (later - sooner) / math.log(100)
        law = (actions - 1) / actions / (1e-6 * math.log((actions - 1) / 1e-6))
        values[place("hyperbolic", case)] = escape_time(ENTROPY, 1e-6, actions) / law
    return Evidence(values=values, figures={"times": figure()})


def figure() -> CurvesFigure:
    """Times over starts; logarithms of both, as they span so much."""
    log10 = torch.linspace(-7, -1, 31, dtype=torch.float64).tolist()
    terms = {f"{term}, K = 4": term for term in GRADIENTS}
    return CurvesFigure(
        title="How long it takes to bring a sure policy back",
        x_label="log10 of what the other actions have together",
        y_label="log10 of time times coefficient",
        x=dict.fromkeys(terms, tuple(log10)),
        y={name: tuple(math.log10(escape_time(term, 10**eps, 4)) for eps in log10) for name, term in terms.items()},
    )


CLAIM = Claim(
    name="escape",
    title="How long it takes to bring a sure policy back",
    source="integrating the flow of the margin between two logits; Mei et al. 2020 (arXiv 2010.11364) on slow escapes",
    statements=(
        Statement(
            key=f"closed form of {FORWARD}",
            text="With KL(u || pi) it takes [d + K log(1 - exp(-d))] between both margins, over coef (relative error).",
            cases=cases(CASES, "equals", 0.0, within=1e-6),
        ),
        Statement(
            key=f"closed form of {ENTROPY}",
            text="With KL(pi || u) it takes [Ei(d) + 2 (K - 1) log d - (K - 1)² E1(d)]/K between them, over coef "
            "(relative error).",
            cases=cases(CASES, "equals", 0.0, within=1e-6),
        ),
        Statement(
            key="logarithmic",
            text="With KL(u || pi) that is log(1/eps)/coef and a constant: 100 times as sure is log(100)/coef more "
            "(ratio).",
            cases=cases((f"K = {actions}" for actions in ACTIONS), "equals", 1.0, within=0.01),
        ),
        Statement(
            key="hyperbolic",
            text="With KL(pi || u) it is (K - 1)/(K eps log((K - 1)/eps))/coef, from eps = 1e-6 (ratio).",
            cases=cases((f"K = {actions}" for actions in ACTIONS), "equals", 1.0, within=0.1),
        ),
        Statement(
            key="as surely",
            text="An entropy bonus brings a sure policy back as KL(u || pi) does: in at most twice the time.",
            cases=cases(CASES, "below", 2.0),
        ),
    ),
    measure=measure,
)
