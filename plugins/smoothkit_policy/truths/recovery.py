"""Policies that are nearly sure of a bad arm and learn from what they draw: which regulariser brings them back."""

from collections.abc import Iterable, Mapping
from statistics import fmean

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from smoothkit.claims.claim import Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit_policy.config import ExplorationConfig, Term
from smoothkit_policy.exploration.naive import policy_gradient
from smoothkit_policy.exploration.terms import Exploration
from smoothkit_policy.truths.bench import Bench

WORTH = (0.5, 1.0, 0.0, 0.0)
"""Rewards of the arms; policies begin nearly sure of the first one."""
STARTS = {"1e-2": 1e-2, "1e-6": 1e-6}
"""What all other arms have together in the beginning."""
KINDS: dict[str, tuple[Term, float]] = {
    "none": ("none", 0.0),
    "entropy 0.1": ("entropy", 0.1),
    "entropy 0.5": ("entropy", 0.5),
    "kl_uniform 0.1": ("kl_uniform", 0.1),
    "smoothed_target 0.1": ("smoothed_target", 0.1),
    "naive 0.1": ("naive_label_smoothing", 0.1),
    "naive 0.3": ("naive_label_smoothing", 0.3),
    "mix 0.1": ("mix", 0.1),
}
BACK = 0.5
"""Probability of the best arm from which a policy counts as brought back."""
MARKS = 50
"""Points of a curve."""
CPU = torch.device("cpu")

Curve = tuple[float, ...]


class Bandits:
    """Policies of one kind that all learn the same bandit, each from its own draws, by the plain policy gradient.

    The advantage is the reward less its exact mean under what is drawn by, so that nothing else is learned.
    """

    def __init__(self, bench: Bench, kind: str, start: str):
        term, coef = KINDS[kind]
        self.options, self.generator = bench.recovery, bench.generator(f"recovery {kind} {start}")
        self.exploration = Exploration([ExplorationConfig(term=term, coef=coef)] * self.options.agents, 4, CPU)
        others = STARTS[start]
        begin = torch.tensor([1 - others] + [others / 3] * 3)
        self.logits = begin.log().expand(self.options.agents, -1).clone()
        self.worth = torch.tensor(WORTH)

    def step(self) -> None:
        """One update from a batch of draws."""
        exploration, batch = self.exploration, self.options.batch_size
        log_probs = self.logits.log_softmax(1).unsqueeze(1)
        acting = exploration.behaviour(log_probs)
        policy = acting.exp().squeeze(1)
        actions = policy.multinomial(batch, replacement=True, generator=self.generator)
        advantages = self.worth[actions] - (policy * self.worth).sum(1, keepdim=True)
        gradient = self.sampled(log_probs.expand(-1, batch, -1), acting, actions, advantages).mean(1)
        gradient = gradient.unsqueeze(1)
        exploration.add_gradient(gradient, log_probs, torch.ones(len(gradient), 1))
        self.logits -= self.options.lr * gradient.squeeze(1)

    def sampled(
        self, log_probs: Float32[Tensor, "agents batch actions"], acting: Float32[Tensor, "agents 1 actions"],
        actions: Int64[Tensor, "agents batch"], advantages: Float32[Tensor, "agents batch"],
    ) -> Float32[Tensor, "agents batch actions"]:  # fmt: skip
        """The gradient of each draw, as the term has it."""
        exploration = self.exploration
        if exploration.term_family == "smoothed_target":
            return exploration.target_gradient(log_probs, actions, advantages)[0]
        if exploration.term_family == "naive_label_smoothing":
            return exploration.naive_gradient(log_probs, actions, advantages, advantages)
        share = exploration.gradient_share(acting.squeeze(1).gather(1, actions))
        weights = advantages if share is None else advantages * share
        return weights.unsqueeze(2) * policy_gradient(log_probs, actions)

    def best(self) -> Float32[Tensor, " agents"]:
        """The probability of the best arm."""
        return self.logits.softmax(1)[:, self.worth.argmax()]


def trained(bench: Bench, kind: str, start: str) -> Curve:
    """The mean probability of the best arm on the way, at equal distances."""
    bandits, curve = Bandits(bench, kind, start), []
    marks = set(torch.linspace(0, bench.recovery.updates - 1, MARKS).round().int().tolist())
    for update in range(bench.recovery.updates):
        bandits.step()
        if update in marks:
            curve.append(bandits.best().mean().item())
    return tuple(curve)


def measure(bench: Bench) -> Evidence:
    """Every kind from every start."""
    curves = {(kind, start): trained(bench, kind, start) for start in STARTS for kind in KINDS}
    ends = {found: curve[-1] for found, curve in curves.items()}
    values = {place(key, f"{kind} from {start}"): ends[kind, start] for key, kind, start in JUDGED}
    for kind in WITHOUT_PULL:
        values[place("sooner", kind)] = fmean(curves[kind, EASY]) - fmean(curves["none", EASY])
    values[place("price", "coef 0.1")] = ends["kl_uniform 0.1", EASY] - ends["entropy 0.1", EASY]
    figures = {f"from {start}": figure(bench, start, curves) for start in STARTS}
    return Evidence(values=values, figures=figures)


def figure(bench: Bench, start: str, curves: Mapping[tuple[str, str], Curve]) -> CurvesFigure:
    """The way of every kind from one start."""
    shown = {kind: curves[kind, start] for kind in KINDS}
    return CurvesFigure(
        title=f"Policies that begin nearly sure of a bad arm, {start} for the others",
        x_label="share of the training",
        y_label="probability of the best arm",
        x={kind: tuple(at / (len(curve) - 1) for at in range(len(curve))) for kind, curve in shown.items()},
        y={**shown},
    )


def of(key: str, *kinds: str, starts: Iterable[str] = tuple(STARTS)) -> tuple[tuple[str, str, str], ...]:
    """The places of a statement about these kinds."""
    return tuple((key, kind, start) for kind in kinds for start in starts)


EASY, HARD = STARTS
WITHOUT_PULL = ("naive 0.1", "naive 0.3", "mix 0.1")
JUDGED = (
    *of("by itself", "none"),
    *of("kl_uniform", "kl_uniform 0.1"),
    *of("smoothed_target", "smoothed_target 0.1"),
    *of("entropy", "entropy 0.1", "entropy 0.5"),
    *of("others", *WITHOUT_PULL, starts=(HARD,)),
)
"""Statement, kind and start of what is said of the end of training."""


def brought_back(key: str, text: str) -> Statement:
    """That the best arm is likely in the end."""
    names = tuple(f"{kind} from {start}" for statement, kind, start in JUDGED if statement == key)
    return Statement(key=key, text=text, cases=cases(names, "above", BACK), of_training=True)


CLAIM = Claim(
    name="recovery",
    title="Coming back from a policy that is nearly sure of a bad arm",
    source="plain policy gradients with exact baselines, on a bandit whose arms are worth 0.5, 1, 0 and 0",
    statements=(
        brought_back("by itself", "The policy gradient finds the best arm without any regulariser."),
        brought_back("kl_uniform", "KL(u || pi) brings the policy back."),
        brought_back("smoothed_target", "Smoothing the improved policy brings it back too."),
        brought_back("entropy", "An entropy bonus brings it back."),
        brought_back(
            "others", "Smoothing the label of the action taken brings it back, or mixing u into the behaviour does."
        ),
        Statement(
            key="sooner",
            text=f"Both help at least where no help is needed, from {EASY}: the best arm is likelier on the way than "
            "without.",
            cases=cases(WITHOUT_PULL, "above", 0.0),
            of_training=True,
        ),
        Statement(
            key="price",
            text="Where both bring it back, KL(u || pi) ends as good as an entropy bonus with the same coefficient: it "
            "gives the best arm no less, but for 0.02.",
            cases=cases(("coef 0.1",), "above", -0.02),
            of_training=True,
        ),
    ),
    measure=measure,
)
