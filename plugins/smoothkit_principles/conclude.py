"""The textbook on a page: every statement with what it expects, what was measured, and the verdict."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean

from smoothkit.conclusion import Conclusion, Findings
from smoothkit.report.numbers import MISSING
from smoothkit.report.table import Cell, Section, Table, Verdict
from smoothkit.scenario import Result
from smoothkit_principles.catalogue import load_claim
from smoothkit_principles.claim import Case, Claim, Statement, place
from smoothkit_principles.claims import CLAIMS
from smoothkit_principles.verdict import KINDS, answers, defined, interval, kind, verdict

Values = Mapping[str, Sequence[float]]
"""What each seed measured, by `place`, for one claim."""

ROUNDING = 1e-12
"""What is smaller is an error of arithmetic."""

HOLDS: Mapping[bool | None, tuple[str, Verdict]] = {
    True: ("holds", "better"),
    False: ("does not hold", "worse"),
    None: ("not shown", "open"),
}


def conclude(findings: Findings) -> Conclusion:
    """A line for each statement, with every number in the details; of the first variant that has results.

    It is named where there are others. Pictures stand with the runs that they are of.
    """
    variant, results = next((variant, by_seed) for variant, by_seed in findings.results.items() if by_seed)
    of_which = f"{variant}: " if len(findings.results) > 1 else ""
    measured = measured_in(results)
    claims = {name: load_claim(name) for name in measured}
    return Conclusion(
        words=(of_which + counted(claims.values(), measured), *statement_lines(claims.values(), measured)),
        details=tuple(claim_table(claim, measured[name], len(results)) for name, claim in claims.items()),
    )


def measured_in(results: Mapping[int, Result]) -> dict[str, Values]:
    """What the seeds measured, by claim; without the claims that were not asked for."""
    scalars = [result.scalars for result in results.values()]
    return {name: values for name in CLAIMS if (values := values_of(name, scalars))}


def values_of(claim: str, scalars: Sequence[Mapping[str, float]]) -> Values:
    """What the seeds measured for one claim; empty for a claim that was not asked for."""
    prefix = f"{claim}/"
    names = dict.fromkeys(name for by_name in scalars for name in by_name if name.startswith(prefix))
    return {name.removeprefix(prefix): [by_name[name] for by_name in scalars if name in by_name] for name in names}


def judged(claim: Claim, measured: Mapping[str, Values]) -> list[tuple[Statement, str]]:
    """The statements of a claim, each with its verdict."""
    return [(statement, verdict(statement, measured[claim.name])) for statement in claim.statements]


def counted(claims: Iterable[Claim], measured: Mapping[str, Values]) -> str:
    """How many statements there are of each kind."""
    found = Counter(kind(words) for claim in claims for _, words in judged(claim, measured))
    said = ", ".join(f"{found[each]} {each}" for each in KINDS if found[each])
    return f"Of {sum(found.values())} statements: {said}."


def statement_lines(claims: Iterable[Claim], measured: Mapping[str, Values]) -> Iterator[str]:
    """Of each statement one line: verdict, statement, what it expects and what was measured."""
    for claim in claims:
        for words, text, expected, found in statement_cells(claim, measured):
            yield f"{_loud(words)}: {text} Expected {expected}; measured {found}."


def statement_cells(claim: Claim, measured: Mapping[str, Values]) -> Iterator[tuple[str, str, str, str]]:
    """Of each statement of a claim the verdict, the statement, what it expects and what was measured."""
    for statement, words in judged(claim, measured):
        expected = _by_case(statement, {case.key: expected_words(case) for case in statement.cases})
        found = _by_case(statement, _measured_by_case(statement, measured[claim.name]))
        yield words, statement.text, expected, found


def claim_table(claim: Claim, values: Values, seeds: int) -> Table:
    """A section per statement, under the statement and its verdict; a row per case."""
    spread = (f"Measured: mean ± half of its 95 % interval over {seeds} seeds.",) if seeds > 1 else ()
    return Table(
        title=claim.title,
        columns=("case", "expected", "measured", "verdict"),
        numeric=(False, True, True, False),
        sections=tuple(
            Section(
                heading=f"{verdict(statement, values)}: {statement.text}",
                rows=_rows(statement, values),
            )
            for statement in claim.statements
        ),
        notes=(f"Source: {claim.source}.", *spread),
    )


def expected_words(case: Case) -> str:
    """What a case expects, in signs.

    >>> expected_words(Case(key="all", relation="equals", expected=2.944439, within=1e-6))
    '2.944 ± 1e-06'
    >>> expected_words(Case(key="all", relation="equals", expected=1.0, within=0.05))
    '1 ± 0.05'
    >>> expected_words(Case(key="all", relation="above", expected=0.0))
    '> 0'
    """
    number = f"{case.expected:.4g}"
    if case.relation == "above":
        return f"> {number}"
    if case.relation == "below":
        return f"< {number}"
    return f"{number} ± {case.within:.2g}" if case.within else number


def _rows(statement: Statement, values: Values) -> tuple[tuple[Cell, ...], ...]:
    found, judged_cases = _measured_by_case(statement, values), answers(statement, values)
    rows = []
    for case in statement.cases:
        words, colour = HOLDS[judged_cases[case.key]]
        cells = Cell(text=case.key), Cell(text=expected_words(case)), Cell(text=found[case.key])
        rows.append((*cells, Cell(text=words, verdict=colour)))
    return tuple(rows)


def _measured_by_case(statement: Statement, values: Values) -> dict[str, str]:
    return {case.key: measured_words(values.get(place(statement.key, case.key), ())) for case in statement.cases}


def _by_case(statement: Statement, texts: Mapping[str, str]) -> str:
    """The texts of the cases, each with its key unless all are alike."""
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    return "; ".join(f"{texts[case.key]} ({case.key})" for case in statement.cases)


def measured_words(values: Sequence[float]) -> str:
    """The mean of what the seeds measured, with half of its 95 % interval where they differ.

    Errors of arithmetic are nothing. Of seeds in which the number is not defined only how many they are is said.

    >>> measured_words([0.25, 0.25]), measured_words([1.0, 2.0, 3.0]), measured_words([1.0, float("nan"), 2.0])
    ('0.25', '2 ± 2.5', '1.5 ± 6.4 (2 of 3 seeds)')
    """
    found = defined(values)
    if not found:
        return MISSING
    mean = fmean(found)
    low, high = interval(found)
    words = "0" if abs(mean) < ROUNDING else f"{mean:.4g}"
    # Four digits are shown: what is far beyond them is not.
    if (half := (high - low) / 2) > max(ROUNDING, 1e-5 * abs(mean)):
        words += f" ± {half:.2g}"
    return words if len(found) == len(values) else f"{words} ({len(found)} of {len(values)} seeds)"


def _loud(words: str) -> str:
    """A verdict that is seen from afar; in what a verdict holds stays as it is.

    >>> _loud("true for alpha = 0.05"), _loud("not shown"), _loud("false for all; not shown for others")
    ('TRUE for alpha = 0.05', 'NOT SHOWN', 'FALSE for all; not shown for others')
    """
    if words in KINDS:
        return words.upper()
    first, rest = words.split(" ", 1)
    return f"{first.upper()} {rest}"
