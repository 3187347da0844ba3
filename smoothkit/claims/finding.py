"""What measurements say of a claim: every statement with what it expects, what was measured, and the verdict."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

from smoothkit.claims.claim import Case, Claim, Statement, place
from smoothkit.claims.verdict import KINDS, answers, defined, interval, kind, verdict
from smoothkit.report.numbers import MISSING
from smoothkit.report.table import Cell, Section, Table, Verdict

Values = Mapping[str, Sequence[float]]
"""What each seed measured, by `place`, for one claim."""

ROUNDING = 1e-12
"""What is smaller is an error of arithmetic."""

HOLDS: Mapping[bool | None, tuple[str, Verdict]] = {
    True: ("holds", "better"),
    False: ("does not hold", "worse"),
    None: ("not shown", "open"),
}


class Finding(NamedTuple):
    """What a study says of one statement, in words; of several cases each with its key where they differ."""

    statement: str
    source: str
    expected: str
    tolerance: str
    """How far from what is expected still counts as equal; empty where nothing is to be equal."""
    measured: str
    verdict: str


def values_of(claim: str, scalars: Sequence[Mapping[str, float]]) -> Values:
    """What the seeds measured for one claim; empty for a claim that was not asked for."""
    prefix = f"{claim}/"
    names = dict.fromkeys(name for by_name in scalars for name in by_name if name.startswith(prefix))
    return {name.removeprefix(prefix): [by_name[name] for by_name in scalars if name in by_name] for name in names}


def findings_of(claim: Claim, values: Values) -> list[Finding]:
    """What `values` say of each statement of a claim."""
    return [
        Finding(
            statement=statement.text,
            source=claim.source,
            expected=_by_case(statement, {case.key: expected_words(case) for case in statement.cases}),
            tolerance=_by_case(statement, {case.key: tolerance_words(case) for case in statement.cases}),
            measured=_by_case(statement, _measured_by_case(statement, values)),
            verdict=verdict(statement, values),
        )
        for statement in claim.statements
    ]


def counted(found: Sequence[Finding]) -> str:
    """How many statements there are of each kind."""
    counts = Counter(kind(each.verdict) for each in found)
    said = ", ".join(f"{counts[each]} {each}" for each in KINDS if counts[each])
    return f"Of {len(found)} statements: {said}."


def line(found: Finding) -> str:
    """Verdict, statement, what it expects and what was measured."""
    within = f", within {found.tolerance}" if found.tolerance else ""
    return f"{_loud(found.verdict)}: {found.statement} Expected {found.expected}{within}; measured {found.measured}."


def claim_table(claim: Claim, values: Values, seeds: int, variant: str | None = None) -> Table:
    """A section per statement, under the statement and its verdict; a row per case. A variant is named in the title."""
    spread = (f"Measured: mean ± half of its 95 % interval over {seeds} seeds.",) if seeds > 1 else ()
    return Table(
        title=f"{claim.title}, {variant}" if variant else claim.title,
        columns=("case", "expected", "within", "measured", "verdict"),
        numeric=(False, True, True, True, False),
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
    '2.944'
    >>> expected_words(Case(key="all", relation="above", expected=0.0))
    '> 0'
    """
    sign = {"equals": "", "above": "> ", "below": "< "}[case.relation]
    return f"{sign}{case.expected:.4g}"


def tolerance_words(case: Case) -> str:
    """How far from what is expected still counts as equal; empty where nothing is to be equal.

    >>> tolerance_words(Case(key="all", relation="equals", expected=2.944439, within=1e-6))
    '1e-06'
    """
    return f"{case.within:.2g}" if case.relation == "equals" else ""


def _rows(statement: Statement, values: Values) -> tuple[tuple[Cell, ...], ...]:
    found, judged_cases = _measured_by_case(statement, values), answers(statement, values)
    rows = []
    for case in statement.cases:
        words, colour = HOLDS[judged_cases[case.key]]
        texts = case.key, expected_words(case), tolerance_words(case), found[case.key]
        rows.append((*(Cell(text=text) for text in texts), Cell(text=words, verdict=colour)))
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
