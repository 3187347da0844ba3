"""The page of the textbook: every statement with what it expects, what was measured, and the verdict."""

from collections import Counter
from collections.abc import Mapping, Sequence

from smoothkit.conclusion import Conclusion, Findings
from smoothkit.report.numbers import MISSING
from smoothkit.report.table import Cell, Section, Table, Verdict
from smoothkit.statistics import deviation
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.claim import Case, Claim, Statement, place
from smoothkit_principles.claims import CLAIMS
from smoothkit_principles.verdict import FALSE, NOT_SHOWN, TRUE, holds, verdict

Values = Mapping[str, Sequence[float]]
"""What each seed measured, by `place`, for one claim."""

WORDS: Mapping[bool | None, tuple[str, Verdict]] = {
    True: ("holds", "better"),
    False: ("does not hold", "worse"),
    None: ("not shown", "open"),
}


def conclude(findings: Findings) -> Conclusion:
    """A table with a section per statement, and a sentence per claim; of the first variant that has results."""
    results = next(by_seed for by_seed in findings.results.values() if by_seed)
    measured = {name: values_of(name, [result.scalars for result in results.values()]) for name in CLAIMS}
    claims = {name: load_claim(name) for name, values in measured.items() if values}
    judged = {
        name: [(statement, verdict(statement, measured[name])) for statement in claim.statements]
        for name, claim in claims.items()
    }
    first = next(iter(results.values()))
    return Conclusion(
        words=(_count(judged), *(f"{claims[name].title}: {_sentence(found)}" for name, found in judged.items())),
        tables=tuple(claim_table(claim, measured[name], len(results)) for name, claim in claims.items()),
        figures=first.figures,
    )


def values_of(claim: str, scalars: Sequence[Mapping[str, float]]) -> Values:
    """What the seeds measured for one claim; empty for a claim that was not asked for."""
    prefix = f"{claim}/"
    names = dict.fromkeys(name for by_name in scalars for name in by_name if name.startswith(prefix))
    return {
        name.removeprefix(prefix): [by_name[name] for by_name in scalars if name in by_name] for name in names
    }


def claim_table(claim: Claim, values: Values, seeds: int) -> Table:
    """A section per statement, under the statement and its verdict; a row per case."""
    sections = tuple(
        Section(
            heading=f"{verdict(statement, values).upper()}: {statement.text}",
            rows=tuple(_row(statement, case, values) for case in statement.cases),
        )
        for statement in claim.statements
    )
    return Table(
        title=claim.title,
        columns=("case", "expected", "measured", ""),
        numeric=(False, True, True, False),
        sections=sections,
        notes=(f"Source: {claim.source}.", *((f"Measured: mean ± standard deviation over {seeds} seeds.",) if seeds > 1 else ())),
    )


def expected_words(case: Case) -> str:
    """What a case expects, in signs.

    >>> expected_words(Case(key="all", relation="equals", expected=2.944439, within=1e-6))
    '2.944 ± 1e-06'
    """
    number = f"{case.expected:.4g}"
    if case.relation == "equals":
        return f"{number} ± {case.within:.1g}"
    return f"> {number}" if case.relation == "above" else f"< {number}"


def _row(statement: Statement, case: Case, values: Values) -> tuple[Cell, ...]:
    found = values.get(place(statement.key, case.key), ())
    words, colour = WORDS[holds(case, found)]
    return (Cell(text=case.key), Cell(text=expected_words(case)), Cell(text=_measured(found)), Cell(text=words, verdict=colour))


def _measured(values: Sequence[float]) -> str:
    if not values:
        return MISSING
    mean = sum(values) / len(values)
    spread = deviation(values) if len(values) > 1 else 0.0
    return f"{mean:.4g} ± {spread:.2g}" if spread > 0 else f"{mean:.4g}"


def _count(judged: Mapping[str, Sequence[tuple[Statement, str]]]) -> str:
    found = Counter(
        words if words in (TRUE, FALSE, NOT_SHOWN) else "true in part" for each in judged.values() for _, words in each
    )
    said = ", ".join(f"{found[words]} {words}" for words in (TRUE, "true in part", FALSE, NOT_SHOWN) if found[words])
    return f"Of {sum(found.values())} statements: {said}."


def _sentence(judged: Sequence[tuple[Statement, str]]) -> str:
    return " ".join(f"“{statement.text}” {words}." for statement, words in judged)
