"""Self-training: by how much smoothing damps the pull of a pseudo-label, at each confidence."""

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Case, Statement, place
from smoothkit.report.figures import CurvesFigure
from smoothkit.targets import LabelSmoothing, OneHot
from smoothkit_principles.claims.gradient import logit_gradient

CLASSES, ALPHA = 10, 0.1
CONFIDENCES = {"q = 0.11": 0.11, "q = 0.4": 0.4, "q = 0.8": 0.8, "q = 0.95": 0.95}
EXACT = 1e-9


def pull_ratio(confidence: float) -> float:
    """The gradient on the pseudo-label's logit over that of a hard one: `(q - t_c)/(q - 1)`, below 0 where it turns.

    >>> [round(pull_ratio(q), 2) for q in CONFIDENCES.values()]
    [0.9, 0.85, 0.55, -0.8]
    """
    return 1 - ALPHA * (1 - 1 / CLASSES) / (1 - confidence)


def ratios(confidences: Float64[Tensor, " rows"]) -> Float64[Tensor, " rows"]:
    """The same by autograd: gradients on the logit of class 0, which each row predicts with this confidence."""
    logits = torch.zeros(len(confidences), CLASSES, dtype=torch.float64)
    logits[:, 0] = (confidences / (1 - confidences) * (CLASSES - 1)).log()
    pseudo = torch.zeros(len(confidences), dtype=torch.int64)
    hard = logit_gradient(OneHot(CLASSES), logits, pseudo)
    smoothed = logit_gradient(LabelSmoothing(CLASSES, ALPHA, "all"), logits, pseudo)
    return smoothed[:, 0] / hard[:, 0]


def measure() -> dict[str, float]:
    """Ratios of pulls."""
    confidences = torch.tensor(list(CONFIDENCES.values()), dtype=torch.float64)
    found = dict(zip(CONFIDENCES, ratios(confidences).tolist(), strict=True))
    values = {place("damping", case): ratio for case, ratio in found.items()}
    values[place("unsure", "q = 0.11")] = found["q = 0.11"] - found["q = 0.8"]
    values[place("turns", "q = 0.95")] = found["q = 0.95"]
    return values


def figure() -> CurvesFigure:
    """The ratio against confidence."""
    confidences = torch.linspace(1 / CLASSES, 0.97, 100, dtype=torch.float64)
    return CurvesFigure(
        title=f"Pull of a pseudo-label (smoothing {ALPHA})",
        x_label="confidence in the pseudo-label",
        y_label="pull over that of a hard one",
        x={"all": tuple(confidences.tolist())},
        y={"all": tuple(ratios(confidences).tolist())},
    )


STATEMENTS = (
    Statement(
        key="unsure",
        text="Smoothing damps pseudo-labels most where the model is unsure of them (q = 0.11 against q = 0.8).",
        cases=(Case(key="q = 0.11", relation="below", expected=0.0),),
    ),
    Statement(
        key="damping",
        text="Smoothing leaves 1 - alpha (1 - 1/K)/(1 - q) of the pull of a pseudo-label with confidence q.",
        cases=tuple(
            Case(key=key, relation="equals", expected=pull_ratio(confidence), within=EXACT)
            for key, confidence in CONFIDENCES.items()
        ),
    ),
    Statement(
        key="turns",
        text="Above the confidence 1 - alpha + alpha/K a smoothed pseudo-label pushes down.",
        cases=(Case(key="q = 0.95", relation="below", expected=0.0),),
    ),
)
