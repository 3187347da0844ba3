"""The tables of what is done about gaps: temperature scaling, and each variant against the baseline."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import get_args

from smoothkit.report.numbers import known, p_value
from smoothkit.report.table import Cell, Row, Section, Table
from smoothkit_fairness.cells import interval_cells, methods, scale_of, sections
from smoothkit_fairness.changes import Change, change_of_difference, change_of_group
from smoothkit_fairness.intervals import fixed
from smoothkit_fairness.names import Stage, of_group, of_pair
from smoothkit_fairness.readings import Variant, shows
from smoothkit_fairness.study_tables import MOST_PAIRS
from smoothkit_fairness.verdicts import judge_pairs

STAGES: Mapping[Stage, str] = {
    "": "as the file asks",
    "_scaled": "one temperature",
    "_scaled_by_group": "one per group",
}

SCORES = ("nll", "brier", "ece", "aurc", "excess_aurc")


def temperature_table(variants: Sequence[Variant]) -> Table | None:
    """Scores of the whole test part, and how far the groups' gaps spread, by temperature; None without any."""

    def rows(variant: Variant) -> Iterable[Row]:
        for stage in get_args(Stage):
            values = [known(variant.mean_of_all(f"{name}{stage}")) for name in SCORES]
            spread = _spread_of_gaps(variant, stage)
            if any(value is not None for value in (*values, spread)):
                cells = (Cell(text=fixed(value, 4)) for value in values)
                yield (Cell(text=STAGES[stage]), *cells, Cell(text=fixed(spread)))

    found = sections(variants, rows)
    if not any(len(section.rows) > 1 for section in found):
        return None
    return Table(
        title="Before and after temperature",
        columns=("temperature", "NLL", "Brier", "ECE", "AURC", "excess AURC", "spread of gaps"),
        numeric=(False, *[True] * 6),
        sections=found,
        notes=(
            "Means over seeds; temperatures are fitted on the validation part. Spread of gaps: the largest signed gap "
            "of a group minus the smallest, which is above 0 by chance, the more so the more groups there are.",
        ),
    )


def groups_after_temperature(variants: Sequence[Variant]) -> Table | None:
    """The groups and pairs of each variant after each temperature; None without any, or with too many pairs."""
    known_stages = [(variant, stage) for variant in variants for stage in get_args(Stage)[1:] if _has(variant, stage)]
    if not known_stages or max(len(variant.pairs) for variant, _ in known_stages) > MOST_PAIRS:
        return None
    everything = [
        mean
        for variant, stage in known_stages
        for mean in (
            *(variant.gap(group, stage) for group in variant.groups),
            *(variant.gap_difference(pair, stage) for pair in variant.pairs),
        )
    ]
    scale = scale_of(everything)

    def rows(variant: Variant, stage: Stage) -> Iterable[Row]:
        empty = Cell(text="")
        for group in variant.groups:
            yield (Cell(text=f"gap of {group}"), *interval_cells(variant.gap(group, stage), scale), empty, empty, empty)
        for each in judge_pairs(variant, stage):
            matched = variant.mean_of_all(of_pair("matched_ece_difference", *each.pair, stage))
            yield (
                Cell(text=f"difference {each.pair}"),
                *interval_cells(each.difference, scale),
                Cell(text=p_value(known(each.p_holm))),
                Cell(text=fixed(known(matched), signed=True)),
                Cell(text=each.verdict, verdict="open" if each.verdict == "open" else "different"),
            )

    return Table(
        title="Groups after temperature",
        columns=("", "gap", "95 % interval", "p (Holm)", "ECE", "verdict"),
        numeric=(False, *[True] * 4, False),
        sections=tuple(
            Section(heading=f"{variant.name}: {STAGES[stage]}", rows=tuple(rows(variant, stage)))
            for variant, stage in known_stages
        ),
        notes=(f"As in “By group” and “Between groups”. Intervals: {methods(everything)}.",),
    )


def changes_of(baseline: Variant, variant: Variant) -> dict[str, Change]:
    """By what is changed: the gaps of the groups that both variants have, and their differences unless too many."""
    groups = [group for group in baseline.groups if group in variant.groups]
    pairs = [pair for pair in baseline.pairs if pair in variant.pairs]
    listed = pairs if len(pairs) <= MOST_PAIRS else []
    return {
        **{f"gap of {group}": change_of_group(baseline, variant, "gap", group) for group in groups},
        **{f"difference {pair}": change_of_difference(baseline, variant, pair) for pair in listed},
    }


def change_table(baseline: Variant, variants: Sequence[Variant], limit: float) -> Table | None:
    """What each variant does to the gaps, against the baseline, paired by seed and row; None without others.

    A change is shown whose p-value is at most `limit`, which is corrected for all changes of the study.
    """
    changes = {variant.name: changes_of(baseline, variant) for variant in variants if variant is not baseline}
    everything = [each.moved for by_name in changes.values() for each in by_name.values()]
    if not everything:
        return None
    scale = scale_of(everything)

    def row(name: str, change: Change) -> Row:
        verb = change.verb(limit)
        nothing = "no change shown after correction" if shows(change.moved) else "no change shown"
        verdict = Cell(text=verb or nothing, verdict="different" if verb else "open")
        return (Cell(text=name), *interval_cells(change.moved, scale), verdict)

    return Table(
        title=f"Against “{baseline.name}”",
        columns=("", "change", "95 % interval", "verdict"),
        numeric=(False, True, True, False),
        sections=tuple(
            Section(heading=name, rows=tuple(row(*item) for item in by_name.items()))
            for name, by_name in changes.items()
            if by_name
        ),
        notes=(
            f"Paired by seed and test row; intervals of 95 %, each on its own: {methods(everything)}. Verdicts: at 5 % "
            "after Holm's correction over all changes that tables and sentences of this study are about. What is said "
            "is what became of the signed value: it fell or rose above 0, came nearer to 0 or moved away from it below "
            "0, changed sign; or changed, where it is not shown which of these.",
        ),
    )


def _has(variant: Variant, stage: Stage) -> bool:
    """Whether any group was measured at a stage."""
    return any(math.isfinite(variant.gap(group, stage).estimate) for group in variant.groups)


def _spread_of_gaps(variant: Variant, stage: Stage) -> float | None:
    gaps = (variant.mean_of_all(of_group("gap", group, stage)) for group in variant.groups)
    finite = [gap for gap in gaps if math.isfinite(gap)]
    return max(finite) - min(finite) if len(finite) > 1 else None
