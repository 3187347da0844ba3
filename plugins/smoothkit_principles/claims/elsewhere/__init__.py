"""What is said of smoothing in self-training, adversarial, reinforcement and federated learning: the formulas alone."""

from smoothkit.claims.claim import Claim, Evidence
from smoothkit_principles.claims.elsewhere import discriminator, leakage, policy, pseudo_labels
from smoothkit_principles.lab import Lab


def measure(lab: Lab) -> Evidence:
    """All four parts."""
    return Evidence(
        values={
            **pseudo_labels.measure(),
            **discriminator.measure(),
            **policy.measure(lab.generator("elsewhere/policy")),
            **leakage.measure(lab.generator("elsewhere/leakage")),
        },
        figures={
            "pseudo-labels": pseudo_labels.figure(),
            "discriminator": discriminator.figure(),
            "policy": policy.figure(),
            "leakage": leakage.figure(lab.generator("elsewhere/leakage/figure")),
        },
    )


CLAIM = Claim(
    name="elsewhere",
    title="Smoothing elsewhere",
    source="Goodfellow 2016 and Salimans et al. 2016 for discriminators; the rest by setting p - t to work",
    statements=(*pseudo_labels.STATEMENTS, *discriminator.STATEMENTS, *policy.STATEMENTS, *leakage.STATEMENTS),
    measure=measure,
)
