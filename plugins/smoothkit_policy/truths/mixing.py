"""Acting by (1 - epsilon) pi + epsilon u: what is seen, and what is learned from it."""

import torch

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit_policy.exploration.mixing import gradient_share, mixed
from smoothkit_policy.exploration.naive import policy_gradient
from smoothkit_policy.truths.bench import Bench, largest
from smoothkit_policy.truths.slopes import slopes

ACTIONS = 4
ROWS = 200
SHARES = {"epsilon 0.1": 0.1, "epsilon 0.5": 0.5}
RARE = 1e-6
"""Probability of a starved action."""
ROUNDED = 1e-12
"""An error of arithmetic at most."""


def measure(bench: Bench) -> Evidence:
    """The gradient through mixtures of random policies, and what a starved action learns on average."""
    logits = bench.logits("mixing", ROWS, ACTIONS)
    log_probs = logits.log_softmax(1)
    actions = torch.randint(ACTIONS, (ROWS,), generator=bench.generator("mixing actions"))
    worth = torch.randn(ROWS, ACTIONS, dtype=torch.float64, generator=bench.generator("mixing worth"))
    chosen = actions.unsqueeze(1)
    plain = slopes(lambda each: (each.exp() * worth).sum(1), logits)
    starved = torch.tensor([[1 - RARE] + [RARE / (ACTIONS - 1)] * (ACTIONS - 1)], dtype=torch.float64).log()
    values = {}
    for name, epsilon in SHARES.items():
        acting = mixed(log_probs, epsilon)
        share = gradient_share(acting.gather(1, chosen), epsilon, ACTIONS)
        found = slopes(lambda each, epsilon=epsilon: -mixed(each, epsilon).gather(1, chosen), logits)
        values[place("share", name)] = largest(found - share * policy_gradient(log_probs, actions))
        learned = slopes(lambda each, epsilon=epsilon: (mixed(each, epsilon).exp() * worth).sum(1), logits)
        values[place("learned", name)] = largest(learned - (1 - epsilon) * plain)
        seen = mixed(starved, epsilon)[0, -1]
        values[place("seen", name)] = seen.exp().item()
        values[place("as much", name)] = gradient_share(seen, epsilon, ACTIONS).item()
        values[place("faster", name)] = (learned.norm() / plain.norm()).item()
    return Evidence(values=values)


CLAIM = Claim(
    name="mixing",
    title="Mixing the uniform distribution into the behaviour",
    source="the derivative of log((1 - epsilon) pi_a + epsilon/K), with which actions are drawn and learned from",
    statements=(
        Statement(
            key="seen",
            text=f"An action of probability {RARE:g} is seen as often as epsilon/K says.",
            cases=cases(SHARES, "equals", {name: each / ACTIONS for name, each in SHARES.items()}, within=2e-6),
        ),
        Statement(
            key="share",
            text="Of the gradient of an action that was drawn (1 - epsilon) pi_a/m_a is left, where m is the mixture.",
            cases=cases(SHARES, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="as much",
            text="A starved action that is drawn is learned from as much as without mixing.",
            cases=cases(SHARES, "equals", 1.0, within=0.01),
        ),
        Statement(
            key="learned",
            text="On average the gradient of the return is 1 - epsilon times that of the policy (difference).",
            cases=cases(SHARES, "equals", 0.0, within=ROUNDED),
        ),
        Statement(
            key="faster",
            text="Because starved actions are seen, the return of the policy grows faster (ratio of gradients).",
            cases=cases(SHARES, "above", 1.0),
        ),
    ),
    measure=measure,
)
