"""The best discriminator: what is found by minimising the loss, against its closed form."""

import torch
from jaxtyping import Float64
from torch import Tensor

from smoothkit.claims.claim import Case, Claim, Evidence, Statement, cases, place
from smoothkit.report.figures import CurvesFigure
from smoothkit_gan.truths.labels import EXAMPLE, LABELS, NONE, ONE_SIDED, SHOWN, Labels

LOG10_RATIOS = torch.linspace(-3, 3, 25, dtype=torch.float64)
"""Of the data's density over the model's, at the places of a table; the middle one is 0."""
CLOSE = 1e-5
"""How near the minimum the search must come."""


def fitted(labels: Labels, log10_ratio: Float64[Tensor, " places"]) -> Float64[Tensor, " places"]:
    """The best discriminator by L-BFGS on the core's loss: a table, with a logit of its own for every place.

    A sample at a place is real with probability r / (1 + r), and fake otherwise.
    """
    target = labels.target()
    share = (log10_ratio * torch.tensor(10.0, dtype=torch.float64).log()).sigmoid()
    is_real, is_fake = (torch.full(share.shape, label) for label in (1, 0))
    logits = torch.zeros_like(share).requires_grad_()
    # The gradient of a logit is the error of its probability, so that this limit is far below what is asked for.
    optimizer = torch.optim.LBFGS(
        [logits], max_iter=500, tolerance_grad=1e-8, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure() -> Float64[Tensor, ""]:
        optimizer.zero_grad()
        on_real, on_fake = (target.from_logit(logits, label, reduction="none") for label in (is_real, is_fake))
        loss = (share * on_real + (1 - share) * on_fake).sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # pyright: ignore[reportArgumentType]
    return logits.detach().sigmoid()


def measure(_: object) -> Evidence:
    """Tables of the best discriminator for each pair of labels."""
    found = {name: fitted(labels, LOG10_RATIOS) for name, labels in LABELS.items()}
    ratio = 10**LOG10_RATIOS
    values = {}
    for name, labels in LABELS.items():
        formula = (labels.real * ratio + labels.fake) / (ratio + 1)
        values[place("optimum", name)] = (found[name] - formula).abs().max().item()
        values[place("equilibrium", name)] = found[name][len(ratio) // 2].item()
        values[place("ceiling", name)] = found[name].max().item()
    for name in ONE_SIDED:
        values[place("scaled", name)] = (found[name] - LABELS[name].real * found[NONE]).abs().max().item()
    return Evidence(values=values, figures={"discriminator": figure(found)})


def figure(found: dict[str, Float64[Tensor, " places"]]) -> CurvesFigure:
    """The best discriminator against the density ratio."""
    return CurvesFigure(
        title=f"The best discriminator (smoothing {EXAMPLE})",
        x_label="log10 of the data's density over the model's",
        y_label="probability of real",
        x=dict.fromkeys(SHOWN, tuple(LOG10_RATIOS.tolist())),
        y={name: tuple(found[name].tolist()) for name in SHOWN},
        marks={"densities agree": 0.0},
    )


CLAIM = Claim(
    name="closed-form",
    title="The best discriminator",
    source="setting p - t of the expected loss to 0; Goodfellow 2016 (arXiv 1701.00160), section 4.2",
    statements=(
        Statement(
            key="optimum",
            text="It is (real p_data + fake p_model)/(p_data + p_model): nowhere is a fitted table further off.",
            cases=cases(LABELS, "equals", 0.0, within=CLOSE),
        ),
        Statement(
            key="scaled",
            text="One-sided smoothing multiplies it by 1 - alpha and changes nothing else.",
            cases=cases(ONE_SIDED, "equals", 0.0, within=CLOSE),
        ),
        Statement(
            key="ceiling",
            text="However few the fakes are, it stays below what it is to say of real samples.",
            cases=cases(LABELS, "below", {name: labels.real for name, labels in LABELS.items()}),
        ),
        Statement(
            key="equilibrium",
            text="Where both densities agree it says (real + fake)/2, which is not 1 - alpha.",
            cases=tuple(
                Case(key=name, relation="equals", expected=labels.equilibrium, within=CLOSE)
                for name, labels in LABELS.items()
            ),
        ),
    ),
    measure=measure,
)
