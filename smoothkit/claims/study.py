"""What a scenario of claims makes of its evidence: the result of a run, and the conclusion over all of them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from smoothkit.claims.claim import Claim
from smoothkit.claims.finding import Finding, Values, claim_table, counted, findings_of, line, values_of
from smoothkit.claims.notebook import Notebook
from smoothkit.claims.verdict import FALSE, IN_PART, KINDS, NOT_SHOWN, TRUE, kind, verdict
from smoothkit.conclusion import Conclusion, Findings
from smoothkit.report.table import Cell, Section, Table, Verdict
from smoothkit.scenario import Result

COLOURS: Mapping[str, Verdict] = {TRUE: "better", IN_PART: "different", FALSE: "worse", NOT_SHOWN: "open"}

Load = Callable[[str], Claim[Any]]
"""A claim by its name."""


def claims_result(notebook: Notebook, load: Load) -> Result:
    """The evidence as scalars `claim/statement/case` and figures `claim/figure`, and how many formulas it bears out.

    One seed decides what is said of formulas. What is said of training is left to the conclusion, which has all seeds.
    """
    found = Counter(
        kind(verdict(statement, {place: [value] for place, value in evidence.values.items()}))
        for name, evidence in notebook.evidence.items()
        for statement in load(name).statements
        if not statement.of_training
    )
    counts = {f"formulas {each}": float(found[each]) for each in (TRUE, IN_PART, FALSE)}
    scalars = {
        f"{name}/{place}": value for name, each in notebook.evidence.items() for place, value in each.values.items()
    }
    figures = {
        f"{name}/{key}": figure for name, each in notebook.evidence.items() for key, figure in each.figures.items()
    }
    return Result(scalars={**counts, **scalars}, figures=figures, headline=tuple(counts))


def claims_conclusion(findings: Findings, names: Iterable[str], load: Load) -> Conclusion:
    """A line for each statement, verdicts counted by claim, and every number in the details.

    Every variant is judged. After the first one only the lines are said whose verdict differs from the first's.
    Pictures stand with the runs that they are of.
    """
    names = tuple(names)
    measured = {variant: found for variant, runs in findings.results.items() if (found := measured_in(runs, names))}
    words, tables, details, usual = [], [], [], set()
    for variant, by_claim in measured.items():
        name = variant if len(findings.results) > 1 else None
        of_which = f"{name}: " if name else ""
        by_title = {load(claim).title: findings_of(load(claim), values) for claim, values in by_claim.items()}
        found = [finding for every in by_title.values() for finding in every]
        shorter = f" Only verdicts that differ from those of {next(iter(measured))} follow." if words else ""
        words += [of_which + counted(found) + shorter]
        words += [of_which + line(each) for each in found if (each.statement, each.verdict) not in usual]
        usual = usual or {(each.statement, each.verdict) for each in found}
        tables.append(kinds_table(by_title, name))
        seeds = len(findings.results[variant])
        details += [claim_table(load(claim), values, seeds, name) for claim, values in by_claim.items()]
    return Conclusion(words=tuple(words), tables=tuple(tables), details=tuple(details))


def measured_in(results: Mapping[int, Result], names: Iterable[str]) -> dict[str, Values]:
    """What the seeds measured, by claim; without the claims that were not asked for."""
    scalars = [result.scalars for result in results.values()]
    return {name: values for name in names if (values := values_of(name, scalars))}


def kinds_table(found: Mapping[str, Sequence[Finding]], variant: str | None) -> Table:
    """How many statements of each claim, by its title, got which kind of verdict."""
    rows = []
    for title, every in found.items():
        counts = Counter(kind(each.verdict) for each in every)
        cells = (Cell(text=str(counts[each]), verdict=COLOURS[each] if counts[each] else None) for each in KINDS)
        rows.append((Cell(text=title), *cells))
    return Table(
        title=f"Statements by verdict, {variant}" if variant else "Statements by verdict",
        columns=("claim", *KINDS),
        numeric=(False, *[True] * len(KINDS)),
        sections=(Section(rows=tuple(rows)),),
    )
