"""The table of truths: every statement with what it expects, what was measured, and the verdict."""

from smoothkit.claims.study import claims_conclusion
from smoothkit.conclusion import Conclusion, Findings
from smoothkit_policy.truths import TRUTHS
from smoothkit_policy.truths.catalogue import load_truth


def conclude(findings: Findings) -> Conclusion:
    """A line for each statement; see `smoothkit.claims.study.claims_conclusion`."""
    return claims_conclusion(findings, TRUTHS, load_truth)
