"""The textbook on a page: every statement with what it expects, what was measured, and the verdict."""

from smoothkit.claims.study import claims_conclusion
from smoothkit.conclusion import Conclusion, Findings
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.claims import CLAIMS


def conclude(findings: Findings) -> Conclusion:
    """A line for each statement; see `smoothkit.claims.study.claims_conclusion`."""
    return claims_conclusion(findings, CLAIMS, load_claim)
