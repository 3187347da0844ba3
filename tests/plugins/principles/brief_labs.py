"""Laboratories whose networks are trained for fewer epochs than by default, once for all tests."""

from dataclasses import replace
from functools import cache

from smoothkit.claims.claim import Claim
from smoothkit_principles.lab import Lab
from tests.plugins.principles.digit_networks import BRIEF
from tests.plugins.principles.judged import certain, judged


@cache
def brief_lab(seed: int) -> Lab:
    """The laboratory of a seed, with every network that a test had trained in it."""
    return Lab(BRIEF, seed)


def judged_briefly(claim: Claim) -> dict[str, str]:
    """The verdicts that the laboratory of one seed leads to: of numbers as they are, as if there were no doubt."""
    return judged(replace(certain(claim), measure=lambda lab: claim.measure(brief_lab(lab.seed))), 1, BRIEF)
